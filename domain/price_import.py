"""What a price file would do to a price list: row by row, each matched with a service of the provider (R8)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from dataclasses import replace as but
from decimal import Decimal

from domain.errors import N_, Invalid
from domain.price_doubts import Yardstick
from domain.price_match import Catalogue
from domain.prices import Offer, Priced, Status


@dataclass(frozen=True)
class Fault:
    """What is wrong with a row, and in which column."""

    column: str
    said: Invalid


@dataclass(frozen=True)
class Line:
    """One row of a file. Without ``amount`` its price cell is empty, or wrong, as ``faults`` say.

    ``written`` is the code sign by sign, and ``code`` as a person sees it.
    """

    number: int
    code: str
    name: str
    amount: Decimal | None
    currencies: tuple[tuple[str, str], ...] = ()
    columns: dict[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    is_total: bool = False
    written: str = ""

    def column(self, kind: str) -> str:
        return self.columns.get(kind) or self.columns.get("name") or self.columns.get("code") or ""


@dataclass
class Verdict:
    """What becomes of a row, or of a service that the file does not name (without line)."""

    line: Line | None
    status: Status
    offer: Offer | None = None
    new: Priced | None = None
    error: Fault | None = None
    warning: Fault | None = None
    is_sudden: bool = False


@dataclass(frozen=True)
class Weighed:
    """All verdicts in the order of the file; ``skipped`` rows were headings and totals."""

    verdicts: list[Verdict]
    skipped: int

    @property
    def prices(self) -> list[Priced]:
        return [one.new for one in self.verdicts if one.new and one.status in (Status.NEW, Status.CHANGED)]

    @property
    def cleared(self) -> list[str]:
        return [one.offer.id for one in self.verdicts if one.offer and one.status is Status.CLEARED]

    def count(self, status: Status) -> int:
        return sum(one.status is status for one in self.verdicts)


def weigh(lines: Sequence[Line], offers: Sequence[Offer], currency: str, *, replace: bool) -> Weighed:
    """Compares the rows with the services and their prices on a channel with that currency.

    A service without a row keeps its price, or loses it with ``replace``, as one with an empty price cell does.
    A service that a wrong row names, or may mean, keeps its price in either case. Invalid where ``replace`` would only take away.
    """
    catalogue, usual = Catalogue(offers), Yardstick.of(offers)
    verdicts: list[Verdict] = []
    skipped, spared = 0, set[str]()
    for line in lines:
        offer, said, odd, near = catalogue.find(line.code, line.name, line.written)
        if offer is None and (line.is_total or _is_heading(line)):
            skipped += 1
            continue
        spared |= {one.id for one in near}
        fault, warning = _of_service(line, said), _of_service(line, odd)
        error = _whole(line) or fault or next(iter(line.faults), None) or _foreign(line, currency)
        verdicts.append(watched(_verdict(line, offer, error, warning, currency, replace), usual))
    _settle_duplicates(verdicts)
    if replace:
        named = spared | {one.offer.id for one in verdicts if one.offer}
        verdicts += [
            Verdict(None, Status.CLEARED, offer)
            for offer in offers
            if offer.price is not None and offer.id not in named
        ]
    found = Weighed(verdicts, skipped)
    if replace:
        _must_price_something(found)
    return found


def _verdict(
    line: Line, offer: Offer | None, error: Fault | None, warning: Fault | None, currency: str, replace: bool
) -> Verdict:
    if offer is None or error:
        return Verdict(line, Status.ERROR, offer, error=error)
    if line.amount is None:
        cleared = replace and offer.price is not None
        return Verdict(
            line,
            Status.CLEARED if cleared else Status.UNCHANGED,
            offer,
            new=None if replace else offer.price,
            warning=warning or _empty(line, offer, cleared),
        )
    new = Priced(offer.id, line.amount, currency)
    old = offer.price
    if old == new:
        return Verdict(line, Status.UNCHANGED, offer, new, warning=warning)
    status = Status.NEW if old is None else Status.CHANGED
    return Verdict(line, status, offer, new, warning=warning)


def watched(one: Verdict, usual: Yardstick) -> Verdict:
    """The verdict, with a warning that asks for confirmation where its price is a slip more often than a wish."""
    is_set = one.status in (Status.NEW, Status.CHANGED)
    said = usual.doubt(one.offer.price, one.new) if is_set and one.offer and one.new else None
    if said is None:
        return one
    column = one.line.column("price") if one.line else ""
    return but(one, warning=Fault(column, said), is_sudden=True)


def _whole(line: Line) -> Fault | None:
    """What is wrong with the row as a whole: then none of its cells can be relied on."""
    return next((fault for fault in line.faults if not fault.column), None)


def _must_price_something(found: Weighed) -> None:
    """A form that nobody filled in is no order to clear the list."""
    if found.cleared and not any(one.line and one.new for one in found.verdicts):
        raise Invalid(
            "No row of the file has a price that can be kept, and mode=replace would take every price away.",
            mend="Send a file with prices. To clear all prices, use the call “clear”.",
            code="file-without-prices",
        )


def _of_service(line: Line, said: Invalid | None) -> Fault | None:
    return Fault(line.column("code" if line.code else "name"), said) if said else None


def _is_heading(line: Line) -> bool:
    """A row with a name or a code alone, above or between the examinations."""
    return line.amount is None and not line.faults and not (line.code and line.name)


def _foreign(line: Line, currency: str) -> Fault | None:
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


def _empty(line: Line, offer: Offer, cleared: bool) -> Fault:
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


def _settle_duplicates(verdicts: list[Verdict]) -> None:
    """Rows of the same service: alike, the first counts; different, all of them are wrong."""
    rows: defaultdict[str, list[Verdict]] = defaultdict(list)
    for one in verdicts:
        if one.offer is not None:
            rows[one.offer.id].append(one)
    for same in rows.values():
        if len(same) == 1:
            continue
        numbers = ", ".join(str(one.line.number) for one in same if one.line)
        alike = (
            len({(one.status is Status.ERROR, one.line.amount if one.line else None) for one in same}) == 1
        )
        for one in same if not alike else same[1:]:
            if one.line is None or one.status is Status.ERROR:
                continue
            _mark_duplicate(one, numbers, alike)


def _mark_duplicate(one: Verdict, numbers: str, alike: bool) -> None:
    column = one.line.column("code") if one.line else ""
    if alike:
        said = Invalid(
            "The service has several rows ({lines}) with the same price; the first one counts.",
            mend="Keep one of them.",
            code="service-twice",
            lines=numbers,
        )
        one.status, one.warning, one.is_sudden = Status.UNCHANGED, Fault(column, said), False
        return
    said = Invalid(
        "The service has several rows ({lines}) with different prices.",
        mend="Keep the row with the right price.",
        code="service-twice",
        lines=numbers,
    )
    one.status, one.error, one.warning, one.is_sudden = Status.ERROR, Fault(column, said), None, False
