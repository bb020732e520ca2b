"""What every route of the catalogue has in common: pages, ids, versions, keys, and who may do what."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.database.session import Database
from tests.catalogue_client import CLINIC, HOURS, Client, serving
from tests.stack import settings_for


@pytest.fixture
async def api(database: Database, postgres_url: str) -> AsyncIterator[Client]:
    async with serving(settings_for(postgres_url, "127.0.0.1:1", 1), database) as client:
        yield client


async def test_lists_are_read_page_by_page_without_gap_or_double(api: Client) -> None:
    provider = await api.provider()
    for number in range(5):
        await api.service(provider, f"C{number}")
    seen, cursor = [], ""
    while cursor is not None:
        page = await api.call("GET", f"/providers/{provider}/services?limit=2{cursor}")
        seen += [item["code"] for item in page["items"]]
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    assert seen == ["C0", "C1", "C2", "C3", "C4"]
    page = await api.call("GET", "/partners?limit=2")
    rest = await api.call("GET", f"/partners?cursor={page['next_cursor']}")
    slugs = [partner["slug"] for partner in page["items"] + rest["items"]]
    assert slugs == ["europ-assistance", "generali", "global-assistance"]


@pytest.mark.parametrize(
    "asked",
    ["limit=0", "limit=201", f"limit={10**40}", "limit=x", "cursor=nonsense", "cursor=W10", "cursor=%00"],
)
async def test_a_bad_limit_or_cursor_is_a_problem(api: Client, asked: str) -> None:
    provider = await api.provider()
    for path in (
        "/providers",
        f"/providers/{provider}/services",
        f"/providers/{provider}/calendars",
        "/partners",
    ):
        await api.problem("GET", f"{path}?{asked}")


async def test_ids_that_nothing_has_are_not_found_and_odd_ones_are_refused(api: Client) -> None:
    provider = await api.provider()
    below = (
        "services/{id}",
        "calendars/{id}",
        "channels/{id}",
        "channels/{id}/published",
        "channels/{id}/prices",
        "channels/{id}/consent",
    )
    paths = ["/providers/{id}", "/providers/{id}/services", "/partners/{id}"]
    for path in (*paths, *(f"/providers/{provider}/{one}" for one in below)):
        await api.problem("GET", path.format(id="none"), expect=404)
        for odd in ("%00", "a%00b", "%FF", "..%2fx", "%F0%9F%98%80", "'%20OR%201=1--", "x" * 300):
            assert (await api.ask("GET", path.format(id=odd))).status_code in (404, 422)


async def test_an_older_version_in_if_match_changes_nothing(api: Client) -> None:
    provider = await api.provider()
    service = await api.service(provider)
    calendar = {"physician": "Dr. Pop", "weekly_hours": HOURS}
    cases: tuple[tuple[str, str, Any], ...] = (
        ("PATCH", f"/providers/{provider}", {"name": "Another"}),
        ("PATCH", f"/providers/{provider}/services/{service}", {"name": "Another"}),
        ("PUT", f"/providers/{provider}/calendars/cal_1", calendar),
        ("PATCH", f"/providers/{provider}/channels/generali", {"enabled": True}),
        ("PUT", f"/providers/{provider}/channels/generali/published", {"service_ids": [service]}),
        ("PUT", f"/providers/{provider}/channels/generali/prices", {"prices": []}),
        ("DELETE", f"/providers/{provider}/services/{service}", None),
    )
    for method, path, body in cases:
        for stale in ('"77"', 'W/"1"', "1", "", '"x", "y"'):
            found = await api.problem(method, path, body, 412, headers={"If-Match": stale})
            assert found["code"] == "stale"
    answer = await api.ask("GET", f"/providers/{provider}")
    match = {"If-Match": f'"9", {answer.headers["etag"]}'}
    changed = await api.ask("PATCH", f"/providers/{provider}", json={"name": "Another"}, headers=match)
    assert changed.headers["etag"] == '"2"'


async def test_the_same_idempotency_key_makes_one_provider(api: Client) -> None:
    headers = {"Idempotency-Key": "once"}
    answers = await asyncio.gather(
        *(api.ask("POST", "/providers", json=CLINIC, headers=headers) for _ in range(6))
    )
    assert {answer.status_code for answer in answers} <= {201, 409}
    again = await api.ask("POST", "/providers", json=CLINIC, headers=headers)
    assert again.headers["idempotent-replay"] == "true"
    assert len((await api.call("GET", "/providers"))["items"]) == 1
    await api.problem("POST", "/providers", {**CLINIC, "name": "Other"}, headers=headers)


async def test_who_is_limited_to_one_provider_sees_and_changes_no_other(api: Client) -> None:
    own, other = await api.provider(name="Own"), await api.provider(name="Other")
    service = await api.service(other)
    limited = await api.key("provider", own)
    assert [p["id"] for p in (await api.call("GET", "/providers", **limited))["items"]] == [own]
    await api.call("PATCH", f"/providers/{own}", {"name": "Mine"}, **limited)
    for method, path, body in _every_call(other, service):
        await api.problem(method, path, body, 404, **limited)
    await api.problem("POST", "/providers", CLINIC, 403, **limited)


async def test_a_viewer_reads_and_changes_nothing_and_nothing_is_open_without_a_key(api: Client) -> None:
    provider = await api.provider()
    service = await api.service(provider)
    viewer = await api.key("viewer")
    nobody = {"headers": {"Authorization": "Bearer wrong"}}
    for method, path, body in (*_every_call(provider, service), ("POST", "/providers", CLINIC)):
        if method != "GET":
            await api.problem(method, path, body, 403, **viewer)
        await api.problem(method, path, body, 401, **nobody)
    await api.call("GET", f"/providers/{provider}", **viewer)


def _every_call(provider: str, service: str) -> list[tuple[str, str, Any]]:
    here, channel = f"/providers/{provider}", f"/providers/{provider}/channels/generali"
    new = {"code": "X", "name": "X", "duration_minutes": 5}
    consent = {"version": "2026-01", "accepted_by": {"name": "I", "role": "A", "email": "i@x.example"}}
    return [
        ("GET", here, None),
        ("PATCH", here, {"name": "Taken over"}),
        ("GET", f"{here}/services", None),
        ("POST", f"{here}/services", new),
        ("GET", f"{here}/services/{service}", None),
        ("PATCH", f"{here}/services/{service}", {"name": "Taken over"}),
        ("DELETE", f"{here}/services/{service}", None),
        ("GET", f"{here}/calendars", None),
        ("PUT", f"{here}/calendars/cal_1", {"physician": "X", "weekly_hours": []}),
        ("GET", f"{here}/channels", None),
        ("GET", channel, None),
        ("PATCH", channel, {"enabled": True}),
        ("GET", f"{channel}/published", None),
        ("PUT", f"{channel}/published", {"service_ids": []}),
        ("GET", f"{channel}/prices", None),
        ("PUT", f"{channel}/prices", {"prices": []}),
        ("GET", f"{channel}/consent", None),
        ("POST", f"{channel}/consent", consent),
    ]
