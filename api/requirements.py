"""What an onboarding still needs, by how soon, and why what is due is not done: in the explainer's words (R18)."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import readiness
from adapters.database.onboardings import Found
from adapters.database.tables import Provider
from adapters.i18n import format_when
from api.context import AppContext
from api.schemas.onboardings import RequirementError, Requirements
from domain.model import OnboardingStatus, Party
from domain.progress import Progress
from domain.readiness import explain
from domain.reasons import Code, Reason
from domain.snapshot import Run, Snapshot
from domain.steps.base import StepRecord

_ENDS = (Code.ONBOARDING_CANCELLED, Code.ONBOARDING_FAILED)


async def requirements(
    session: AsyncSession, context: AppContext, found: Found, language: str, now: datetime
) -> Requirements:
    """The keys of unfinished steps, sorted by how soon they need somebody, and the reasons whose turn it is."""
    due: dict[str, list[str]] = {}
    for record in (found.progress.steps[step.key] for step in found.case.playbook.steps):
        if not record.state.is_finished:
            due.setdefault(_bucket(record, now), []).append(record.key)
    buckets = {name: due.get(name, []) for name in Requirements.model_fields if name != "errors"}
    provider = await session.get_one(Provider, found.row.provider_id)
    snapshot = await _snapshot(session, context, provider, found, now)
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


async def _snapshot(
    session: AsyncSession, context: AppContext, provider: Provider, found: Found, now: datetime
) -> Snapshot:
    """As far as the onboarding has looked; a live one looks no more, so there the catalogue itself is read."""
    run = Run(id=found.row.id, progress=found.progress)
    if found.progress.status is not OnboardingStatus.LIVE:
        return Snapshot(playbook=found.case.playbook, facts=found.progress.facts, run=run)
    counting = context.playbooks.counting(found.row.partner)
    looked = await readiness.look(session, provider, found.case.playbook, counting, now)
    return looked.snapshot.model_copy(update={"run": run, "playbook": found.case.playbook})


def _is_due(progress: Progress, reason: Reason) -> bool:
    """Steps whose turn has not come are no errors yet; of what was cancelled or has failed only that is told."""
    if progress.status is OnboardingStatus.LIVE:
        return reason.blocks
    if not progress.status.is_open:
        return reason.code in _ENDS
    return reason.step is None or progress.steps[reason.step].is_open


def _bucket(record: StepRecord, now: datetime) -> str:
    if not record.is_open:
        return "eventually_due"
    if record.waiting_on in (Party.PARTNER, Party.SYSTEM):
        return "pending_verification"
    return "past_due" if record.due_at and record.due_at < now else "currently_due"
