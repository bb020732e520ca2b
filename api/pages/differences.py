"""What is not as it was tested (R12), line by line in the reader's language."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from adapters.i18n import format_money, say
from domain.errors import N_
from domain.model import Money
from domain.tested import Difference, Differing, What

LINES = {
    What.ENABLED: N_("The channel: disabled → enabled"),
    What.DISABLED: N_("The channel: enabled → disabled"),
    What.ADDED: N_("Newly ticked: {service}"),
    What.REMOVED: N_("No longer ticked: {service}"),
    What.DURATION: N_("Duration of {service}: {old} → {new} minutes"),
    What.PRICE: N_("Price of {service}: {old} → {new}"),
}
NO_PRICE = N_("none")


@dataclass(frozen=True)
class Changes:
    """``lines`` of the first of them, and how many ``more`` there are."""

    lines: tuple[str, ...]
    more: int


def changes(kept: Mapping[str, Any] | None, language: str) -> Changes | None:
    """A difference as the API gives it, in words; None where it is not known."""
    if kept is None:
        return None
    found = Difference.model_validate(kept)
    lines = tuple(_line(one, language) for one in found.listed)
    return Changes(lines, max(0, sum(found.totals.values()) - len(lines)))


def _line(one: Differing, language: str) -> str:
    shown = _price if one.what is What.PRICE else _plain
    service = " ".join(part for part in (one.code, one.name) if part) or (one.service_id or "")
    gaps = {"service": service, "old": shown(one.old, language), "new": shown(one.new, language)}
    return say(language, LINES[one.what], gaps)


def _plain(value: str | None, _: str) -> str:
    return value or ""


def _price(value: str | None, language: str) -> str:
    if value is None:
        return say(language, NO_PRICE)
    amount, _, currency = value.partition(" ")
    try:
        return format_money(Money(amount=Decimal(amount), currency=currency), language)
    except (InvalidOperation, ValueError):  # kept by an older release
        return value
