"""A calendar that is taken away: previewed, remembered, and every channel hears of it (R6)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from adapters.database.session import Database
from tests.catalogue_client import HOURS, Client, serving
from tests.stack import settings_for

PARTNERS = ("generali", "europ-assistance")


@pytest.fixture
async def api(database: Database, postgres_url: str) -> AsyncIterator[Client]:
    async with serving(settings_for(postgres_url, "127.0.0.1:1", 1), database) as client:
        yield client


@pytest.fixture
async def provider(api: Client) -> str:
    """One with a calendar and two channels that were touched."""
    provider = await api.provider()
    service = await api.service(provider)
    await api.call("PUT", calendar(provider), body(service), 201)
    for partner in PARTNERS:
        await api.call("PATCH", f"/providers/{provider}/channels/{partner}", {"enabled": True})
    return provider


def calendar(provider: str) -> str:
    return f"/providers/{provider}/calendars/cal_pop"


def body(service: str) -> dict[str, Any]:
    return {"physician": "Dr. Pop", "weekly_hours": HOURS, "exceptions": [], "service_ids": [service]}


async def versions(api: Client, provider: str) -> dict[str, int]:
    """What the outbox said last, by channel."""
    async with api.database.transaction() as session:
        ask = "SELECT partner, max(version) FROM outbox WHERE provider_id = :id GROUP BY partner"
        return {row[0]: row[1] for row in await session.execute(text(ask), {"id": provider})}


async def test_a_calendar_is_deleted_and_every_channel_hears_of_it(api: Client, provider: str) -> None:
    kept, before = await api.call("GET", calendar(provider)), await versions(api, provider)
    assert await api.call("DELETE", calendar(provider), expect=204) is None
    await api.problem("GET", calendar(provider), expect=404)
    assert await versions(api, provider) == {partner: before[partner] + 1 for partner in PARTNERS}
    found = await api.call("GET", f"/providers/{provider}/channels/generali")
    assert (found["calendars"], found["services"]) == (0, 1)
    history = (await api.call("GET", f"/providers/{provider}/changes?kind=calendar_deleted"))["items"]
    assert [(one["source"], one["new"], one["author"]["name"]) for one in history] == [
        ("DELETE /providers/{provider_id}/calendars/{calendar_id}", None, "Ana Manager")
    ]
    assert history[0]["service_id"] == kept["service_ids"][0]
    assert history[0]["old"] == {
        "calendar": "cal_pop",
        **{name: kept[name] for name in ("physician", "weekly_hours", "exceptions", "service_ids")},
    }


async def test_a_deleted_calendar_can_be_made_again(api: Client, provider: str) -> None:
    kept = await api.call("GET", calendar(provider))
    await api.call("DELETE", calendar(provider), expect=204)
    again = await api.call("PUT", calendar(provider), body(kept["service_ids"][0]), 201)
    assert again["weekly_hours"] == kept["weekly_hours"]


async def test_a_calendar_that_is_not_there_or_is_somebody_elses_cannot_be_deleted(
    api: Client, provider: str
) -> None:
    await api.problem("DELETE", f"/providers/{provider}/calendars/cal_none", expect=404)
    await api.problem("DELETE", calendar("prv_none"), expect=404)
    stranger = await api.key("provider", await api.provider())
    await api.problem("DELETE", calendar(provider), expect=404, **stranger)
    await api.problem("DELETE", calendar(provider), expect=403, **await api.key("viewer"))
    await api.call("GET", calendar(provider))


async def test_a_calendar_that_changed_since_it_was_read_is_not_deleted(api: Client, provider: str) -> None:
    seen = (await api.ask("GET", calendar(provider))).headers["etag"]
    await api.call("PUT", calendar(provider), {"physician": "Dr. Popa", "weekly_hours": HOURS})
    old: dict[str, Any] = {"headers": {"If-Match": seen}}
    for path in (calendar(provider), f"{calendar(provider)}?dry_run=true"):
        await api.problem("DELETE", path, expect=412, **old)
    seen = (await api.ask("GET", calendar(provider))).headers["etag"]
    await api.call("DELETE", calendar(provider), expect=204, headers={"If-Match": seen})


async def test_a_preview_of_a_deletion_deletes_nothing(api: Client, provider: str) -> None:
    kept, before = await api.call("GET", calendar(provider)), await versions(api, provider)
    preview = await api.call("DELETE", f"{calendar(provider)}?dry_run=true")
    assert preview == {"dry_run": True, "channels": []}
    assert await api.call("GET", calendar(provider)) == kept
    assert await versions(api, provider) == before
    await api.problem("DELETE", f"/providers/{provider}/calendars/cal_none?dry_run=true", expect=404)
