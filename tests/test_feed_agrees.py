"""The feed, and what is shown of a connection, say of every service what the explainer says at that moment (R6–R9, R20)."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import (
    catalogue,
    catalogue_calendars,
    catalogue_channels,
    catalogue_services,
    connection_lists,
    connections,
    feed,
    readiness,
)
from adapters.database.availability import calendars_of, free_days
from adapters.database.session import Database
from adapters.mail.render import TEMPLATES
from adapters.playbooks import load_playbooks
from adapters.settings import PACKAGED_PARTNERS
from domain.availability import openings
from domain.connection import ConnectionEvent, ConnectionStatus
from domain.readiness import explain
from tests.connections import Live, live_on
from tests.stack import settings_for
from tests.test_availability_agrees import MOMENTS, Physician, any_physicians
from tests.test_catalogue_store import CLINIC

BOOKS = load_playbooks(Path(PACKAGED_PARTNERS), TEMPLATES)
SLUGS = ("global-assistance", "generali")
COUNTRIES = ("RO", "US", "IT")
ZONES = ("Europe/Bucharest", "Pacific/Kiritimati", "America/New_York")
INSTANT = datetime.resolution
Move = tuple[str, Any]


@dataclass
class World:
    """A provider with a live connection, at a moment of its own, in a transaction that is never committed."""

    session: AsyncSession
    live: Live
    now: datetime

    @property
    def _here(self) -> tuple[AsyncSession, str, str]:
        return self.session, self.live.provider_id, self.live.playbook.slug

    async def do(self, move: Move) -> None:
        match move:
            case "passes", minutes:
                self.now += timedelta(minutes=minutes)
            case "chance", (number, beyond):
                chances = await self._chances()
                self.now = chances[number % len(chances)] + beyond if chances else self.now
            case "midnight", beyond:
                self.now = max(self.now, await self._midnight() + beyond)
            case "provider", changes:
                provider = await catalogue.lock(self.session, self.live.provider_id)
                assert provider is not None
                await catalogue.change_provider(self.session, provider, changes)
            case "ticked", numbers:
                await catalogue_channels.publish(*self._here, self._chosen(numbers))
            case "paused", is_paused:
                await self._pause(is_paused)
            case _:
                raise AssertionError(move)

    def _chosen(self, numbers: set[int]) -> list[str]:
        return [id for number, id in enumerate(self.live.service_ids) if number in numbers]

    async def _pause(self, is_paused: bool) -> None:
        found = await connections.locked(self.session, self.live.connection_id)
        assert found is not None
        status = ConnectionStatus.PAUSED if is_paused else ConnectionStatus.ACTIVE
        event = ConnectionEvent.PAUSED if is_paused else ConnectionEvent.RESUMED
        await connections.move(self.session, found, status, event)

    async def _chances(self) -> list[datetime]:
        """When, within a day, a service's time in one of its openings is up."""
        provider = await catalogue.provider(self.session, self.live.provider_id)
        assert provider is not None
        zone, free = provider.time_zone, free_days(provider.country, provider.time_zone, self.now)
        found = set[datetime]()
        for id in self.live.service_ids:
            service = await catalogue_services.service(self.session, provider.id, id)
            assert service is not None
            for calendar in await calendars_of(self.session, provider.id, id):
                ahead = openings(calendar, zone, free, self.now.astimezone(ZoneInfo(zone)).date(), 2)
                found |= {one.ends - timedelta(minutes=service.duration_minutes) for one in ahead}
        return sorted(at for at in found if at >= self.now)

    async def _midnight(self) -> datetime:
        provider = await catalogue.provider(self.session, self.live.provider_id)
        assert provider is not None
        zone = ZoneInfo(provider.time_zone)
        following = self.now.astimezone(zone).date() + timedelta(days=1)
        return datetime.combine(following, time(), zone).astimezone(UTC)

    async def agrees(self) -> None:
        explained = await self._explained()
        await self._catch_up()
        slug, provider_id = self.live.playbook.slug, self.live.provider_id
        page = await feed.bookable(self.session, slug, provider_id, limit=10, after=None)
        assert {one.service_id for one in page} == explained
        changes = await feed.changes(self.session, slug, provider_id, since=0, limit=10)
        assert {one.service_id for one in changes if one.content is not None} == explained
        shown = await connection_lists.services(self.session, self.live.connection_id, (), limit=10)
        assert {row.service_id for row, _, _ in shown if row.content is not None} == explained

    async def _explained(self) -> set[str]:
        provider = await catalogue.provider(self.session, self.live.provider_id)
        assert provider is not None
        book = self.live.playbook
        counting = BOOKS.declarations.counting(book)
        looked = await readiness.look(self.session, provider, book, counting, self.now)
        return {one.id for one in explain(looked.snapshot).services if one.bookable}

    async def _catch_up(self) -> None:
        """As each reading of the feed or of the connection's services does, in sessions of their own."""
        behind = await feed.behind(self.session, self.live.playbook.slug, self.live.provider_id, self.now)
        for id in behind:
            await feed.bring_up_to_date(self.session, id, BOOKS, self.now)
        self.session.expunge_all()


_beyond = st.sampled_from([-INSTANT, timedelta(), INSTANT])
_moves = st.one_of(
    st.tuples(st.just("passes"), st.integers(1, 45)),
    st.tuples(st.just("chance"), st.tuples(st.integers(0, 3), _beyond)),
    st.tuples(st.just("midnight"), _beyond),
    st.tuples(
        st.just("provider"),
        st.fixed_dictionaries(
            {}, optional={"country": st.sampled_from(COUNTRIES), "time_zone": st.sampled_from(ZONES)}
        ),
    ),
    st.tuples(st.just("ticked"), st.sets(st.integers(0, 2))),
    st.tuples(st.just("paused"), st.booleans()),
)
SPRING = MOMENTS[1]  # in Bucharest it is the 30th of April, the day before a holiday there
EVENING = {"from": "20:00", "to": "21:00"}


def on_days(*ahead: int) -> Physician:
    return Physician([], dict.fromkeys(ahead, EVENING), set(), {0})


# Not shrunk: each example asks Postgres, and the examples are small.
@settings(max_examples=15, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    slug=st.sampled_from(SLUGS),
    minutes=st.lists(st.sampled_from([15, 60, 180]), min_size=1, max_size=3),
    physicians=st.lists(any_physicians, max_size=2),
    now=st.sampled_from(MOMENTS),
    moves=st.lists(_moves, max_size=6),
)
@example(  # the last opening is used up
    slug=SLUGS[0], minutes=[60], physicians=[on_days(1)], now=SPRING,
    moves=[("chance", (0, timedelta())), ("chance", (0, INSTANT))],
)  # fmt: skip
@example(  # the same, while it is paused
    slug=SLUGS[0], minutes=[60], physicians=[on_days(1)], now=SPRING,
    moves=[("paused", True), ("chance", (0, timedelta())), ("chance", (0, INSTANT))],
)  # fmt: skip
@example(  # the first opening comes into sight
    slug=SLUGS[0], minutes=[60], physicians=[on_days(31)], now=SPRING,
    moves=[("midnight", -INSTANT), ("midnight", timedelta())],
)  # fmt: skip
@example(  # the only day it opens becomes a holiday
    slug=SLUGS[0], minutes=[60], physicians=[Physician([("fri", EVENING)], {}, {9, 16, 23, 30}, {0})], now=SPRING,
    moves=[("provider", {"country": "US"}), ("provider", {"country": "RO"})],
)  # fmt: skip
@example(  # the only day it opens is over elsewhere
    slug=SLUGS[0], minutes=[60], physicians=[on_days(0)], now=SPRING,
    moves=[("provider", {"time_zone": "America/New_York"}), ("provider", {"time_zone": "Pacific/Kiritimati"})],
)  # fmt: skip
def test_the_feed_and_the_explainer_are_of_one_mind(
    postgres_url: str,
    slug: str,
    minutes: list[int],
    physicians: list[Physician],
    now: datetime,
    moves: list[Move],
) -> None:
    asyncio.run(_agree(postgres_url, slug, minutes, physicians, now, moves))


async def _agree(
    url: str, slug: str, minutes: list[int], physicians: list[Physician], now: datetime, moves: list[Move]
) -> None:
    database = Database.connect(settings_for(url, "127.0.0.1:1", 1))
    async with AsyncExitStack() as closing:
        closing.push_async_callback(database.close)
        session = await closing.enter_async_context(database.transaction())
        live = await _live(session, database, slug, minutes, [(one, now.date()) for one in physicians])
        world = World(session, live, now)
        await world.agrees()
        for move in moves:
            await world.do(move)
            await world.agrees()
        await session.rollback()


async def _live(
    session: AsyncSession,
    database: Database,
    slug: str,
    minutes: list[int],
    physicians: Sequence[tuple[Physician, date]],
) -> Live:
    provider = await catalogue.create_provider(session, **CLINIC)
    ids = [
        (
            await catalogue_services.create_service(
                session, provider.id, code=f"S{number}", name="Service", duration_minutes=one
            )
        ).id
        for number, one in enumerate(minutes)
    ]
    for number, (physician, today) in enumerate(physicians):
        content = physician.content(today, ids)
        await catalogue_calendars.put_calendar(session, provider.id, f"cal_{number}", content)
    return await live_on(session, database, BOOKS.get(slug), provider.id, ids, "100.00")
