"""Bulk changes of a price list without a file: set, raise, copy, clear, take back (R8).

As with a file, prices that are set, raised or copied are marked where they are sudden.
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from domain.errors import Invalid
from domain.price_doubts import Yardstick
from domain.price_import import Verdict, Weighed, watched
from domain.price_rows import Fault
from domain.prices import HIGHEST, Offer, Priced, Status, raised


def set_all(offers: Sequence[Offer], wanted: Mapping[str, Priced], *, replace: bool) -> Weighed:
    """These prices by service; who is not named keeps its price, or loses it with ``replace``."""
    usual = Yardstick.of(offers)
    verdicts = [
        watched(becomes(offer, found), usual)
        for offer in offers
        if (found := wanted.get(offer.id)) or (replace and offer.price)
    ]
    return Weighed(verdicts, skipped=0)


def raise_all(
    offers: Sequence[Offer], percent: Decimal, rounding: Decimal, only: Collection[str] | None = None
) -> Weighed:
    """Every price (those of the services ``only``) raised by percent; services without a price stay without."""
    wanted = {
        offer.id: _raised(offer.price, percent, rounding)
        for offer in offers
        if offer.price and (only is None or offer.id in only)
    }
    return set_all(offers, wanted, replace=False)


def copy_all(
    offers: Sequence[Offer],
    source: Mapping[str, Priced],
    percent: Decimal,
    rounding: Decimal,
    *,
    replace: bool,
) -> Weighed:
    """The other channel's prices, raised by percent; who has none there keeps its price, or loses it with ``replace``."""
    wanted = {id: _raised(price, percent, rounding) for id, price in source.items()}
    return set_all(offers, wanted, replace=replace)


def clear_all(offers: Sequence[Offer], only: Collection[str] | None = None) -> Weighed:
    """No prices (of the services ``only``) any more."""
    return Weighed(
        [becomes(offer, None) for offer in offers if offer.price and (only is None or offer.id in only)],
        skipped=0,
    )


def take_back(offers: Sequence[Offer], before: Mapping[str, Priced | None]) -> Weighed:
    """The prices that services had before an edit; services that are deleted since are skipped."""
    living = [offer for offer in offers if offer.id in before]
    return Weighed([becomes(offer, before[offer.id]) for offer in living], skipped=len(before) - len(living))


def becomes(offer: Offer, new: Priced | None) -> Verdict:
    """The verdict on a service that is to have this price; an error where nothing can cost that."""
    if new is not None and not 0 < new.amount <= HIGHEST:
        said = Invalid(
            "The price would become {new}.",
            mend="Use another percentage or rounding, or leave this service out.",
            code="price-out-of-range",
            new=new.amount,
        )
        return Verdict(None, Status.ERROR, offer, error=Fault("", said))
    if offer.price == new:
        return Verdict(None, Status.UNCHANGED, offer, new)
    if new is None:
        return Verdict(None, Status.CLEARED, offer)
    return Verdict(None, Status.CHANGED if offer.price else Status.NEW, offer, new)


def _raised(price: Priced, percent: Decimal, rounding: Decimal) -> Priced:
    return Priced(price.service_id, raised(price.amount, percent, rounding), price.currency)
