"""One row of a price file: what it says, and what is wrong with it whatever the other rows say (R8)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from dataclasses import replace as but
from decimal import Decimal
from typing import NamedTuple

from domain.errors import N_, Invalid
from domain.price_match import Catalogue
from domain.prices import Offer

_OF_TOTALS = N_(
    "If this row adds up others, take it away; else write the service's code, or its name as it is in the list of services."
)


@dataclass(frozen=True)
class Fault:
    """What is wrong with a row, and in which column."""

    column: str
    said: Invalid


class Currency(NamedTuple):
    """A currency that a file says a price is in, and in which column; ``is_title`` where it is the title that says so."""

    said: str
    column: str
    is_title: bool = False


@dataclass(frozen=True)
class Line:
    """One row of a file. Without ``amount`` its price cell is empty, or wrong, as ``faults`` say.

    ``written`` is the code sign by sign, and ``code`` as a person sees it. ``is_total`` says that it is one unless a service
    is called so; ``may_be_total``, that it begins as one. ``merged`` are the first and the last row that have its price in
    common; ``continues`` says that its code is that of the row above, and that it has no price of its own.
    """

    number: int
    code: str
    name: str
    amount: Decimal | None
    currencies: tuple[Currency, ...] = ()
    columns: dict[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    is_total: bool = False
    may_be_total: bool = False
    written: str = ""
    merged: tuple[int, int] | None = None
    continues: bool = False

    def column(self, kind: str) -> str:
        return self.columns.get(kind) or self.columns.get("name") or self.columns.get("code") or ""


def whole(line: Line) -> Fault | None:
    """What is wrong with the row as a whole: then none of its cells can be relied on."""
    return next((fault for fault in line.faults if not fault.column), None)


def of_service(line: Line, said: Invalid | None) -> Fault | None:
    """``said`` of the service that the row names; a row that begins as a total does may be none of a service."""
    if said and line.may_be_total and said.reason == "service-unknown":
        said.mend_id = _OF_TOTALS
    return Fault(line.column("code" if line.code else "name"), said) if said else None


def is_heading(line: Line) -> bool:
    """A row with a name or a code alone, above or between the examinations."""
    return line.amount is None and not line.faults and not (line.code and line.name)


def own_rows(lines: Sequence[Line], catalogue: Catalogue) -> list[Line]:
    """The lines without those that only continue the one above: no service is called so, and nothing is wrong with them.

    One price for several of the others is wrong in each: nobody can say whether it is that of each, or of all together.
    """
    rows = [
        line for line in lines if not line.continues or line.faults or catalogue.knows(line.code, line.name)
    ]
    several = Counter(line.merged for line in rows)
    return [
        but(line, amount=None, faults=(Fault("", _merged(*line.merged)), *line.faults))
        if line.merged and several[line.merged] > 1
        else line
        for line in rows
    ]


def _merged(first: int, last: int) -> Invalid:
    return Invalid(
        "The price cell is merged over the rows {first} to {last}.",
        mend="Undo the merge, and write the price in each row.",
        code="cell-unfit",
        first=first,
        last=last,
    )


def foreign(line: Line, currency: str) -> Fault | None:
    found = next((one for one in line.currencies if one.said != currency), None)
    if found is None:
        return None
    said = Invalid(
        "The price is in {said}, and this channel's prices are in {currency}.",
        mend=(
            N_("Correct the title of the column, or the prices.")
            if found.is_title
            else N_("Write the price in {currency}.")
        ),
        code="currency-foreign",
        said=found.said,
        currency=currency,
    )
    return Fault(found.column, said)


def empty(line: Line, offer: Offer, cleared: bool) -> Fault:
    or_none = N_("Write a price, or leave it so if the service should have none.")
    if offer.price is None:
        said = Invalid(
            "The price cell is empty, and the service has no price.", mend=or_none, code="price-empty"
        )
    elif cleared:
        said = Invalid(
            "The price cell is empty; the service loses its price.", mend=or_none, code="price-empty"
        )
    else:
        said = Invalid(
            "The price cell is empty; the service keeps its price of {price}.",
            mend="Write a price where it should change.",
            code="price-empty",
            price=offer.price.amount,
        )
    return Fault(line.column("price"), said)
