"""What a price file would do to a price list: row by row, each matched with a service of the provider (R8)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as but

from domain.errors import N_, Invalid
from domain.price_doubts import Yardstick
from domain.price_match import Catalogue
from domain.price_rows import Fault, Line, empty, foreign, is_heading, of_service, own_rows, whole
from domain.prices import Offer, Priced, Status


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
    """All verdicts in the order of the file; ``skipped`` rows were headings, totals, and second lines of a service."""

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

    A service without a row keeps its price, or loses it with ``replace``, as one with an empty price cell does. While
    a row is wrong nothing is lost, since nobody can say which service it means. Invalid where ``replace`` would only
    take away.
    """
    catalogue, usual = Catalogue(offers), Yardstick.of(offers)
    verdicts: list[Verdict] = []
    rows = own_rows(lines, catalogue)
    skipped = len(lines) - len(rows)
    for line in rows:
        offer, said, odd = catalogue.find(line.code, line.name, line.written)
        if offer is None and (line.is_total or is_heading(line)):
            skipped += 1
            continue
        fault, warning = of_service(line, said), of_service(line, odd)
        error = whole(line) or fault or next(iter(line.faults), None) or foreign(line, currency)
        verdicts.append(watched(_verdict(line, offer, error, warning, currency, replace), usual))
    _settle_duplicates(verdicts)
    if replace:
        verdicts = _all_that_goes(verdicts, offers)
    found = Weighed(verdicts, skipped)
    if replace:
        _must_price_something(found)
    return found


def _all_that_goes(verdicts: list[Verdict], offers: Sequence[Offer]) -> list[Verdict]:
    """The verdicts with those of the services that no row names: each loses its price, or, where a row is wrong, none."""
    named = {one.offer.id for one in verdicts if one.offer}
    unnamed = [offer for offer in offers if offer.price is not None and offer.id not in named]
    verdicts = [*verdicts, *(Verdict(None, Status.CLEARED, offer) for offer in unnamed)]
    if all(one.status is not Status.ERROR for one in verdicts):
        return verdicts
    return [_kept(one) if one.status is Status.CLEARED else one for one in verdicts]


def _kept(one: Verdict) -> Verdict:
    said = Invalid(
        "The service keeps its price: while a row is wrong, “replace” takes none away.",
        mend="Mend the wrong rows and send the file again.",
        code="price-kept",
    )
    price = one.offer.price if one.offer else None
    column = one.line.column("price") if one.line else ""
    return but(one, status=Status.UNCHANGED, new=price, warning=Fault(column, said))


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
            warning=warning or empty(line, offer, cleared),
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


def _must_price_something(found: Weighed) -> None:
    """A form that nobody filled in is no order to clear the list."""
    if found.cleared and not any(one.line and one.new for one in found.verdicts):
        raise Invalid(
            "No row of the file has a price that can be kept, and mode=replace would take every price away.",
            mend="Send a file with prices. To clear all prices, use the call “clear”.",
            code="file-without-prices",
        )


def _settle_duplicates(verdicts: list[Verdict]) -> None:
    """Rows of the same service: alike, the first counts; different, or only some with a price, all of them are wrong."""
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
        differ = _differ(same)
        for one in same if not alike else same[1:]:
            if one.line is None or one.status is Status.ERROR:
                continue
            _mark_duplicate(one, numbers, alike, differ)


def _differ(same: Sequence[Verdict]) -> bool:
    """Whether two rows without fault give different prices."""
    usable = {one.line.amount for one in same if one.line and one.status is not Status.ERROR}
    return len(usable - {None}) > 1


def _mark_duplicate(one: Verdict, numbers: str, alike: bool, differ: bool) -> None:
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
        N_("The service has several rows ({lines}) with different prices.")
        if differ
        else N_("The service has several rows ({lines}), and one of them has no price that can be used."),
        mend="Keep the row with the right price.",
        code="service-twice",
        lines=numbers,
    )
    one.status, one.error, one.warning, one.is_sudden = Status.ERROR, Fault(column, said), None, False
