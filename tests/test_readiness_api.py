"""The explainer and the openings over HTTP: languages, pages, rights, and 20,000 services."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, text

from adapters.database.access import create_api_key
from adapters.database.readiness import look, one_moment
from adapters.database.tables import Provider
from domain.model import LANGUAGES
from domain.readiness import explain
from tests.stack import Stack
from tests.test_readiness import counted

CLINIC = {
    "name": "Clinica Armonia",
    "email": "contact@armonia.example",
    "locale": "ro",
    "time_zone": "Europe/Bucharest",
}
WEEK = [
    {"day": day, "from": "09:00", "to": "17:00"} for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
]


class Clinic:
    """A provider and short ways to ask about it."""

    def __init__(self, stack: Stack, id: str) -> None:
        self.stack, self.id = stack, id

    @property
    def channel(self) -> str:
        return f"/providers/{self.id}/channels/generali"

    async def service(self, code: str, minutes: int = 30) -> str:
        body = {"code": code, "name": f"Service {code}", "duration_minutes": minutes}
        return str((await self.stack.call("POST", f"/providers/{self.id}/services", json=body))["id"])

    async def calendar(self, *service_ids: str, **more: Any) -> None:
        body = {"physician": "Dr. Pop", "weekly_hours": WEEK, "service_ids": list(service_ids), **more}
        await self.stack.call("PUT", f"/providers/{self.id}/calendars/pop", json=body)

    async def why(self, **asked: Any) -> Any:
        return await self.stack.call("GET", f"{self.channel}/readiness", params=asked)

    async def openings(self, service_id: str, **asked: Any) -> Any:
        path = f"/providers/{self.id}/services/{service_id}/availability"
        return await self.stack.call("GET", path, params=asked)


@pytest.fixture
async def clinic(idle_stack: Stack) -> Clinic:
    made = await idle_stack.call("POST", "/providers", json=CLINIC)
    return Clinic(idle_stack, made["id"])


async def test_it_answers_where_nothing_exists_yet(clinic: Clinic) -> None:
    found = await clinic.why()
    assert (found["bookable"], found["onboarding"], found["status"]) == (False, None, None)
    assert found["reasons"][0]["code"] == "onboarding.not_started"
    assert found["services"] == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_texts_are_in_the_readers_language(clinic: Clinic, language: str) -> None:
    asked = await clinic.why(language=language)
    header = {"accept-language": f"{language};q=0.9"}
    browser = await clinic.stack.call("GET", f"{clinic.channel}/readiness", headers=header)
    assert asked == browser
    english = await clinic.why(language="en")
    texts = {one["text"] for one in asked["reasons"]}
    assert (texts == {one["text"] for one in english["reasons"]}) is (language == "en")


async def test_services_come_in_pages_and_one_alone(clinic: Clinic) -> None:
    ids = [await clinic.service(code) for code in ("A", "B", "C")]
    await clinic.stack.call("PUT", f"{clinic.channel}/published", json={"service_ids": [ids[2]]})
    seen: list[str] = []
    cursor = None
    while cursor is not None or not seen:
        page = (await clinic.why(limit=1, **({"cursor": cursor} if cursor else {})))["services"]
        seen += [one["code"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert seen == ["C", "A", "B"]
    (alone,) = (await clinic.why(service_id=ids[1]))["services"]["items"]
    assert [one["code"] for one in alone["reasons"]] == [
        "service.channel_blocked",
        "service.not_ticked",
        "service.no_price",
    ]
    for path in (
        f"{clinic.channel}/readiness?service_id=srv_no",
        f"{clinic.channel}/readiness".replace("generali", "no"),
    ):
        await clinic.stack.call("GET", path, expect=404)
    await clinic.stack.call("GET", f"{clinic.channel}/readiness?cursor=x", expect=422)


async def test_another_providers_key_sees_nothing(clinic: Clinic) -> None:
    other = await clinic.stack.call("POST", "/providers", json=CLINIC)
    async with clinic.stack.database.transaction() as session:
        key = await create_api_key(session, "clinic", "provider", other["id"])
    bearer = {"Authorization": f"Bearer {key}"}
    service = await clinic.service("A")
    for path in (f"{clinic.channel}/readiness", f"/providers/{clinic.id}/services/{service}/availability"):
        assert (await clinic.stack.anybody.get(f"/api/v1{path}", headers=bearer)).status_code == 404
        assert (await clinic.stack.anybody.get(f"/api/v1{path}")).status_code == 401
    own = await clinic.stack.anybody.get(
        f"/api/v1/providers/{other['id']}/channels/generali/readiness", headers=bearer
    )
    remedies = {one["code"]: one["remedy"] for one in own.json()["reasons"]}
    assert remedies["onboarding.not_started"] is None, "the clinic itself may not start an onboarding"
    assert remedies["channel.disabled"]["method"] == "PATCH"


async def test_the_next_openings_hold_the_service(clinic: Clinic) -> None:
    short, long = await clinic.service("A"), await clinic.service("B", 481)
    await clinic.calendar(short, long)
    found = await clinic.openings(short, days=10)
    assert (found["available"], found["time_zone"]) == (True, "Europe/Bucharest")
    assert 6 <= len(found["items"]) <= 10
    assert {one["to"] for one in found["items"]} == {"17:00"}
    assert [one["starts_at"] for one in found["items"]] == sorted(one["starts_at"] for one in found["items"])
    first = await clinic.openings(short, days=10, limit=1)
    rest = await clinic.openings(short, days=10, cursor=first["next_cursor"])
    assert [one["date"] for one in (*first["items"], *rest["items"])] == [
        one["date"] for one in found["items"]
    ]
    assert await clinic.openings(long, days=10) == {
        **found,
        "service_id": long,
        "duration_minutes": 481,
        "available": False,
        "items": [],
    }
    await clinic.stack.call("GET", f"/providers/{clinic.id}/services/srv_no/availability", expect=404)
    await clinic.stack.call("GET", f"/providers/{clinic.id}/services/{short}/availability?days=0", expect=422)


async def test_an_opening_that_is_under_way_is_on_one_page_only(clinic: Clinic) -> None:
    service = await clinic.service("A")
    always = [
        {"day": day, "from": "00:00", "to": "24:00"}
        for day in ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    ]
    await clinic.calendar(service, weekly_hours=always)
    first = await clinic.openings(service, days=3, limit=1)
    rest = await clinic.openings(service, days=3, cursor=first["next_cursor"])
    dates = [one["date"] for one in (*first["items"], *rest["items"])]
    assert dates == sorted(set(dates))
    assert first["items"][0]["starts_at"] < rest["items"][0]["starts_at"]


async def test_a_service_longer_than_every_opening_says_so(clinic: Clinic) -> None:
    long = await clinic.service("B", 481)
    await clinic.calendar(long)
    (one,) = (await clinic.why(service_id=long))["services"]["items"]
    (full,) = [reason for reason in one["reasons"] if reason["code"] == "service.no_opening"]
    assert (full["severity"], full["remedy"]["kind"]) == ("warning", "link")


async def _fill(
    clinic: Clinic, n: int, tick: int = 2, price: int = 3, delete: int = 10, offer: int = 1
) -> None:
    """Many services; every so many-th is ticked, priced, deleted, offered in a calendar. Leftovers of deleted ones stay."""
    given = {"p": clinic.id, "n": n, "tick": tick, "price": price, "delete": delete, "offer": offer}
    async with clinic.stack.database.transaction() as session:
        for statement in (
            """INSERT INTO services (id, provider_id, code, name, duration_minutes, version, deleted_at)
            SELECT 'srv_' || n, :p, 'C' || n, 'Service ' || n, 30, 1, CASE WHEN n % :delete = 0 THEN now() END
            FROM generate_series(1, :n) n""",
            """INSERT INTO published_services (provider_id, partner, service_id)
            SELECT :p, 'generali', 'srv_' || n FROM generate_series(1, :n) n WHERE n % :tick = 0""",
            """INSERT INTO prices (provider_id, partner, service_id, amount, currency)
            SELECT :p, 'generali', 'srv_' || n, 100, 'RON' FROM generate_series(1, :n) n WHERE n % :price = 0""",
            """INSERT INTO calendars (provider_id, id, physician, weekly_hours, exceptions, service_ids, version)
            SELECT :p, 'cal', 'Dr. Pop', '[{"day": "mon", "from": "09:00", "to": "17:00"}]', '[]',
                jsonb_agg('srv_' || n), 1 FROM generate_series(1, :n) n WHERE n % :offer = 0""",
        ):
            await session.execute(text(statement), given)


async def test_twenty_thousand_services_are_explained(clinic: Clinic) -> None:
    await _fill(clinic, 20_000)
    found = await clinic.why(limit=200)
    assert len(found["services"]["items"]) == 200
    assert {one["code"] for one in found["reasons"]} >= {"prices.missing"}


@pytest.mark.parametrize("every", [(2, 3, 10, 1), (1, 1, 7, 5), (3, 2, 3, 2), (61, 1, 2, 60), (4, 4, 61, 4)])
async def test_facts_and_services_are_counted_alike_in_three_statements(
    clinic: Clinic, every: tuple[int, int, int, int]
) -> None:
    await _fill(clinic, 60, *every)
    said: list[str] = []
    context = clinic.stack.app.state.context
    playbook = context.playbooks.get("generali")
    engine = context.database.engine.sync_engine
    async with context.database.transaction() as session:
        await one_moment(session)
        provider = await session.get(Provider, clinic.id)
        assert provider is not None
        event.listen(engine, "before_cursor_execute", lambda *args: said.append(args[2]))
        counting = context.declarations.counting(playbook)
        snapshot = (await look(session, provider, playbook, counting, datetime.now(UTC))).snapshot
    assert len(said) == 3
    assert snapshot.services is not None
    elsewhere = {"version", "digest", "enabled", "consent", "calendars"}
    assert snapshot.facts.model_dump(exclude=elsewhere) == counted(*snapshot.services).model_dump(
        exclude=elsewhere
    )
    found = explain(snapshot)
    ticked = {one.id for one in snapshot.services if one.ticked and one.deleted is None}
    unpriced = {one.id for one in found.services if any(r.code == "service.no_price" for r in one.reasons)}
    told = {reason.code: reason.services for reason in found.reasons}
    assert told.get("prices.missing", 0) == len(ticked & unpriced)
