"""Providers, services and calendars over HTTP: what is kept, and what is refused."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.database.session import Database
from tests.catalogue_client import CLINIC, HOURS, Client, serving
from tests.stack import settings_for

# As text, since a client refuses to send some of what a server must refuse to take.
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def api(database: Database, postgres_url: str) -> AsyncIterator[Client]:
    async with serving(settings_for(postgres_url, "127.0.0.1:1", 1), database) as client:
        yield client


async def test_a_provider_is_made_read_and_changed(api: Client) -> None:
    answer = await api.ask("POST", "/providers", json=CLINIC)
    made = answer.json()
    assert answer.headers["location"] == f"/api/v1/providers/{made['id']}"
    assert (made["country"], made["locale"], made["version"]) == ("RO", "ro", 1)
    read = await api.ask("GET", f"/providers/{made['id']}")
    assert read.json() == made
    assert read.headers["etag"] == '"1"'
    changed = await api.call("PATCH", f"/providers/{made['id']}", {"name": "Clinica Nouă", "locale": "hu"})
    assert changed == {**made, "name": "Clinica Nouă", "locale": "hu", "version": 2}


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": "a@b@c.ro"}, "email"),
        ({"email": "\u2028@x.ro"}, "email"),
        ({"locale": "fr"}, "locale"),
        ({"time_zone": "Europe/Atlantis"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"country": "EU"}, "country"),
        ({"country": "ro"}, "country"),
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "a\u0000b"}, "name"),
        ({"name": "a\r\nBcc: x@y.ro"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": None}, "name"),
        ({"colour": "red"}, "colour"),
        ({"contacts": [{"name": "Ioana", "role": "A", "email": "x"}]}, "contacts.0.email"),
        (
            {"contacts": [{"name": "I", "role": "A", "email": "i@x.ro", "phone": "call me"}]},
            "contacts.0.phone",
        ),
    ],
)
async def test_a_wrong_field_of_a_provider_is_named(api: Client, wrong: dict[str, Any], named: str) -> None:
    made = await api.provider()
    before = await api.call("GET", f"/providers/{made}")
    for method, path, sent in (
        ("POST", "/providers", {**CLINIC, **wrong}),
        ("PATCH", f"/providers/{made}", wrong),
    ):
        problem = await api.problem(method, path, content=json.dumps(sent), headers=JSON)
        assert named in [error["field"] for error in problem["errors"]]
    assert await api.call("GET", f"/providers/{made}") == before


async def test_addresses_are_kept_normalized(api: Client) -> None:
    made = await api.provider(email="  Office@CLINIC.Example ")
    assert (await api.call("GET", f"/providers/{made}"))["email"] == "Office@clinic.example"


async def test_services_have_codes_of_their_own(api: Client) -> None:
    provider = await api.provider()
    first = await api.service(provider, "ECO")
    second = await api.service(provider, "EKG")
    body = {"code": "ECO", "name": "Another", "duration_minutes": 10}
    problem = await api.problem("POST", f"/providers/{provider}/services", body, 409)
    assert first in problem["detail"]
    path = f"/providers/{provider}/services/{second}"
    assert first in (await api.problem("PATCH", path, {"code": "ECO"}, 409))["detail"]
    await api.call("DELETE", f"/providers/{provider}/services/{first}", expect=204)
    assert (await api.call("PATCH", path, {"code": "ECO", "duration_minutes": 45}))["duration_minutes"] == 45
    await api.service(await api.provider(), "ECO")


@pytest.mark.parametrize("minutes", [0, 1441, -1, 10**30, 1.5, "30", True, None])
async def test_a_duration_is_a_whole_number_of_minutes_of_one_day(api: Client, minutes: Any) -> None:
    provider = await api.provider()
    body = {"code": "ECO", "name": "Eco", "duration_minutes": minutes}
    problem = await api.problem("POST", f"/providers/{provider}/services", body)
    assert problem["errors"][0]["field"] == "duration_minutes"
    assert (await api.call("GET", f"/providers/{provider}/services"))["items"] == []


async def test_a_deleted_service_is_gone_from_lists_and_from_its_address(api: Client) -> None:
    """R17."""
    provider = await api.provider()
    service = await api.service(provider)
    await api.call("DELETE", f"/providers/{provider}/services/{service}", expect=204)
    assert (await api.call("GET", f"/providers/{provider}/services"))["items"] == []
    for method in ("GET", "DELETE"):
        await api.problem(method, f"/providers/{provider}/services/{service}", expect=404)


async def test_a_calendar_is_put_and_read_back_as_it_was(api: Client) -> None:
    """R6."""
    provider = await api.provider()
    service = await api.service(provider)
    body = {
        "physician": "Dr. Pop",
        "weekly_hours": [*HOURS, {"day": "mon", "from": "17:00", "to": "18:00"}],
        "exceptions": [
            {"date": "2026-12-24", "closed": True},
            {"date": "2026-12-19", "from": "09:00", "to": "12:00"},
        ],
        "service_ids": [service],
    }
    path = f"/providers/{provider}/calendars/cal_pop"
    made = await api.call("PUT", path, body, 201)
    assert made == {**body, "id": "cal_pop", "version": 1}
    assert (await api.call("PUT", path, body))["version"] == 1
    assert (await api.call("PUT", path, {**body, "physician": "Dr. Popa"}))["version"] == 2
    assert (await api.call("GET", path))["physician"] == "Dr. Popa"
    assert [c["id"] for c in (await api.call("GET", f"/providers/{provider}/calendars"))["items"]] == [
        "cal_pop"
    ]
    await api.call("DELETE", f"/providers/{provider}/services/{service}", expect=204)
    assert (await api.call("GET", path))["service_ids"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"weekly_hours": [{"day": "mon", "from": "17:00", "to": "09:00"}]},
        {"weekly_hours": [{"day": "mon", "from": "9:00", "to": "17:00"}]},
        {"weekly_hours": [{"day": "mon", "from": "09:00", "to": "24:01"}]},
        {"weekly_hours": [{"day": "monday", "from": "09:00", "to": "17:00"}]},
        {"weekly_hours": [*HOURS, {"day": "mon", "from": "16:59", "to": "18:00"}]},
        {"exceptions": [{"date": "2026-02-30", "closed": True}]},
        {"exceptions": [{"date": "2026-02-03", "closed": False}]},
        {"exceptions": [{"date": "2026-02-03"}]},
        {
            "exceptions": [
                {"date": "2026-02-03", "closed": True},
                {"date": "2026-02-03", "from": "09:00", "to": "10:00"},
            ]
        },
        {"service_ids": ["srv_none"]},
        {"service_ids": ["\u0000"]},
        {"physician": "\n"},
    ],
)
async def test_a_wrong_calendar_is_refused_and_not_kept(api: Client, wrong: dict[str, Any]) -> None:
    provider = await api.provider()
    body = {"physician": "Dr. Pop", "weekly_hours": HOURS, **wrong}
    problem = await api.problem("PUT", f"/providers/{provider}/calendars/cal_1", body)
    assert next(iter(wrong)) in problem["errors"][0]["field"]
    await api.problem("GET", f"/providers/{provider}/calendars/cal_1", expect=404)
