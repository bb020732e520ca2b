"""One row of a price file: what it says, and what is wrong with it whatever the other rows say (R8)."""

from dataclasses import dataclass, field
from decimal import Decimal

from domain.errors import N_, Invalid
from domain.prices import Offer

_OF_TOTALS = N_(
    "If this row adds up others, take it away; else write the service's code, or its name as it is in the list of services."
)


@dataclass(frozen=True)
class Fault:
    """What is wrong with a row, and in which column."""

    column: str
    said: Invalid


@dataclass(frozen=True)
class Line:
    """One row of a file. Without ``amount`` its price cell is empty, or wrong, as ``faults`` say.

    ``written`` is the code sign by sign, and ``code`` as a person sees it. ``is_total`` says that it is one unless a service
    is called so; ``may_be_total``, that it begins as one.
    """

    number: int
    code: str
    name: str
    amount: Decimal | None
    currencies: tuple[tuple[str, str], ...] = ()
    columns: dict[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    is_total: bool = False
    may_be_total: bool = False
    written: str = ""

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


def foreign(line: Line, currency: str) -> Fault | None:
    for kind, said in line.currencies:
        if said != currency:
            problem = Invalid(
                "The price is in {said}, and this channel's prices are in {currency}.",
                mend="Write the price in {currency}.",
                code="currency-foreign",
                said=said,
                currency=currency,
            )
            return Fault(line.column(kind), problem)
    return None


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
