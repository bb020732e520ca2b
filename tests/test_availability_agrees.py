"""Of one mind about who has availability: the rule, the calendars' step, the explainer, the answer to a tick (R6, R7)."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import catalogue, catalogue_calendars, catalogue_channels, catalogue_services, ticks
from adapters.database.availability import free_days, physician_calendar
from adapters.database.readiness import look
from adapters.database.session import Database
from adapters.database.tables import Provider, Service
from api.routes.ticks import not_yet_bookable
from domain.availability import has_availability, longest_opening
from domain.facts import FACTS, FactName
from domain.readiness import explain
from domain.reasons import Code
from tests.stack import settings_for
from tests.test_catalogue_store import CLINIC
from tests.test_readiness import GLOBAL

WITHOUT = {Code.SERVICE_NO_CALENDAR, Code.SERVICE_NO_OPENING}
# A plain day, a holiday to come, the days before the clocks change, and a moment in the middle of the hours.
MOMENTS = (
    datetime(2026, 3, 2, tzinfo=UTC),
    datetime(2026, 4, 29, 22, tzinfo=UTC),
    datetime(2026, 3, 28, 12, tzinfo=UTC),
    datetime(2026, 10, 24, 9, 7, 31, tzinfo=UTC),
)

# Often exactly as long as a service takes.
_hours = st.builds(
    lambda hour, length: {"from": f"{hour:02}:00", "to": f"{hour + length // 60:02}:{length % 60:02}"},
    st.integers(0, 20),
    st.sampled_from([15, 60, 180]),
)
_week = st.lists(st.tuples(st.sampled_from(("mon", "wed", "sat", "sun")), _hours), max_size=2)
_ahead = st.integers(-1, 33)


@dataclass(frozen=True)
class Physician:
    """Hours, days that are otherwise (as days from now), and the numbers of the services offered."""

    week: list[tuple[str, dict[str, str]]]
    open_days: dict[int, dict[str, str]]
    closed: set[int]
    offers: set[int]

    def content(self, today: date, ids: Sequence[str]) -> dict[str, Any]:
        opened = [{"date": _day(today, ahead), **hours} for ahead, hours in self.open_days.items()]
        shut = [{"date": _day(today, ahead), "closed": True} for ahead in self.closed - set(self.open_days)]
        return {
            "physician": "Dr. Pop",
            "weekly_hours": [{"day": day, **hours} for day, hours in self.week],
            "exceptions": [*opened, *shut],
            "service_ids": [ids[number] for number in self.offers if number < len(ids)],
        }


def _day(today: date, ahead: int) -> str:
    return (today + timedelta(days=ahead)).isoformat()


any_physicians = st.builds(
    Physician,
    week=_week,
    open_days=st.dictionaries(_ahead, _hours, max_size=2),
    closed=st.sets(_ahead, max_size=3),
    offers=st.sets(st.integers(0, 3)),
)
any_services = st.lists(st.tuples(st.sampled_from([15, 60, 180, 181]), st.booleans()), max_size=4)


# Not shrunk: each example asks Postgres, and the examples are small.
@settings(max_examples=50, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(services=any_services, physicians=st.lists(any_physicians, max_size=3), now=st.sampled_from(MOMENTS))
def test_all_who_speak_of_availability_are_of_one_mind(
    postgres_url: str, services: list[tuple[int, bool]], physicians: list[Physician], now: datetime
) -> None:
    asyncio.run(_agree(postgres_url, services, physicians, now))


async def _agree(
    url: str, services: list[tuple[int, bool]], physicians: list[Physician], now: datetime
) -> None:
    database = Database.connect(settings_for(url, "127.0.0.1:1", 1))
    async with AsyncExitStack() as closing:
        closing.push_async_callback(database.close)
        session = await closing.enter_async_context(database.transaction())
        provider = await catalogue.create_provider(session, **CLINIC)
        made = [
            await catalogue_services.create_service(
                session, provider.id, code=f"S{number}", name="Service", duration_minutes=minutes
            )
            for number, (minutes, _) in enumerate(services)
        ]
        ids = [one.id for one in made]
        ticked = {id for id, (_, is_ticked) in zip(ids, services, strict=True) if is_ticked}
        await catalogue_channels.publish(session, provider.id, GLOBAL.slug, ticked)
        contents = [one.content(now.date(), ids) for one in physicians]
        for number, content in enumerate(contents):
            await catalogue_calendars.put_calendar(session, provider.id, f"cal_{number}", content)
        await _compare(session, provider, made, ticked, contents, now)
        await session.rollback()


async def _compare(
    session: AsyncSession,
    provider: Provider,
    services: list[Service],
    ticked: set[str],
    calendars: list[dict[str, Any]],
    now: datetime,
) -> None:
    available = {one.id for one in services if _by_the_rule(one, calendars, now)}
    asked = (session, provider.id, GLOBAL.slug)

    assert await ticks.chosen(*asked, ticks.Filter(has_calendar=True), now) == available
    assert await ticks.chosen(*asked, ticks.Filter(has_calendar=False), now) == (
        {one.id for one in services} - available
    )

    told = await not_yet_bookable(session, provider, GLOBAL, ("declared", "1"), now)
    without = {one.id for one, reasons in told if any(reason.code in WITHOUT for reason in reasons)}
    assert without == ticked - available

    snapshot = (await look(session, provider, GLOBAL, ("declared", "1"), now)).snapshot
    found = explain(snapshot)
    explained = {one.id for one in found.services if not any(r.code in WITHOUT for r in one.reasons)}
    assert explained == available

    assert snapshot.facts.published_without_calendar == len(ticked - available)
    holds = FACTS[FactName.CALENDARS_SET].holds(snapshot.facts)
    if ticked:
        assert holds == (ticked <= available)
    assert holds == (not any(reason.code == Code.CALENDARS_MISSING for reason in found.reasons))


def _by_the_rule(service: Service, calendars: list[dict[str, Any]], now: datetime) -> bool:
    """As the domain says it, of the physicians' calendars one by one."""
    zone, free = str(CLINIC["time_zone"]), free_days(str(CLINIC["country"]), str(CLINIC["time_zone"]), now)
    offered = [
        physician_calendar({"id": "cal", **one}) for one in calendars if service.id in one["service_ids"]
    ]
    duration = timedelta(minutes=service.duration_minutes)
    return any(has_availability(duration, longest_opening(one, zone, free, now)) for one in offered)
