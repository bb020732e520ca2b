"""Opening an onboarding: the playbook is pinned, the calendars of work are looked up, the first progress is written."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import connections, facts, records
from adapters.database.tables import Provider
from adapters.holidays import work_calendar
from adapters.identifiers import new_id
from api.access import Principal, not_found
from api.context import AppContext
from api.schemas.onboardings import StartOnboarding
from domain import progress as engine
from domain.deadlines import WorkCalendar
from domain.errors import Conflict, Unavailable
from domain.model import Party
from domain.playbook import Playbook
from domain.progress import RULES, Case

YEARS_AHEAD = 3


async def open_onboarding(
    session: AsyncSession, context: AppContext, principal: Principal, wanted: StartOnboarding
) -> str:
    """Writes a new onboarding down, in the caller's transaction, and answers with its id.

    What an earlier one, whose connection ended, recorded and is still valid is carried over (R17).
    Raises NotFound for an unknown provider or partner, Conflict where the channel is live; a second open one on the
    channel is an IntegrityError.
    """
    playbook = context.playbooks.get(wanted.partner)
    provider = await session.get(Provider, wanted.provider_id)
    if provider is None:
        raise not_found("provider", wanted.provider_id)
    now = datetime.now(UTC)
    case = Case(
        onboarding_id=new_id("onb"),
        provider_id=provider.id,
        provider_name=provider.name,
        playbook=playbook,
        calendars=_calendars(provider, playbook, now.year),
        rules=RULES,
    )
    in_force = context.declarations.counting(playbook)
    known = await facts.read_facts(session, provider.id, playbook.slug, in_force, now)
    if await connections.live_on_channel(session, provider.id, playbook.slug) is not None:
        raise Conflict(
            "This channel is live already.",
            mend="Nothing is to be onboarded; disable the channel first if its connection is to end.",
            code="already-live",
        )
    earlier = await connections.newest_ended(session, provider.id, playbook.slug)
    begun = engine.begin(case, known, now, principal.actor, earlier)
    await records.open_onboarding(session, case, begun)
    return case.onboarding_id


async def open_again(
    session: AsyncSession, context: AppContext, principal: Principal, provider_id: str, partner: str
) -> list[str]:
    """A new onboarding where the channel's connection ended and none is open; its id, or nothing (R17)."""
    if await records.open_on_channel(session, provider_id, partner) is not None:
        return []
    if await connections.newest_ended(session, provider_id, partner) is None:
        return []
    wanted = StartOnboarding(provider_id=provider_id, partner=partner)
    return [await open_onboarding(session, context, principal, wanted)]


async def begin(context: AppContext, onboarding_ids: Iterable[str]) -> None:
    """Starts the workflows of onboardings that are written down; without Temporal the relay does it when it is back."""
    for onboarding_id in onboarding_ids:
        async with context.database.transaction() as session:
            begun = await records.load_start(session, onboarding_id)
        if begun is None:
            continue
        with suppress(Unavailable):
            await context.temporal.start(begun)
            async with context.database.transaction() as session:
                await records.mark_started(session, onboarding_id)


def _calendars(provider: Provider, playbook: Playbook, year: int) -> dict[Party, WorkCalendar]:
    """Who works when: the partner by its own country, everyone else by the provider's."""
    ours = work_calendar(provider.country, provider.time_zone, year, YEARS_AHEAD)
    theirs = work_calendar(playbook.country, playbook.time_zone, year, YEARS_AHEAD)
    return {party: theirs if party is Party.PARTNER else ours for party in Party}
