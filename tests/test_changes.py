"""The history of the catalogue over HTTP: every change, who, when, old and new, through which call."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from adapters.database.session import Database
from tests.catalogue_client import ACCEPTED_BY, CLINIC, HOURS, Client, serving
from tests.stack import settings_for


@pytest.fixture
async def api(database: Database, postgres_url: str) -> AsyncIterator[Client]:
    async with serving(settings_for(postgres_url, "127.0.0.1:1", 1), database) as client:
        yield client


async def changes(api: Client, provider: str, query: str = "", **more: Any) -> list[Any]:
    found = await api.call("GET", f"/providers/{provider}/changes?limit=200{query}", **more)
    return list(found["items"])


async def many_services(api: Client, provider: str, count: int) -> list[str]:
    async with api.database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO services (id, provider_id, code, name, duration_minutes, version)"
                " SELECT 'srv_' || n, :provider, 'C' || n, 'Name', 30, 1 FROM generate_series(1, :count) n"
            ),
            {"provider": provider, "count": count},
        )
    return [f"srv_{n}" for n in range(1, count + 1)]


async def test_every_change_of_the_catalogue_has_its_line_with_author_and_call(api: Client) -> None:
    provider = await api.provider()
    one = await api.service(provider, "A")
    channel = f"/providers/{provider}/channels/generali"
    await api.call("PATCH", f"/providers/{provider}", {"name": "Clinica Nouă"})
    await api.call("PATCH", f"/providers/{provider}/services/{one}", {"duration_minutes": 45})
    calendar = {"physician": "Dr. Pop", "weekly_hours": HOURS, "service_ids": [one]}
    await api.call("PUT", f"/providers/{provider}/calendars/cal_1", calendar, 201)
    await api.call("PUT", f"/providers/{provider}/calendars/cal_1", {**calendar, "physician": "Dr. Popa"})
    await api.call("PATCH", channel, {"enabled": True})
    await api.call("PUT", f"{channel}/published", {"service_ids": [one]})
    await api.call("PUT", f"{channel}/published", {"service_ids": []})
    await api.call("PATCH", channel, {"enabled": False})
    await api.call("POST", f"{channel}/consent", {"version": "2026-01", "accepted_by": ACCEPTED_BY}, 201)
    await api.call("DELETE", f"/providers/{provider}/services/{one}", expect=204)
    found = await changes(api, provider)
    assert [(line["kind"], line["source"]) for line in reversed(found)] == [
        ("provider_created", "POST /providers"),
        ("service_created", "POST /providers/{provider_id}/services"),
        ("provider_changed", "PATCH /providers/{provider_id}"),
        ("service_changed", "PATCH /providers/{provider_id}/services/{service_id}"),
        ("calendar_created", "PUT /providers/{provider_id}/calendars/{calendar_id}"),
        ("calendar_changed", "PUT /providers/{provider_id}/calendars/{calendar_id}"),
        ("channel_enabled", "PATCH /providers/{provider_id}/channels/{slug}"),
        ("services_ticked", "PUT /providers/{provider_id}/channels/{slug}/published"),
        ("services_unticked", "PUT /providers/{provider_id}/channels/{slug}/published"),
        ("channel_disabled", "PATCH /providers/{provider_id}/channels/{slug}"),
        ("consent_accepted", "POST /providers/{provider_id}/channels/{slug}/consent"),
        ("service_deleted", "DELETE /providers/{provider_id}/services/{service_id}"),
    ]
    assert {str(line["author"]) for line in found} == {
        str({"kind": "api_key", "name": "Ana Manager", "role": "manager"})
    }
    by_kind = {line["kind"]: line for line in found}
    assert (by_kind["provider_changed"]["old"], by_kind["provider_changed"]["new"]) == (
        {"name": "Clinica Test"},
        {"name": "Clinica Nouă"},
    )
    assert (by_kind["service_changed"]["old"], by_kind["service_changed"]["new"]) == (
        {"duration_minutes": 30},
        {"duration_minutes": 45},
    )
    assert by_kind["service_changed"]["services"] == {
        "total": 1,
        "shown": [{"id": one, "code": "A", "name": "Service A"}],
    }
    assert by_kind["calendar_changed"]["old"]["physician"] == "Dr. Pop"
    assert by_kind["calendar_changed"]["new"]["physician"] == "Dr. Popa"


async def test_a_deleted_services_line_says_what_it_was_and_where_it_was_offered(api: Client) -> None:
    """R17, R20: why did it vanish? It was deleted, by whom, when."""
    provider = await api.provider()
    one = await api.service(provider, "A")
    for partner in ("generali", "europ-assistance"):
        channel = f"/providers/{provider}/channels/{partner}"
        await api.call("PUT", f"{channel}/published", {"service_ids": [one]})
    price = {"service_id": one, "amount": "120.00", "currency": "RON"}
    await api.call("PUT", f"/providers/{provider}/channels/generali/prices", {"prices": [price]})
    calendar = {"physician": "Dr. Pop", "weekly_hours": HOURS, "service_ids": [one]}
    await api.call("PUT", f"/providers/{provider}/calendars/cal_1", calendar, 201)
    await api.call("DELETE", f"/providers/{provider}/services/{one}", expect=204)
    (line,) = await changes(api, provider, f"&service_id={one}&kind=service_deleted")
    assert line["new"] is None
    assert line["old"] == {
        "code": "A",
        "name": "Service A",
        "duration_minutes": 30,
        "ticked": ["europ-assistance", "generali"],
        "prices": {"generali": {"amount": "120.00", "currency": "RON"}},
        "calendars": ["cal_1"],
    }


async def test_price_edits_stand_in_the_history_between_the_other_changes(api: Client) -> None:
    """R8, R16."""
    provider = await api.provider()
    one, two = await api.service(provider, "A"), await api.service(provider, "B")
    channel = f"/providers/{provider}/channels/generali"

    def prices(*pairs: tuple[str, str]) -> dict[str, Any]:
        return {"prices": [{"service_id": id, "amount": amount, "currency": "RON"} for id, amount in pairs]}

    await api.call("PUT", f"{channel}/prices", prices((one, "120.00"), (two, "80.00")))
    await api.call("PATCH", channel, {"enabled": True})
    await api.call("PUT", f"{channel}/prices", prices((one, "130.00"), (two, "80.00")))
    found = await changes(api, provider, "&partner=generali")
    assert [line["kind"] for line in found[:3]] == ["prices_changed", "channel_enabled", "prices_changed"]
    assert found[0]["old"]["prices"] == {one: {"amount": "120.00", "currency": "RON"}}
    assert found[0]["new"]["prices"] == {one: {"amount": "130.00", "currency": "RON"}}
    assert (found[0]["service_id"], found[0]["author"]["name"]) == (one, "Ana Manager")
    assert found[2]["services"]["total"] == 2
    of_two = await changes(api, provider, f"&service_id={two}&kind=prices_changed")
    assert [(line["old"]["prices"], line["new"]["prices"][two]["amount"]) for line in of_two] == [
        ({two: None}, "80.00")
    ]


async def test_the_history_is_read_by_channel_service_and_kind_page_by_page(api: Client) -> None:
    provider = await api.provider()
    one, two = await api.service(provider, "A"), await api.service(provider, "B")
    for partner in ("generali", "europ-assistance"):
        path = f"/providers/{provider}/channels/{partner}/published"
        await api.call("PUT", path, {"service_ids": [one, two]})
    ours = await changes(api, provider, "&partner=generali")
    assert [(line["kind"], line["partner"]) for line in ours] == [
        ("services_ticked", "generali"),
        ("service_created", None),
        ("service_created", None),
    ]
    of_one = await changes(api, provider, f"&service_id={two}")
    assert [line["kind"] for line in of_one] == ["services_ticked", "services_ticked", "service_created"]
    assert len(await changes(api, provider, "&kind=services_ticked")) == 2
    seen, cursor = [], ""
    while cursor is not None:
        page = await api.call("GET", f"/providers/{provider}/changes?limit=2{cursor}")
        seen += [line["id"] for line in page["items"]]
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    assert seen == [line["id"] for line in await changes(api, provider)]
    await api.problem("GET", f"/providers/{provider}/changes?kind=nonsense")
    await api.problem("GET", f"/providers/{provider}/changes?cursor=nonsense")


async def test_what_changes_nothing_or_is_refused_leaves_no_line(api: Client) -> None:
    provider = await api.provider()
    one = await api.service(provider, "A")
    channel = f"/providers/{provider}/channels/generali"
    await api.call("PUT", f"{channel}/published", {"service_ids": [one]})
    before = await changes(api, provider)
    await api.call("PUT", f"{channel}/published", {"service_ids": [one]})
    await api.call("PATCH", channel, {"enabled": False})
    await api.call("PATCH", f"/providers/{provider}", {"name": CLINIC["name"]})
    await api.call("PATCH", f"/providers/{provider}/services/{one}", {"duration_minutes": 30})
    await api.problem("PUT", f"{channel}/published", {"service_ids": ["srv_none"]})
    await api.problem("PATCH", channel, {"enabled": True}, 412, headers={"If-Match": '"99"'})
    assert await changes(api, provider) == before


async def test_twenty_thousand_ticks_are_one_line_that_every_one_of_them_finds(api: Client) -> None:
    """R7."""
    provider = await api.provider()
    ids = await many_services(api, provider, 20_000)
    path = f"/providers/{provider}/channels/generali/published"
    await api.call("PUT", path, {"service_ids": ids})
    (line,) = await changes(api, provider, "&service_id=srv_17345")
    assert (line["kind"], line["services"]["total"], len(line["services"]["shown"])) == (
        "services_ticked",
        20_000,
        50,
    )
    await api.call("PUT", path, {"service_ids": ids[1:]})
    (line, _) = await changes(api, provider, "&service_id=srv_1")
    assert (line["kind"], line["service_id"]) == ("services_unticked", "srv_1")


async def test_a_history_belongs_to_its_provider_and_shows_no_key(api: Client) -> None:
    own, other = await api.provider(name="Own"), await api.provider(name="Other")
    limited = await api.key("provider", own)
    assert len(await changes(api, own, **limited)) == 1
    await api.problem("GET", f"/providers/{other}/changes", expect=404, **limited)
    assert "key_" not in str(await changes(api, own, **limited))


async def test_of_two_who_read_the_same_version_only_one_writes(api: Client) -> None:
    """Stale writers get 412, also when they write at the same moment."""
    provider = await api.provider()
    ids = [await api.service(provider, code) for code in "ABCDEFGH"]
    channel = f"/providers/{provider}/channels/generali"
    await api.call("PUT", f"{channel}/published", {"service_ids": ids})
    calendar = {"physician": "Dr. Pop", "weekly_hours": HOURS}
    await api.call("PUT", f"/providers/{provider}/calendars/cal_1", calendar, 201)

    async def race(read: str, method: str, write: str, *bodies: Any) -> None:
        match = {"If-Match": (await api.ask("GET", read)).headers["etag"]}
        answers = await asyncio.gather(*(api.ask(method, write, json=body, headers=match) for body in bodies))
        assert sorted(answer.status_code for answer in answers) == [200] + [412] * (len(bodies) - 1)

    service = f"/providers/{provider}/services/{ids[0]}"
    await race(service, "PATCH", service, *({"duration_minutes": n} for n in (31, 32, 33, 34)))
    await race(f"/providers/{provider}", "PATCH", f"/providers/{provider}", {"name": "X"}, {"name": "Y"})
    one = f"/providers/{provider}/calendars/cal_1"
    await race(one, "PUT", one, *({**calendar, "physician": f"Dr. {n}"} for n in "ABC"))
    ticks = f"{channel}/published"
    await race(ticks, "PUT", ticks, *({"service_ids": ids[n:]} for n in (1, 2, 3)))
    await race(channel, "PATCH", channel, {"enabled": True}, {"enabled": True})
