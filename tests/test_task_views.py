"""Saved views of the inbox: kept on the server for a person, shared among account managers, applied and refused."""

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.database.access import create_login_link, use_login_link
from adapters.database.session import Database
from api.access import session_cookie
from tests.catalogue_client import Client, serving
from tests.connections import NOW
from tests.stack import settings_for
from tests.test_tasks import line, paused

OVERDUE = {"name": "Overdue with us", "filters": {"waiting_on": "us", "overdue": True, "sort": "due"}}


@pytest.fixture
async def api(database: Database, postgres_url: str) -> AsyncIterator[Client]:
    async with serving(settings_for(postgres_url, "127.0.0.1:1", 1), database) as client:
        yield client


async def save(api: Client, expect: int = 201, *, headers: Any = None, **body: Any) -> Any:
    return await api.call("POST", "/task-views", {**OVERDUE, **body}, expect, **(headers or {}))


async def names(api: Client, **headers: Any) -> list[str]:
    return [one["name"] for one in (await api.call("GET", "/task-views", **headers))["items"]]


async def signed_in(api: Client, name: str) -> dict[str, Any]:
    """The headers of a new session of that person; the manager's key is left out."""
    async with api.database.transaction() as session:
        token = await use_login_link(session, await create_login_link(session, name, "manager"))
    cookie = session_cookie(api.context.settings.served_securely)
    return {"headers": {"Authorization": "", "Cookie": f"{cookie}={token}"}}


async def test_a_view_is_applied_and_what_the_address_says_wins_over_it(api: Client) -> None:
    first, second = await paused(api, NOW), await paused(api, NOW + timedelta(hours=1))
    view = await save(api, filters={"provider_id": first.live.provider_id})
    assert view["href"] == f"/api/v1/tasks?view={view['id']}"

    async def seen(**more: Any) -> list[str]:
        found = await api.call("GET", "/tasks", params={"view": view["id"], **more})
        return [one["onboarding"]["id"] for one in found["items"]]

    assert await seen() == [first.live.onboarding_id]
    assert await seen(provider_id=second.live.provider_id) == [second.live.onboarding_id]
    assert await seen(waiting_on="partner") == []


async def test_the_same_person_finds_the_views_in_the_next_session(api: Client) -> None:
    monday, tuesday, other = [await signed_in(api, name) for name in ("Ana Pop", "Ana Pop", "Dan Ilie")]
    await save(api, headers=monday)
    assert await names(api, **tuesday) == ["Overdue with us"]
    assert await names(api, **other) == []
    assert await names(api) == []


async def test_a_shared_view_is_every_account_managers_and_nobody_elses(api: Client) -> None:
    view = await save(api, is_shared=True)
    dan = await signed_in(api, "Dan Ilie")
    (seen,) = (await api.call("GET", "/task-views", **dan))["items"]
    assert (seen["is_mine"], seen["created_by"], seen["is_shared"]) == (False, "Ana Manager", True)
    assert seen["filters"]["overdue"] is True
    here = await line(api)
    for role in ("provider", "viewer"):
        theirs = await api.key(role, here.live.provider_id)
        assert await names(api, **theirs) == []
        await api.problem("GET", f"/tasks?view={view['id']}", expect=404, **theirs)
        refused = await api.problem("POST", "/task-views", {**OVERDUE, "is_shared": True}, 403, **theirs)
        assert role in refused["detail"]
        await save(api, headers=theirs)
    path = f"/task-views/{view['id']}"
    changed = await api.call("PATCH", path, {"name": "Late", "is_shared": False}, **dan)
    assert (changed["name"], changed["filters"]["sort"]) == ("Late", "due")
    await api.problem("GET", f"/tasks?view={view['id']}", expect=404, **dan)


async def test_a_view_is_changed_and_taken_away(api: Client) -> None:
    view = await save(api)
    path = f"/task-views/{view['id']}"
    changed = await api.call("PATCH", path, {"filters": {"kind": "hold"}})
    assert {key: value for key, value in changed["filters"].items() if value is not None} == {"kind": "hold"}
    await api.call("DELETE", path, expect=204)
    assert await names(api) == []
    await api.problem("DELETE", path, expect=404)


async def test_a_name_is_taken_once(api: Client) -> None:
    await save(api)
    refused = await save(api, 409)
    assert (refused["code"], "Overdue with us" in refused["detail"]) == ("view-name-taken", True)
    other = await save(api, name="Mine")
    await api.problem("PATCH", f"/task-views/{other['id']}", {"name": OVERDUE["name"]}, 409)
    assert await names(api) == ["Mine", "Overdue with us"]


async def test_the_same_key_saves_one_view(api: Client) -> None:
    once = {"headers": {"Idempotency-Key": secrets.token_hex(8)}}
    assert (await save(api, headers=once))["id"] == (await save(api, headers=once))["id"]
    assert len(await names(api)) == 1


@pytest.mark.parametrize(
    ("filters", "field"),
    [
        ({"waitingon": "us"}, "filters.waitingon"),
        ({"waiting_on": "them"}, "filters.waiting_on"),
        ({"overdue": "perhaps"}, "filters.overdue"),
        ({"due_before": "soon"}, "filters.due_before"),
        ({"limit": 5}, "filters.limit"),
        ({"sort": "name"}, "filters.sort"),
    ],
)
async def test_a_filter_that_there_is_not_is_named(api: Client, filters: dict[str, Any], field: str) -> None:
    refused = await save(api, 422, filters=filters)
    assert [error["field"] for error in refused["errors"]] == [field]
    assert refused["errors"][0]["mend"]
    name, value = next(iter(filters.items()))
    if name != "limit":
        refused = await api.problem("GET", "/tasks", params={name: value})
        assert [error["field"] for error in refused["errors"]] == [f"query.{name}"]


async def test_nobody_sees_more_through_a_view_than_without_it(api: Client) -> None:
    mine, other = await paused(api, NOW), await paused(api, NOW)
    theirs = await api.key("provider", mine.live.provider_id)
    view = await save(api, headers=theirs, filters={"provider_id": other.live.provider_id})
    assert (await api.call("GET", f"/tasks?view={view['id']}", **theirs))["items"] == []
    assert datetime.fromisoformat(view["created_at"]) <= datetime.now(UTC)
