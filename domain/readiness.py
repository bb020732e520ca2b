"""The explainer: is a channel, and is each service, bookable; if not, every reason (R5–R9, R14, R18–R20). Pure.

API, pages and mails ask :func:`explain` and nothing else. It re-decides nothing: whether a fact holds is said by
:data:`domain.facts.FACTS`, where an onboarding stands by its :class:`~domain.progress.Progress`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.connection import ConnectionStatus
from domain.facts import FACTS, FactName
from domain.model import Frozen, OnboardingStatus, Party, Text
from domain.reason_texts import DISABLED_BY, STEP_TEXTS, TEXTS, Turn, reason_of
from domain.reasons import FACT_CODES, Code, Gap, Reason, Severity, step_code
from domain.service_reasons import OwnReasons
from domain.snapshot import Known, ServiceFacts, Snapshot
from domain.steps import Step
from domain.steps.check import CheckStep


@dataclass(frozen=True, slots=True)
class ServiceReadiness:
    """One service; not a model, as there are 20,000.

    ``rank`` orders a list: ticked but blocked, not ticked, deleted, with a warning, right.
    """

    id: str
    code: str
    name: str
    bookable: bool
    reasons: tuple[Reason, ...]
    rank: int


class Readiness(Frozen):
    """The channel and its services; what is not bookable has a blocking reason, what is bookable has none."""

    bookable: bool
    status: OnboardingStatus | None
    reasons: tuple[Reason, ...]
    services: tuple[ServiceReadiness, ...]


def is_ticked(service: ServiceReadiness) -> bool:
    """Whether it is published (R7) and not deleted, bookable or not."""
    return service.rank not in (1, 2)


# The partner's confirmation of a new examination is missing: not given yet, denied, or not even asked for (R14).
UNCONFIRMED = frozenset({Code.SERVICE_AWAITING_PARTNER, Code.SERVICE_DECLINED, Code.SERVICE_NOTICE_FAILED})


def is_ready_but_for_the_partner(service: ServiceReadiness) -> bool:
    """Whether nothing is missing but the partner's confirmation of a new examination (R14)."""
    blocking = [reason.code for reason in service.reasons if reason.blocks]
    return len(blocking) == 1 and blocking[0] in UNCONFIRMED


def explain(snapshot: Snapshot) -> Readiness:
    """Every reason, in the order in which mending helps most.

    Blocking before warning, the playbook's order, then by the number of services; services by rank and code.
    """
    own = OwnReasons(snapshot)
    services = [(service, own.of(service)) for service in snapshot.services or ()]
    tried = [reasons for service, reasons in services if service.ticked and service.deleted is None]
    channel = _channel_reasons(snapshot, tried)
    bookable = snapshot.is_live and not any(reason.blocks for reason in channel)
    blamed = channel[0].party if channel else Party.SYSTEM
    blocked = None if bookable else reason_of(Code.SERVICE_CHANNEL_BLOCKED, party=blamed)
    shown = [_service(service, reasons, blocked) for service, reasons in services]
    shown.sort(key=lambda one: (one.rank, one.code, one.id))
    return Readiness(bookable=bookable, status=snapshot.status, reasons=channel, services=tuple(shown))


def _channel_reasons(snapshot: Snapshot, tried: Sequence[tuple[Reason, ...]]) -> tuple[Reason, ...]:
    """``tried`` are the reasons of the ticked services themselves."""
    some_right = any(not any(reason.blocks for reason in reasons) for reasons in tried)
    found = [
        *_onboarding_reasons(snapshot),
        *_connection_reasons(snapshot),
        *_fact_reasons(snapshot, some_right),
        *_step_reasons(snapshot),
    ]
    if not any(reason.blocks for reason in found):
        if not snapshot.is_live:
            found.append(reason_of(Code.ONBOARDING_CATCHING_UP, party=Party.SYSTEM))
        elif tried and not some_right:
            blamed = Counter(next(r for r in reasons if r.blocks).party for reasons in tried)
            party = blamed.most_common(1)[0][0]
            found.append(reason_of(Code.SERVICES_NONE_BOOKABLE, party=party, services=len(tried)))
    order = {step.key: number for number, step in enumerate(snapshot.playbook.in_order())}
    found.sort(key=lambda one: (not one.blocks, order.get(one.step or "", -1), -one.services))
    return tuple(found)


def _onboarding_reasons(snapshot: Snapshot) -> Iterator[Reason]:
    if snapshot.run is None:
        yield reason_of(
            Code.ONBOARDING_NOT_STARTED,
            party=Party.US,
            services=snapshot.facts.published,
            partner=snapshot.playbook.name,
        )
        return
    codes = {
        OnboardingStatus.ON_HOLD: Code.ONBOARDING_ON_HOLD,
        OnboardingStatus.CANCELLED: Code.ONBOARDING_CANCELLED,
        OnboardingStatus.FAILED: Code.ONBOARDING_FAILED,
    }
    if code := codes.get(snapshot.run.progress.status):
        yield reason_of(
            code,
            party=Party.US,
            since=snapshot.run.since,
            services=snapshot.facts.published,
            reason=snapshot.run.progress.reason or "–",
        )


def _connection_reasons(snapshot: Snapshot) -> Iterator[Reason]:
    """How the live connection does, or that it ended (R17, R20); of an onboarding that is live, else nothing."""
    link = snapshot.link
    if link is None or snapshot.status is not OnboardingStatus.LIVE:
        return
    more: dict[str, Any] = {"services": snapshot.facts.published, "partner": snapshot.playbook.name}
    said = {"since": link.since, "when": link.since, "by": link.by, **more}
    match link.status:
        case ConnectionStatus.ENDED:
            yield reason_of(Code.CONNECTION_ENDED, party=Party.US, **said)
        case ConnectionStatus.ENDING:
            party = Party.US if link.refused else Party.PARTNER
            yield reason_of(Code.CONNECTION_ENDING, party=party, **said)
        case ConnectionStatus.PAUSED:
            yield reason_of(Code.CONNECTION_PAUSED, party=Party.US, severity=Severity.WARNING, **said)
    if link.silent_since is not None and link.status is not ConnectionStatus.ENDED:
        silent = {"since": link.silent_since, "when": link.silent_since, **more}
        yield reason_of(Code.PARTNER_SILENT, party=Party.PARTNER, severity=Severity.WARNING, **silent)


def _fact_reasons(snapshot: Snapshot, some_right: bool) -> Iterator[Reason]:
    lacking = {
        FactName.PRICES_SET: snapshot.facts.published_without_price,
        FactName.CALENDARS_SET: snapshot.facts.published_without_calendar,
    }
    for name, fact in FACTS.items():
        if not snapshot.wants(name) or fact.holds(snapshot.facts):
            continue
        step = snapshot.step_of(name)
        code, text, gaps = _told(snapshot, name)
        # On a live channel the services that lack nothing are bookable all the same.
        partly = name in lacking and snapshot.is_live and some_right
        known = _came_about(snapshot, name)
        yield Reason(
            code=code,
            text=text,
            gaps=gaps,
            party=step.actor if step else fact.actor,
            severity=Severity.WARNING if partly else Severity.BLOCKING,
            since=known.at if known else _open_since(snapshot, step),
            by=known.by if known else None,
            step=step.key if step else None,
            fact=name,
            remedy=fact.remedy,
            services=lacking.get(name, snapshot.facts.published),
        )


def _came_about(snapshot: Snapshot, name: FactName) -> Known | None:
    """When and through whom a fact stopped holding, where the history knows (R20)."""
    living = [one for one in snapshot.services or () if one.deleted is None]
    ticked = [one for one in living if one.ticked]
    match name:
        case FactName.CHANNEL_ENABLED:
            return snapshot.disabled
        case FactName.SERVICES_PUBLISHED:
            went = [one.deleted or one.unticked for one in snapshot.services or ()]
            return max((one for one in went if one), key=lambda one: one.at, default=None)
        case FactName.PRICES_SET:
            went = [one.unpriced for one in ticked if not one.priced]
        case FactName.CALENDARS_SET:
            went = [one.uncovered for one in ticked if not one.has_availability]
        case _:
            return None
    return min((one for one in went if one), key=lambda one: one.at, default=None)


def _told(snapshot: Snapshot, name: FactName) -> tuple[Code, Text, dict[str, Gap]]:
    """How a fact that does not hold is told, as far as it is known how that came."""
    consent, disabled = snapshot.facts.consent, snapshot.disabled
    if name is FactName.CONSENT_ACCEPTED and consent is not None:
        code = Code.CONSENT_OUTDATED
        return code, TEXTS[code], {"by": consent.accepted_by, "version": consent.version}
    code = FACT_CODES[name]
    if name is FactName.CHANNEL_ENABLED and disabled is not None and disabled.by is not None:
        return code, DISABLED_BY, {"when": disabled.at, "by": disabled.by}
    return code, TEXTS[code], {}


def _open_since(snapshot: Snapshot, step: Step | None) -> datetime | None:
    """Since when the onboarding has been waiting at that step."""
    if step is None or snapshot.run is None or not snapshot.run.progress.status.is_open:
        return None
    record = snapshot.run.progress.steps[step.key]
    return record.since if record.is_open else None


def _step_reasons(snapshot: Snapshot) -> Iterator[Reason]:
    """What is left to do beside the facts; the steps of an ended onboarding are nobody's any more."""
    if snapshot.run is None or not snapshot.run.progress.status.is_open:
        return
    for step in snapshot.playbook.steps:
        record = snapshot.run.progress.steps[step.key]
        if isinstance(step, CheckStep) or record.state.is_finished:
            continue
        gaps: dict[str, Gap] = {"step": step.title, "partner": snapshot.playbook.name}
        if record.blocker is not None:
            gaps["blocker"] = record.blocker
        yield Reason(
            code=step_code(step.key, "waiting" if record.is_open else "pending"),
            text=STEP_TEXTS[_turn(step, record.is_open, record.blocker)],
            gaps=gaps,
            party=record.waiting_on or step.actor,
            since=record.since if record.is_open else None,
            step=step.key,
            services=snapshot.facts.published,
        )


def _turn(step: Step, is_open: bool, blocker: str | None) -> Turn:
    if not is_open:
        return Turn.PENDING
    if blocker is not None:
        return Turn.BLOCKED
    return Turn(step.kind) if step.kind in set(Turn) else Turn.OPEN


def _service(
    service: ServiceFacts, own: tuple[Reason, ...], channel_blocked: Reason | None
) -> ServiceReadiness:
    blocked, rank = any(reason.blocks for reason in own), 2
    if service.deleted is None:
        rank = 1 if not service.ticked else 0 if blocked else 3 if own else 4
    return ServiceReadiness(
        id=service.id,
        code=service.code,
        name=service.name,
        bookable=channel_blocked is None and not blocked,
        reasons=own if channel_blocked is None or service.deleted else (channel_blocked, *own),
        rank=rank,
    )
