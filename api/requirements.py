"""What an onboarding still needs, by how soon, and why what is due is not done: in the explainer's words (R18)."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import facts, readiness
from adapters.database.onboardings import Found
from adapters.database.tables import Provider
from adapters.i18n import format_when
from api.context import AppContext
from api.schemas.onboardings import RequirementError, Requirements
from domain.model import OnboardingStatus, Party
from domain.progress import Progress
from domain.readiness import explain
from domain.reasons import Code, Reason
from domain.resumed import as_resumed
from domain.snapshot import Run, Snapshot
from domain.steps.base import StepRecord

_ENDS = (Code.ONBOARDING_CANCELLED, Code.ONBOARDING_FAILED)


async def as_it_stands(session: AsyncSession, context: AppContext, found: Found, now: datetime) -> Snapshot:
    """The onboarding's channel as far as the onboarding has looked; one on hold or live does not look, so there the
    catalogue itself is read, and the steps of one on hold are where they would stand if it went on now.
    """
    if found.progress.status not in (OnboardingStatus.ON_HOLD, OnboardingStatus.LIVE):
        return await readiness.as_seen(session, found.case, found.progress)
    provider = await session.get_one(Provider, found.row.provider_id)
    counting = context.playbooks.counting(found.row.partner)
    looked = await readiness.look(
        session, provider, found.case.playbook, counting, now, onboarding_id=found.row.id
    )
    stands = as_resumed(found.case, found.progress, looked.snapshot.facts, now)
    return looked.snapshot.model_copy(update={"run": Run(id=found.row.id, progress=stands)})


async def each_as_it_stands(
    session: AsyncSession, context: AppContext, found: Iterable[Found], now: datetime
) -> list[Found]:
    """The same for a list, which so says of each what its own page says: those on hold as if they went on now."""
    return [await _standing(session, context, one, now) for one in found]


async def _standing(session: AsyncSession, context: AppContext, found: Found, now: datetime) -> Found:
    if found.progress.status is not OnboardingStatus.ON_HOLD:
        return found
    counting = context.playbooks.counting(found.row.partner)
    known = await facts.read_facts(session, found.row.provider_id, found.row.partner, counting, now)
    return replace(found, progress=as_resumed(found.case, found.progress, known, now))


async def requirements(
    session: AsyncSession, found: Found, snapshot: Snapshot, language: str, now: datetime
) -> Requirements:
    """The keys of unfinished steps, sorted by how soon they need somebody, and the reasons whose turn it is.

    Once it is cancelled or has failed, nobody owes a step any more.
    """
    due: dict[str, list[str]] = {}
    for record in (found.progress.steps[step.key] for step in found.case.playbook.steps):
        if found.progress.status.is_open and not record.state.is_finished:
            due.setdefault(_bucket(found.progress, record, now), []).append(record.key)
    buckets = {name: due.get(name, []) for name in Requirements.model_fields if name != "errors"}
    provider = await session.get_one(Provider, found.row.provider_id)
    errors = [
        RequirementError(
            code=reason.code,
            step=reason.step,
            text=reason.said(language, lambda at, tongue: format_when(at, tongue, provider.time_zone)),
            party=reason.party.value,
        )
        for reason in explain(snapshot).reasons
        if _is_due(found.progress, reason)
    ]
    return Requirements(**buckets, errors=errors)


def _is_due(progress: Progress, reason: Reason) -> bool:
    """Steps whose turn has not come are no errors yet; of what was cancelled or has failed only that is told."""
    if progress.status is OnboardingStatus.LIVE:
        return reason.blocks
    if not progress.status.is_open:
        return reason.code in _ENDS
    return reason.step is None or progress.steps[reason.step].is_open


def _bucket(progress: Progress, record: StepRecord, now: datetime) -> str:
    """On hold the clocks stand: nothing gets late."""
    if not record.is_open:
        return "eventually_due"
    if record.waiting_on in (Party.PARTNER, Party.SYSTEM):
        return "pending_verification"
    is_late = progress.hold is None and record.due_at is not None and record.due_at < now
    return "past_due" if is_late else "currently_due"
