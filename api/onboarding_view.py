"""Turns what is stored of an onboarding into what the API and the pages show."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import onboardings
from adapters.database.onboardings import Found
from adapters.database.tables import EventRow, MailRow
from api import meetings
from api.access import Policy, Principal
from api.assigning import assigning
from api.context import AppContext
from api.evidence import body_schema
from api.remedies import remedy_call
from api.requirements import as_it_stands, requirements
from api.schemas.onboardings import (
    ActionView,
    Cancel,
    EventView,
    Hold,
    HoldView,
    MailBrief,
    OnboardingBrief,
    OnboardingView,
    PersonBrief,
    ProviderBrief,
    Reason,
    RejectionView,
    StepView,
    VoidedView,
)
from api.step_clock import age_of, next_thing
from domain import progress as engine
from domain.commands import Reopen, Verb
from domain.model import OnboardingStatus, Party
from domain.people import Manager
from domain.steps.appointment import ARRANGE
from domain.steps.base import Action, StepRecord
from domain.steps.check import CheckStep

BASE = "/api/v1"
_SAID: dict[Verb, type[Reason]] = {Verb.HOLD: Hold, Verb.CANCEL: Cancel}


def brief(found: Found) -> OnboardingBrief:
    """The list's row of an onboarding."""
    records = found.progress.steps.values()
    waited = [r for r in records if r.is_open and r.waiting_on == found.progress.waiting_on]
    first = min(waited, key=lambda r: r.since or found.row.created_at, default=None)
    return OnboardingBrief(
        id=found.row.id,
        provider=ProviderBrief(id=found.row.provider_id, name=found.provider_name),
        partner=found.row.partner,
        status=found.progress.status.value,
        revision=found.row.revision,
        waiting_on=found.progress.waiting_on.value if found.progress.waiting_on else None,
        waiting_step=first.key if first else None,
        waiting_since=first.since if first else None,
        due_at=first.due_at if first else None,
        assignee=person(found.assignee),
        acting=person(found.acting),
        done=sum(r.state.is_finished for r in records),
        total=len(found.progress.steps),
        created_at=found.row.created_at,
        updated_at=found.row.updated_at,
        ended_at=found.row.ended_at,
    )


def person(manager: Manager | None) -> PersonBrief | None:
    return PersonBrief(id=manager.id, name=manager.name) if manager else None


async def whole(
    session: AsyncSession,
    context: AppContext,
    principal: Principal,
    found: Found,
    language: str,
    now: datetime,
) -> OnboardingView:
    """One onboarding with its steps, each with the actions that this principal may do now."""
    snapshot = await as_it_stands(session, context, found, now)
    if snapshot.run is not None:
        found = replace(found, progress=snapshot.run.progress)
    steps = [
        await _step(session, context, principal, found, step.key, language, now)
        for step in found.case.playbook.steps
    ]
    return OnboardingView(
        **brief(found).model_dump(),
        partner_name=found.case.playbook.name,
        reason=found.progress.reason,
        hold=_hold(found),
        steps=steps,
        requirements=await requirements(session, found, snapshot, language, now),
        actions=[*_steering(principal, found), *await assigning(session, principal, found)],
    )


def _hold(found: Found) -> HoldView | None:
    hold = found.progress.hold
    return HoldView(**hold.model_dump()) if hold else None


async def _step(
    session: AsyncSession,
    context: AppContext,
    principal: Principal,
    found: Found,
    key: str,
    language: str,
    now: datetime,
) -> StepView:
    step, record = found.case.step(key), found.progress.steps[key]
    offered = [
        await _action(session, context, found, key, action, language)
        for action in engine.actions(found.case, found.progress, key)
        if not action.by_link and _permitted(principal, action)
    ]
    reopenable = not isinstance(step, CheckStep) and record.state.is_finished
    if (
        reopenable
        and found.progress.status is OnboardingStatus.IN_PROGRESS
        and principal.may(Policy.ACT_ON_STEP)
    ):
        offered.append(_step_action(found, key, Reopen.NAME, Reopen, [Party.US]))
    return StepView(
        key=key,
        title=step.title.in_(language),
        help=step.help.in_(language) if step.help else None,
        kind=step.kind,
        state=record.state.value,
        waiting_on=record.waiting_on.value if record.waiting_on else None,
        since=record.since,
        due_at=record.due_at,
        age_working_days=age_of(found, record, now),
        next=next_thing(found, record),
        skippable=step.skippable,
        attempt=record.attempt,
        needs=list(step.needs),
        actor=step.actor.value,
        blocker=record.blocker,
        rejection=RejectionView(**record.rejection.model_dump()) if record.rejection else None,
        voided=await _voided(session, found, record),
        meeting=meetings.shown(found, record),
        failures=await meetings.failed_tests(session, found, key, language),
        result=record.result,
        actions=offered,
    )


async def _voided(session: AsyncSession, found: Found, record: StepRecord) -> VoidedView | None:
    if record.voided is None:
        return None
    event = await onboardings.newest_event(session, found.row.id, engine.VOIDED, record.key)
    difference = event.data.get("difference") if event else None
    return VoidedView(at=record.voided.at, attempt=record.voided.attempt, difference=difference)


def _permitted(principal: Principal, action: Action) -> bool:
    wanted = Policy.EDIT_CATALOGUE if action.remedy else Policy.ACT_ON_STEP
    return principal.may(wanted) and principal.party in action.allowed_for


async def _action(
    session: AsyncSession, context: AppContext, found: Found, key: str, action: Action, language: str
) -> ActionView:
    parties = list(action.allowed_for)
    if action.remedy is None:
        assert action.body is not None
        offered = _step_action(found, key, action.name, action.body, parties)
        if action.name == ARRANGE:
            meetings.with_choices(offered.body_schema, found, key, language, datetime.now(UTC))
        return offered
    call = await remedy_call(
        action.remedy, session, context, found.row.provider_id, found.row.partner, language
    )
    return ActionView(
        name=call.name,
        method=call.method,
        href=call.href,
        body_schema=call.body_schema,
        allowed_for=[p.value for p in parties],
    )


def _step_action(
    found: Found, key: str, name: str, body: type[BaseModel], parties: Sequence[Party]
) -> ActionView:
    return ActionView(
        name=name,
        method="POST",
        href=f"{BASE}/onboardings/{found.row.id}/steps/{key}/{name}",
        body_schema=body_schema(body, found.row.id),
        allowed_for=[party.value for party in parties],
    )


def _steering(principal: Principal, found: Found) -> list[ActionView]:
    if not principal.may(Policy.STEER_ONBOARDING) or not found.progress.status.is_open:
        return []
    held = found.progress.status is OnboardingStatus.ON_HOLD
    verbs = (Verb.RESUME, Verb.HOLD, Verb.CANCEL) if held else (Verb.HOLD, Verb.CANCEL)
    return [
        ActionView(
            name=verb,
            method="POST",
            href=f"{BASE}/onboardings/{found.row.id}/{verb}",
            body_schema=_SAID.get(verb, Reason).model_json_schema(),
            allowed_for=["us"],
        )
        for verb in verbs
    ]


def event(row: EventRow) -> EventView:
    return EventView(
        id=str(row.id),
        revision=row.revision,
        type=row.type,
        at=row.at,
        step=row.step,
        actor=row.actor,
        on_behalf_of=row.on_behalf_of,
        data=row.data,
    )


def mail(row: MailRow) -> MailBrief:
    return MailBrief(
        **{name: getattr(row, name) for name in MailBrief.model_fields if name not in ("to", "cc")},
        to=row.recipients,
        cc=row.copies,
    )
