"""Prices that are a slip more often than a wish: they are saved only once somebody says that they are meant (R8)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import NamedTuple

from domain.errors import N_, Invalid
from domain.prices import Offer, Priced, is_sudden

_ABOVE_HIGHEST, _ABOVE_MEDIAN = 20, 100
# What no examination costs where there is nothing to compare it with: 20,000 € in the currency's own money, or less.
_LARGE = Decimal(100_000)
_LARGE_IN = {"HUF": Decimal(10_000_000)}
_MEND = N_("Check it. If it is meant, send it again with confirm=true.")


class _Usual(NamedTuple):
    highest: Decimal
    median: Decimal


@dataclass(frozen=True)
class Yardstick:
    """What is usual on a channel, by currency: its prices before an edit."""

    usual: Mapping[str, _Usual]

    @classmethod
    def of(cls, offers: Iterable[Offer]) -> "Yardstick":
        amounts: defaultdict[str, list[Decimal]] = defaultdict(list)
        for offer in offers:
            if offer.price:
                amounts[offer.price.currency].append(offer.price.amount)
        return cls({currency: _Usual(max(found), median(found)) for currency, found in amounts.items()})

    def doubt(self, old: Priced | None, new: Priced) -> Invalid | None:
        """What to say where a price moves more than tenfold, or is new and far above the channel's others."""
        if old is None or old.currency != new.currency:
            return self._absurd(new)
        if not is_sudden(old.amount, new.amount):
            return None
        return Invalid(
            "The price goes from {old} to {new}.",
            mend=_MEND,
            code="price-sudden",
            old=old.amount,
            new=new.amount,
        )

    def _absurd(self, new: Priced) -> Invalid | None:
        usual = self.usual.get(new.currency)
        if usual is None:
            if new.amount <= _LARGE_IN.get(new.currency, _LARGE):
                return None
            return Invalid(
                "The price of {new} is very high.", mend=_MEND, code="price-sudden", new=new.amount
            )
        if new.amount <= usual.highest * _ABOVE_HIGHEST and new.amount <= usual.median * _ABOVE_MEDIAN:
            return None
        return Invalid(
            "The price of {new} is far above the channel's others, of which the highest is {highest}.",
            mend=_MEND,
            code="price-sudden",
            new=new.amount,
            highest=usual.highest,
        )
