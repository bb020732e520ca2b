"""`?dry_run=true`: a change of the catalogue is made, looked at, and taken back, all in one transaction.

So a preview can say nothing that the change itself would not do: it is the same code, and the engine's own verdict.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from fastapi import Query
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import catalogue, changes, connections, facts, onboardings, readiness, records, tested
from adapters.database.onboardings import Found
from adapters.database.tables import Provider
from api.context import AppContext
from api.schemas.changes import SHOWN, Services
from api.schemas.preview import ChannelEffect, Preview, StepEffect
from domain import progress as engine
from domain.model import OnboardingStatus
from domain.playbook import Playbook
from domain.progress import Progress
from domain.readiness import explain, is_ready_but_for_the_partner
from domain.steps.joint_test import JointTestStep
from domain.tested import Configuration, difference

Made = TypeVar("Made")
Work = Callable[[AsyncSession], Awaitable[Made]]
DryRun = Annotated[
    bool, Query(description="only show which steps would reopen and which services would be withdrawn")
]


@dataclass(frozen=True)
class _Seen:
    """One channel at one moment; on offer is what the explainer calls bookable, asked for what the partner is to confirm."""

    playbook: Playbook
    is_live: bool
    offered: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()
    open: Found | None = None
    progress: Progress | None = None
    tested: Configuration | None = None


async def previewed(
    context: AppContext, provider_id: str, language: str, work: Work[Made]
) -> tuple[Made, Preview]:
    """Does ``work``, a change of that provider's catalogue, and takes it back; what it answered, and what it leads to.

    Whatever ``work`` raises is raised. The provider's lock is held all the while, as by any writer.
    """
    now = datetime.now(UTC)  # one for both looks, so that only the change makes a difference
    async with context.database.transaction() as session:
        provider = await catalogue.lock(session, provider_id)
        before = await _looked(session, context, provider, now)
        made = await work(session)
        await session.flush()
        after = await _looked(session, context, provider, now)
        effects = [await _effect(session, before[slug], seen, language) for slug, seen in after.items()]
        await session.rollback()
    return made, Preview(channels=[one for one in effects if one is not None])


async def _looked(
    session: AsyncSession, context: AppContext, provider: Provider | None, now: datetime
) -> dict[str, _Seen]:
    """Nothing where there is no such provider: the change itself says so."""
    if provider is None:
        return {}
    return {one.slug: await _seen(session, context, provider, one, now) for one in context.playbooks}


async def _seen(
    session: AsyncSession, context: AppContext, provider: Provider, playbook: Playbook, now: datetime
) -> _Seen:
    slug, counting = playbook.slug, context.declarations.counting(playbook)
    open_id = await records.open_on_channel(session, provider.id, slug)
    found = await onboardings.one(session, open_id) if open_id else None
    is_live = await connections.live_on_channel(session, provider.id, slug) is not None
    if is_live:
        looked = await readiness.look(session, provider, playbook, counting, now)
        services = explain(looked.snapshot).services
        return _Seen(
            playbook,
            is_live,
            offered=frozenset(one.id for one in services if one.bookable),
            asked=frozenset(one.id for one in services if is_ready_but_for_the_partner(one)),
        )
    if found is None:
        return _Seen(playbook, is_live)
    # An open onboarding governs its channel, so nothing is bookable on it yet.
    known = await facts.read_facts(session, provider.id, slug, counting, now)
    # On hold nothing moves until it is resumed: shown is what would happen then.
    going = found.progress.model_copy(update={"status": OnboardingStatus.IN_PROGRESS})
    moved = engine.with_facts(found.case, going, known, now).progress
    answered = any(record.result.get("parties") for record in found.progress.steps.values())
    looks = await tested.now(session, provider.id, slug) if answered else None
    return _Seen(playbook, is_live, open=found, progress=moved, tested=looks)


async def _effect(session: AsyncSession, before: _Seen, after: _Seen, language: str) -> ChannelEffect | None:
    gone, came = sorted(before.offered - after.offered), sorted(after.offered - before.offered)
    asked = sorted(after.asked - before.asked)
    ends, starts = before.is_live and not after.is_live, after.open is not None and before.open is None
    reopens, completes = _moved(before, after, language)
    for effect in reopens:
        if before.tested and after.tested and _is_test(before, effect.key):
            found = difference(before.tested, after.tested)
            effect.difference = StepEffect.shown(await tested.named(session, found))
    if not (gone or came or asked or reopens or completes or ends or starts):
        return None
    names = await changes.named(session, [*gone[:SHOWN], *came[:SHOWN], *asked[:SHOWN]])
    return ChannelEffect(
        partner=after.playbook.slug,
        onboarding_id=after.open.row.id if after.open else None,
        reopens=reopens,
        completes=completes,
        withdrawn=_services(gone, names),
        offered=_services(came, names),
        asks_partner=_services(asked, names),
        ends_connection=ends,
        starts_onboarding=starts,
    )


def _services(ids: list[str], names: Mapping[str, tuple[str, str]]) -> Services:
    return Services.of(ids, names, len(ids))


def _is_test(seen: _Seen, key: str) -> bool:
    return seen.open is not None and isinstance(seen.open.case.step(key), JointTestStep)


def _moved(before: _Seen, after: _Seen, language: str) -> tuple[list[StepEffect], list[StepEffect]]:
    """The steps that would be done no more, and those that would be done."""
    reopens: list[StepEffect] = []
    completes: list[StepEffect] = []
    if before.progress is None or after.progress is None or after.open is None:
        return reopens, completes
    for step in after.open.case.playbook.in_order():
        was, will = before.progress.steps[step.key], after.progress.steps[step.key]
        voided = will.attempt != was.attempt
        if was.state.is_finished == will.state.is_finished and not voided:
            continue
        effect = StepEffect(
            key=step.key, title=step.title.in_(language), state=will.state.value, blocker=will.blocker
        )
        (completes if will.state.is_finished else reopens).append(effect)
    return reopens, completes
