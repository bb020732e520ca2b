"""What a number format of a workbook makes of a number: a day, a share, money of some currency."""

import re
from typing import NamedTuple

from adapters.price_files.currencies import currency_in, currency_said
from adapters.price_files.grid import Odd

# Formats that a file refers to without spelling them out; those of 27 to 58 are dates in some languages only.
_DATES = frozenset([*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)])
_PERCENTAGES = frozenset([9, 10])
_LONGEST = 255
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
# What a format shows as it is: quoted and escaped signs, currencies and colours in brackets, gaps, its own name.
_ASIDE = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|[_*].|\[\$(?P<currency>[^\]-]*)[^\]]*\]|\[[^\]]*\]|General|Standard',
    re.IGNORECASE | re.DOTALL,
)
_FRACTION = re.compile(r"s[.,]0+", re.IGNORECASE)
_PLACES = re.compile("[0#?.,]")


class Format(NamedTuple):
    """What a number shown so is; ``odd`` where it is no amount, else the currency that stands beside it, if any."""

    odd: Odd | None = None
    currency: str | None = None


def built_in(number: int) -> Format:
    """The format with that number, which the file does not spell out: its currency is that of whoever looks."""
    if number in _DATES:
        return Format(Odd.DATE)
    return Format(Odd.PERCENTAGE) if number in _PERCENTAGES else Format()


def format_of(code: str) -> Format:
    """The format that a code spells out."""
    code = code[:_LONGEST]
    positive = _ASIDE.sub("", code).partition(";")[0]
    if _ELAPSED.search(code) or _is_day(positive):
        return Format(Odd.DATE)
    return Format(Odd.PERCENTAGE) if "%" in positive else Format(currency=_currency(code))


def _is_day(code: str) -> bool:
    """A code with places for digits shows a number, as “0.00 USD” does."""
    bare = _FRACTION.sub("s", code)
    return bool(re.search("[dmyhs]", bare, re.IGNORECASE)) and not re.search("[0#?]", bare)


def _currency(code: str) -> str | None:
    for found in _ASIDE.finditer(code):
        if symbol := (found["currency"] or "").strip():
            return currency_said(symbol)
    texts = _ASIDE.sub(lambda found: found["quoted"] or found["escaped"] or " ", code)
    return currency_in(_PLACES.sub(" ", texts))
