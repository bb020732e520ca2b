"""What keeps a service itself from being bookable: ticks, calendars, prices, the partner's answer (R6–R8, R14, R20)."""

from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any

from domain.connection import ConnectionStatus
from domain.facts import FactName, Remedy
from domain.model import Party
from domain.reason_texts import ASKED_ON, DELETED_BY, HELD_BY_PAUSE, TEXTS, TOO_SHORT, UNTICKED_BY, reason_of
from domain.reasons import Code, Reason, Severity
from domain.snapshot import Asked, Known, Rejected, ServiceFacts, Snapshot

_MINUTE = timedelta(minutes=1)


def is_mended_by_resuming(reason: Reason) -> bool:
    """Whether our pause of the connection is what is in the way: resuming it is the remedy (R14)."""
    held = reason.code == Code.SERVICE_AWAITING_PARTNER and reason.party is Party.US
    return held or reason.code == Code.CONNECTION_PAUSED


class OwnReasons:
    """The reasons of a channel's services. Most services share theirs: each is made once."""

    def __init__(self, snapshot: Snapshot) -> None:
        partner, clinic, warning = snapshot.playbook.name, Party.PROVIDER, Severity.WARNING
        self._live, link = snapshot.is_live, snapshot.link
        self._paused = link.since if link and link.status is ConnectionStatus.PAUSED else None
        self._prices, self._calendars = map(snapshot.wants, (FactName.PRICES_SET, FactName.CALENDARS_SET))
        price: dict[str, Any] = {"fact": FactName.PRICES_SET, "remedy": Remedy.SET_PRICES}
        hours: dict[str, Any] = {"fact": FactName.CALENDARS_SET, "remedy": Remedy.PUT_CALENDAR}
        self._no_price = reason_of(Code.SERVICE_NO_PRICE, party=clinic, **price)
        self._no_calendar = reason_of(Code.SERVICE_NO_CALENDAR, party=clinic, **hours)
        self._no_opening = reason_of(
            Code.SERVICE_NO_OPENING,
            party=clinic,
            severity=Severity.BLOCKING if self._calendars else warning,
            days=str(snapshot.days),
        )
        self._partner = partner
        self._not_ticked = cache(_not_ticked)
        self._too_short = cache(self._told_short)
        self._awaiting = cache(self._told_awaiting)

    def of(self, service: ServiceFacts) -> tuple[Reason, ...]:
        """Blocking ones first; of a deleted service nothing else is said."""
        if service.deleted is not None:
            return (_deletion(service.deleted),)
        told: list[Reason] = []
        if not service.ticked:
            told.append(self._not_ticked(service.unticked))
        if not service.has_availability:
            reasons = self._without_availability(service.duration, service.longest_opening)
            told.extend(_since(reason, service.uncovered) for reason in reasons)
        if self._prices and not service.priced:
            told.append(_since(self._no_price, service.unpriced))
        if self._live and service.ticked and service.confirmed_by_partner is False:
            told.append(self._awaiting(service.asked))
        if self._live and service.rejected is not None:
            told.append(self._rejected(service.rejected))
        return tuple(sorted(told, key=lambda one: not one.blocks))

    def _told_awaiting(self, asked: Asked | None) -> Reason:
        """How far it is with the partner's confirmation, and whose move it is (R14, R19)."""
        named = {"partner": self._partner}
        if asked is not None and asked.refused is not None:
            code = Code.SERVICE_DECLINED if asked.is_declined else Code.SERVICE_NOTICE_FAILED
            return reason_of(code, party=Party.US, since=asked.refused, why=asked.why or "–", **named)
        told = reason_of(Code.SERVICE_AWAITING_PARTNER, party=Party.PARTNER, **named)
        if self._paused is not None and (asked is None or asked.sent is None):
            ours = {"text": HELD_BY_PAUSE, "party": Party.US, "since": self._paused}
            return told.model_copy(update=ours)
        if asked is None:
            return told
        if asked.sent is None:
            return told.model_copy(update={"since": asked.at})
        gaps = {**named, "when": asked.sent}
        return told.model_copy(update={"text": ASKED_ON, "gaps": gaps, "since": asked.sent})

    def _rejected(self, known: Rejected) -> Reason:
        return reason_of(
            Code.SERVICE_REJECTED,
            party=Party.US,
            severity=Severity.WARNING,
            since=known.at,
            partner=self._partner,
            why=known.why or "–",
        )

    def _without_availability(self, duration: timedelta, longest: timedelta | None) -> Iterator[Reason]:
        """Why exactly; where the playbook asks for no calendars, being in none is no fault."""
        if longest is not None:
            yield self._too_short(duration, longest) if longest else self._no_opening
        elif self._calendars:
            yield self._no_calendar

    def _told_short(self, duration: timedelta, longest: timedelta) -> Reason:
        lengths = {"minutes": str(duration // _MINUTE), "longest": str(longest // _MINUTE)}
        gaps = {**self._no_opening.gaps, **lengths}
        return self._no_opening.model_copy(update={"text": TOO_SHORT, "gaps": gaps})


def _since(reason: Reason, known: Known | None) -> Reason:
    """The same, with when and by whom it came about, where the history knows (R20)."""
    return reason if known is None else reason.model_copy(update={"since": known.at, "by": known.by})


def _not_ticked(unticked: Known | None) -> Reason:
    """With when and by whom it was unticked, where it ever was (R20)."""
    told = reason_of(Code.SERVICE_NOT_TICKED, party=Party.PROVIDER, remedy=Remedy.PUBLISH_SERVICES)
    if unticked is None:
        return told
    named = {"text": UNTICKED_BY, "gaps": {"when": unticked.at, "by": unticked.by}} if unticked.by else {}
    return told.model_copy(update={"since": unticked.at, "by": unticked.by, **named})


def _deletion(deleted: Known) -> Reason:
    return Reason(
        code=Code.SERVICE_DELETED,
        text=TEXTS[Code.SERVICE_DELETED] if deleted.by is None else DELETED_BY,
        gaps={"when": deleted.at, "by": deleted.by or ""},
        party=Party.PROVIDER,
        since=deleted.at,
        by=deleted.by,
    )
