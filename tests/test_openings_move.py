"""Openings that the clock uses up, or another time zone moves: the sync wakes for it, readers see it at once (R6, R20)."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from adapters.database import catalogue_calendars, connection_lists
from adapters.database.session import Database
from domain.connection import ConnectionStatus
from tests.catalogue_client import Client, serving
from tests.connection_client import Line
from tests.connections import go_live
from tests.stack import settings_for

INSTANT = datetime.resolution


@pytest.fixture
async def api(database: Database, postgres_url: str) -> AsyncIterator[Client]:
    async with serving(settings_for(postgres_url, "127.0.0.1:1", 1), database) as client:
        yield client


def open_on(service_ids: list[str], day: dict[str, str]) -> dict[str, Any]:
    """A calendar with one opening."""
    return {
        "physician": "Dr. Ana Ionescu",
        "weekly_hours": [],
        "exceptions": [day],
        "service_ids": service_ids,
    }


async def test_the_sync_wakes_when_the_last_opening_is_used_up_and_withdraws_also_from_a_paused_one(
    api: Client,
) -> None:
    here = Line(await go_live(api.database), api)
    evening = datetime(2026, 3, 12, 20, tzinfo=ZoneInfo("Europe/Bucharest"))
    only = {"date": f"{evening:%Y-%m-%d}", "from": "20:00", "to": "21:00"}
    async with api.database.transaction() as session:
        await catalogue_calendars.put_calendar(
            session, here.live.provider_id, "cal_1", open_on(here.live.service_ids, only)
        )
    first = await here.plan(evening)
    over = evening + timedelta(minutes=30) + INSTANT  # the services take half an hour
    assert first.wake_at == over
    assert first.delivery_id is not None
    await here.change(status=ConnectionStatus.PAUSED)
    assert (await here.plan(over - INSTANT)).wake_at == over
    assert await bookable_by_row(here) == 2
    await here.plan(over)
    assert await bookable_by_row(here) == 0


async def bookable_by_row(here: Line) -> int:
    async with here.live.database.transaction() as session:
        found = await connection_lists.one(session, here.live.connection_id, ())
        assert found is not None
        return found.bookable


async def test_another_time_zone_is_previewed_and_then_seen_at_once_by_whoever_reads(api: Client) -> None:
    here = Line(await go_live(api.database), api)
    west, today, east = far_apart(datetime.now(UTC))
    path, services = f"/providers/{here.live.provider_id}", set(here.live.service_ids)
    calendar = open_on(here.live.service_ids, {"date": today.isoformat(), "from": "00:00", "to": "24:00"})
    await api.call("PATCH", path, {"time_zone": west})
    await api.call("PUT", f"{path}/calendars/cal_1", calendar)
    assert await in_feed(here) == await shown(here) == services

    preview = await api.call(
        "PATCH", path, {"time_zone": east, "name": "Clinica Nouă"}, params={"dry_run": True}
    )
    (effect,) = preview["channels"]
    assert (effect["partner"], effect["withdrawn"]["total"]) == ("global-assistance", 2)
    assert (await api.call("GET", path))["time_zone"] == west
    assert await in_feed(here) == services

    await api.call("PATCH", path, {"time_zone": east})
    assert await shown(here) == set()
    assert await in_feed(here) == set()


def far_apart(now: datetime) -> tuple[str, date, str]:
    """A time zone, its day of today, of which an hour at least is left, and a zone in which that day is over."""
    west = "Etc/GMT+12"
    if now.astimezone(ZoneInfo(west)).hour == 23:
        west = "Etc/GMT+11"
    return west, now.astimezone(ZoneInfo(west)).date(), "Pacific/Kiritimati"


async def in_feed(here: Line) -> set[str]:
    page = await here.api.call("GET", f"/feed/{here.live.playbook.slug}/services")
    return {one["id"] for one in page["items"]}


async def shown(here: Line) -> set[str]:
    return {one["id"] for one in (await here.see("/services"))["items"] if one["bookable"]}
