"""Prices: what one is, how it is raised and rounded, and which edits of a price list stand in an undo's way.

Every change of a channel's prices is one edit (R8, R16): who, when, and for each service old → new.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import NamedTuple

MOST_SERVICES = 20_000
HIGHEST = Decimal("99999999.99")
CENT = Decimal("0.01")
SUDDEN = 10


class Source(StrEnum):
    """By which call a price list was changed."""

    PUT = "put"
    SET = "set"
    IMPORT = "import"
    COPY = "copy"
    RAISE = "raise"
    CLEAR = "clear"
    UNDO = "undo"


class Status(StrEnum):
    """What becomes of one service's price, or of one row of a file."""

    NEW = "new"
    CHANGED = "changed"
    CLEARED = "cleared"
    UNCHANGED = "unchanged"
    ERROR = "error"


@dataclass(frozen=True)
class Priced:
    """A service's price on one channel."""

    service_id: str
    amount: Decimal
    currency: str


@dataclass(frozen=True)
class Offer:
    """A living service, and its price on the channel in question."""

    id: str
    code: str
    name: str
    minutes: int
    price: Priced | None = None


class Later(NamedTuple):
    """An edit made after another one, on services of that one; ``undoes`` is the edit it took back."""

    id: str
    undoes: str | None


def raised(amount: Decimal, percent: Decimal, rounding: Decimal = CENT) -> Decimal:
    """The amount and so many percent more (less, where below zero), to a multiple of ``rounding``, half up."""
    exact = amount * (100 + percent) / 100
    return ((exact / rounding).quantize(Decimal(1), ROUND_HALF_UP) * rounding).quantize(CENT)


def is_sudden(old: Decimal, new: Decimal) -> bool:
    """Whether a price moves by more than ×10 or ÷10, which is a slip more often than a wish."""
    return new > old * SUDDEN or new * SUDDEN < old


def in_the_way(later: Sequence[Later]) -> str | None:
    """The newest of the later edits (given newest first) that still holds; None where each was taken back."""
    known = {edit.id for edit in later}
    taken_back: set[str] = set()
    for edit in later:
        if edit.id in taken_back:
            continue
        if edit.undoes not in known:
            return edit.id
        taken_back.add(str(edit.undoes))
    return None
