"""Account managers over HTTP: add, change, stand in, retire, assign; once, unseen changes refused, by managers only."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.database.session import Database
from tests.catalogue_client import Client, serving
from tests.people import begun, hired
from tests.stack import settings_for

EVA = {"name": "Eva Pop", "email": "eva@racord.example", "locale": "de", "time_zone": "Europe/Vienna"}
REASON = {"reason": "She knows the clinic."}
PEOPLE = "/account-managers"


@pytest.fixture
async def api(database: Database, postgres_url: str) -> AsyncIterator[Client]:
    """With no Temporal and no worker: none of this needs them."""
    async with serving(settings_for(postgres_url, "127.0.0.1:1", 1), database) as client:
        yield client


async def give(api: Client, onboarding: str, person: str | None, expect: int = 200, **more: Any) -> Any:
    body = {"account_manager_id": person, **REASON}
    return await api.call("POST", f"/onboardings/{onboarding}/assign", body, expect, **more)


async def away_today(api: Client, person: str, substitute: str) -> Any:
    today = datetime.now(UTC).date()
    days = {"first_day": str(today - timedelta(days=1)), "last_day": str(today + timedelta(days=1))}
    body = {"substitute_id": substitute, **days, "reason": "On holiday"}
    return await api.call("POST", f"{PEOPLE}/{person}/substitutions", body, 201)


async def listed(api: Client, **query: str) -> list[str]:
    return [one["id"] for one in (await api.call("GET", "/onboardings", params=query))["items"]]


async def test_an_account_manager_is_added_once_and_read_with_lead_and_version(api: Client) -> None:
    lead = await hired(api.database, "Marta")
    once: dict[str, Any] = {"headers": {"Idempotency-Key": "eva-1"}}
    made = await api.call("POST", PEOPLE, {**EVA, "lead_id": lead}, 201, **once)
    assert await api.call("POST", PEOPLE, {**EVA, "lead_id": lead}, 201, **once) == made
    answer = await api.ask("GET", f"{PEOPLE}/{made['id']}")
    assert answer.json() == made
    assert answer.headers["etag"] == '"1"'
    assert {name: made[name] for name in EVA} == EVA
    assert (made["lead"], made["open_onboardings"]) == ({"id": lead, "name": "Marta"}, 0)
    assert [one["name"] for one in (await api.call("GET", PEOPLE))["items"]] == ["Eva Pop", "Marta"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"email": "nowhere"}, "email"),
        ({"time_zone": "Europe/Cluj"}, "time_zone"),
        ({"locale": "fr"}, "locale"),
        ({"name": " "}, "name"),
        ({"phone": "1"}, "phone"),
    ],
)
async def test_what_is_wrong_is_named(api: Client, wrong: dict[str, str], field: str) -> None:
    found = await api.problem("POST", PEOPLE, {**EVA, **wrong})
    assert [error["field"] for error in found["errors"]] == [field]


async def test_a_list_of_many_people_is_read_a_page_at_a_time(api: Client) -> None:
    for name in ("Eva", "Dan", "Ion", "Ana", "Zoe"):
        await hired(api.database, name)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(3):
        page = await api.call("GET", PEOPLE, params={"limit": "2", **cursor})
        seen += [one["name"] for one in page["items"]]
        cursor = {"cursor": page["next_cursor"]}
    assert page["next_cursor"] is None
    assert seen == ["Ana", "Dan", "Eva", "Ion", "Zoe"]


async def test_a_change_names_what_it_changes_and_refuses_what_was_not_seen(api: Client) -> None:
    lead, eva = await hired(api.database, "Marta"), await hired(api.database, "Eva")
    path = f"{PEOPLE}/{eva}"
    seen: dict[str, Any] = {"headers": {"If-Match": '"1"'}}
    changed = await api.call("PATCH", path, {"lead_id": lead, "locale": "hu"}, **seen)
    assert (changed["lead"]["id"], changed["locale"], changed["name"], changed["version"]) == (
        lead,
        "hu",
        "Eva",
        2,
    )
    assert (await api.problem("PATCH", path, {"name": "Other"}, 412, **seen))["code"] == "stale"
    circle = await api.problem("PATCH", f"{PEOPLE}/{lead}", {"lead_id": eva}, 409)
    assert circle["code"] == "leads-in-circle"
    assert (await api.call("PATCH", path, {"lead_id": None}))["lead"] is None
    await api.problem("PATCH", path, {"lead_id": "amg_unknown"}, 404)


async def test_an_onboarding_is_given_and_taken_and_shows_whose_it_is(api: Client) -> None:
    eva, dan = await hired(api.database, "Eva"), await hired(api.database, "Dan")
    onboarding, nobodys = await begun(api.database), await begun(api.database)
    once: dict[str, Any] = {"headers": {"Idempotency-Key": "give-1"}}
    given = await give(api, onboarding, eva, **once)
    assert await give(api, onboarding, eva, **once) == given
    assert given["assignee"] == {"id": eva, "name": "Eva"}
    await away_today(api, eva, dan)
    seen = await api.call("GET", f"/onboardings/{onboarding}")
    assert (seen["assignee"]["name"], seen["acting"]["name"]) == ("Eva", "Dan")
    assert seen["revision"] == given["revision"]
    assert await listed(api, assignee=eva) == [onboarding]
    assert await listed(api, assignee="none") == [nobodys]
    assert await listed(api, assignee=dan) == []
    assert (await api.call("GET", f"{PEOPLE}/{eva}"))["open_onboardings"] == 1
    (line,) = (await api.call("GET", f"/onboardings/{onboarding}/events", params={"limit": "1"}))["items"]
    assert (line["type"], line["actor"]["name"], line["data"]["reason"]) == (
        "onboarding.assigned",
        "Ana Manager",
        REASON["reason"],
    )
    assert (await give(api, onboarding, None))["assignee"] is None
    assert len(await listed(api, assignee="none")) == 2


async def test_the_action_to_assign_offers_whoever_is_at_work(api: Client) -> None:
    eva, dan = await hired(api.database, "Eva"), await hired(api.database, "Dan")
    await api.call("POST", f"{PEOPLE}/{dan}/retire", REASON)
    seen = await api.call("GET", f"/onboardings/{await begun(api.database)}")
    action = next(one for one in seen["actions"] if one["name"] == "assign")
    choices = action["schema"]["properties"]["account_manager_id"]["anyOf"][0]["oneOf"]
    assert choices == [{"const": eva, "title": "Eva"}]
    body = {"account_manager_id": choices[0]["const"], **REASON}
    answer = await api.http.request(action["method"], action["href"], json=body)
    assert answer.status_code == 200
    viewer = await api.key("viewer")
    offered = (await api.call("GET", f"/onboardings/{seen['id']}", **viewer))["actions"]
    assert offered == []


async def test_who_retires_hands_over_what_is_open(api: Client) -> None:
    eva, dan = await hired(api.database, "Eva"), await hired(api.database, "Dan")
    onboarding = await begun(api.database)
    await give(api, onboarding, eva)
    path = f"{PEOPLE}/{eva}/retire"
    refused = await api.problem("POST", path, REASON, 409)
    assert (refused["code"], "hand_over_to" in refused["mend"]) == ("open-work", True)
    gone = await api.call("POST", path, {**REASON, "hand_over_to": dan})
    assert gone["retired_at"] is not None
    assert (await api.call("GET", f"/onboardings/{onboarding}"))["assignee"]["id"] == dan
    assert [one["id"] for one in (await api.call("GET", PEOPLE))["items"]] == [dan]
    assert len((await api.call("GET", PEOPLE, params={"retired": "true"}))["items"]) == 2
    assert (await give(api, onboarding, eva, 409))["code"] == "person-retired"
    for method, more in (("PATCH", {"name": "Eve"}), ("POST", REASON)):
        where = path if method == "POST" else f"{PEOPLE}/{eva}"
        assert (await api.problem(method, where, more, 409))["code"] == "person-retired"


async def test_substitutes_are_listed_and_taken_away(api: Client) -> None:
    eva, dan = await hired(api.database, "Eva"), await hired(api.database, "Dan")
    made = await away_today(api, eva, dan)
    path = f"{PEOPLE}/{eva}/substitutions"
    assert (await api.call("GET", path))["items"] == [made]
    assert (made["substitute"]["name"], made["created_by"]["name"]) == ("Dan", "Ana Manager")
    assert (await api.call("GET", f"{PEOPLE}/{eva}"))["acting"]["name"] == "Dan"
    days = {"first_day": made["last_day"], "last_day": made["last_day"], "reason": "Again"}
    overlap = await api.problem("POST", path, {"substitute_id": dan, **days}, 409)
    assert overlap["code"] == "substitution-overlaps"
    own = await api.problem("POST", path, {"substitute_id": eva, **days})
    assert [error["field"] for error in own["errors"]] == ["substitute_id"]
    backwards = {**days, "first_day": "2099-01-02", "last_day": "2099-01-01"}
    odd = await api.problem("POST", path, {"substitute_id": dan, **backwards})
    assert [error["field"] for error in odd["errors"]] == ["last_day"]
    why = {"params": {"reason": "Eva is back."}}
    await api.problem("DELETE", f"{PEOPLE}/{dan}/substitutions/{made['id']}", expect=404, **why)
    short = await api.problem("DELETE", f"{path}/{made['id']}", params={"reason": "no"})
    assert [error["field"] for error in short["errors"]] == ["query.reason"]
    await api.problem("DELETE", f"{path}/{made['id']}")
    await api.call("DELETE", f"{path}/{made['id']}", expect=204, **why)
    (kept,) = (await api.call("GET", path))["items"]
    assert {**kept, "ended_at": None, "ended_by": None, "ended_reason": None} == made
    assert (kept["ended_by"]["name"], kept["ended_reason"]) == ("Ana Manager", "Eva is back.")
    assert (await api.call("GET", f"{PEOPLE}/{eva}"))["acting"] is None
    await api.call("DELETE", f"{path}/{made['id']}", expect=204, params={"reason": "Once more."})
    assert (await api.call("GET", path))["items"] == [kept], "the first reason stays"
    await away_today(api, eva, dan)


async def test_our_people_are_for_managers_who_are_limited_to_no_provider(api: Client) -> None:
    eva, onboarding = await hired(api.database, "Eva"), await begun(api.database)
    other = await api.provider()
    for role, provider in (("viewer", None), ("provider", other), ("manager", other)):
        key = await api.key(role, provider)
        for path in (PEOPLE, f"{PEOPLE}/{eva}", f"{PEOPLE}/{eva}/substitutions"):
            await api.problem("GET", path, expect=403, **key)
        await api.problem("POST", PEOPLE, EVA, 403, **key)
        hidden = 404 if role == "manager" else 403
        await give(api, onboarding, eva, hidden, **key)
    assert (await api.call("GET", f"/onboardings/{onboarding}"))["assignee"] is None
