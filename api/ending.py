"""An end that is not proven yet (R17): what is said of it, and when the partner's own word may close it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from adapters.database.connection_tables import ConnectionRow, DeliveryRow
from adapters.i18n import say
from api.troubles import trouble_said
from domain.connection import Comparison, ConnectionStatus
from domain.delivery import DeliveryType, Verdict
from domain.errors import N_

OUT_OF_REACH_AFTER = timedelta(days=1)
MAY_NOT_KNOW = N_("Closed here; the partner may not know yet")
DOES_NOT_SAY = N_("Closed here; the partner does not say what it still holds: {answer}")
STILL_HOLDS = N_("Closed here; the partner took the end, but says that it still holds services: {n}")

NOT_CONFIRMED = N_("Closed here; the partner has not confirmed the end of services: {n}")


def ending_said(language: str, comparison: Mapping[str, Any] | None) -> str:
    """How an end stands. ``comparison`` is what the partner answered since it took the end, None while it has not."""
    said = Comparison.model_validate(comparison) if comparison else None
    if said and said.detail:
        return say(language, DOES_NOT_SAY, {"answer": trouble_said(said.detail, language)})
    if said and said.held:
        return say(language, STILL_HOLDS if said.known else NOT_CONFIRMED, {"n": said.held})
    return say(language, MAY_NOT_KNOW)


def may_be_confirmed(row: ConnectionRow, waiting: DeliveryRow | None, now: datetime) -> bool:
    """Whether the partner's word may close it: its system took the end, refused it, or was out of reach for a day."""
    if row.status != ConnectionStatus.ENDING:
        return False
    if waiting is None:
        return row.comparison is not None
    if waiting.type != DeliveryType.ENDED:
        return False
    return waiting.verdict == Verdict.REFUSED or now - waiting.created_at >= OUT_OF_REACH_AFTER
