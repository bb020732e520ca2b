"""The waiting ledger and the forecast over HTTP, from histories in a real Postgres."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from adapters.database import records
from adapters.database.tables import OnboardingRow
from adapters.identifiers import new_id
from api.access import Role
from api.routes import waiting
from domain.case import Case, Change
from domain.commands import Verb
from domain.model import Party
from tests.connections import packaged
from tests.histories import OURS, THEIRS, Timed, at, begun, until_tested, went_live
from tests.playbooks import playbook
from tests.stack import Stack
from tests.test_policies import key_of

CLINIC = {
    "name": "Clinica Armonia",
    "email": "office@armonia.example",
    "locale": "ro",
    "time_zone": "Europe/Bucharest",
}
PARTNER = "generali"
PARTS = ("us", "provider", "partner", "system", "hold")
SPRING = {"from": "2026-01", "until": "2026-06"}


@pytest.fixture
async def provider(idle_stack: Stack) -> str:
    return str((await idle_stack.call("POST", "/providers", json=CLINIC))["id"])


def book(partner: str) -> Any:
    """The steps of the small playbook, under the name of a partner that there is."""
    return playbook(slug=partner, name=packaged(partner).name)


async def keep(stack: Stack, provider: str, timed: Timed, partner: str = PARTNER) -> str:
    """Writes an onboarding down as it went; its id. Its end is the time of its last event."""
    id = new_id("onb")
    calendars = {party: THEIRS if party is Party.PARTNER else OURS for party in Party}
    case = Case(onboarding_id=id, provider_id=provider, playbook=book(partner), calendars=calendars)
    async with stack.database.transaction() as session:
        await records.open_onboarding(
            session, case, Change(progress=timed.progress, events=tuple(timed.events))
        )
        row = await session.get_one(OnboardingRow, id)
        await session.refresh(row)
        row.created_at = timed.events[0].at
        row.ended_at = timed.events[-1].at if row.ended_at else None
    return id


def sums(row: Any) -> dict[str, float]:
    """The parts, which sum to the whole and of which none is negative."""
    parts = row["by_party"]
    assert tuple(parts) == PARTS
    assert round(sum(parts.values()), 1) == row["whole_hours"]
    assert min(parts.values()) >= 0
    return {party: hours for party, hours in parts.items() if hours}


async def test_an_onboardings_hours_are_told_by_party_and_period(idle_stack: Stack, provider: str) -> None:
    timed = begun(at("2026-03-02 07:00")).later(days=1)
    timed.steer(Verb.HOLD)
    timed.later(hours=4).steer(Verb.CANCEL)
    id = await keep(idle_stack, provider, timed)
    said = await idle_stack.call("GET", f"/onboardings/{id}/waiting")
    assert (said["whole_hours"], sums(said)) == (12.0, {"provider": 8.0, "hold": 4.0})
    assert said["time_zone"] == "Europe/Bucharest"
    assert said["periods"] == [
        {"owner": "provider", "begin": "2026-03-02T07:00:00Z", "end": "2026-03-03T07:00:00Z", "hours": 8.0},
        {"owner": "hold", "begin": "2026-03-03T07:00:00Z", "end": "2026-03-03T11:00:00Z", "hours": 4.0},
    ]


async def test_an_open_onboarding_counts_until_now(idle_stack: Stack, provider: str) -> None:
    before = datetime.now(UTC)
    id = await keep(idle_stack, provider, begun(before - timedelta(days=30)))
    said = await idle_stack.call("GET", f"/onboardings/{id}/waiting")
    assert before <= datetime.fromisoformat(said["periods"][-1]["end"]) <= datetime.now(UTC)
    assert sums(said).keys() == {"provider"}


async def several(stack: Stack, provider: str) -> dict[str, str]:
    """Onboardings of two partners in the spring of 2026, all over."""
    long = begun(at("2026-03-30 06:00")).later(days=3)  # two working days in March, one in April
    long.steer(Verb.CANCEL)
    short = begun(at("2026-03-02 07:00")).later(hours=2)
    short.steer(Verb.CANCEL)
    live = went_live(at("2026-03-03 07:00"), 1, 1)
    return {
        "long": await keep(stack, provider, long),
        "short": await keep(stack, provider, short),
        "live": await keep(stack, provider, live, "europ-assistance"),
    }


async def test_hours_are_summed_by_month_by_partner_and_by_onboarding(
    idle_stack: Stack, provider: str
) -> None:
    ids = await several(idle_stack, provider)

    async def ask(**query: str) -> list[Any]:
        found = await idle_stack.call("GET", "/waiting", params={**SPRING, **query})
        assert found["next_cursor"] is None
        return list(found["items"])

    assert [(row["month"], sums(row)) for row in await ask()] == [
        ("2026-04", {"provider": 8.0}),
        ("2026-03", {"provider": 16.0 + 2.0 + 8.0, "partner": 8.0}),
    ]
    assert [(row["partner"], sums(row)) for row in await ask(by="partner")] == [
        ("europ-assistance", {"provider": 8.0, "partner": 8.0}),
        ("generali", {"provider": 26.0}),
    ]
    rows = {row["onboarding"]: row for row in await ask(by="onboarding")}
    assert [sums(rows[ids[name]]) for name in ("long", "short")] == [{"provider": 24.0}, {"provider": 2.0}]
    assert rows[ids["long"]]["provider"] == {"id": provider, "name": "Clinica Armonia"}
    (april,) = await ask(by="partner", **{"from": "2026-04"})
    assert (april["partner"], sums(april)) == ("generali", {"provider": 8.0})
    assert [row["partner"] for row in await ask(by="partner", partner="europ-assistance")] == [
        "europ-assistance"
    ]
    assert await ask(until="2026-02") == []


async def test_onboardings_come_page_by_page(idle_stack: Stack, provider: str) -> None:
    ids = await several(idle_stack, provider)
    found, cursor = [], None
    while True:
        query = {**SPRING, "by": "onboarding", "limit": "1", **({"cursor": cursor} if cursor else {})}
        page = await idle_stack.call("GET", "/waiting", params=query)
        found += [row["onboarding"] for row in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == [ids["long"], ids["live"], ids["short"]], "newest first"


@pytest.mark.parametrize(
    "months", [("2026-05", "2026-04"), ("2023-01", "2026-01"), ("2026-13", "2027-01"), ("May", "2026-06")]
)
async def test_months_that_are_none_or_too_many_are_refused(
    idle_stack: Stack, months: tuple[str, str]
) -> None:
    query = {"from": months[0], "until": months[1]}
    refused = await idle_stack.call("GET", "/waiting", 422, params=query)
    assert refused["code"] == "invalid"


async def test_more_onboardings_than_can_be_summed_at_once_are_refused(
    idle_stack: Stack, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await several(idle_stack, provider)
    monkeypatch.setattr(waiting, "MOST_ONBOARDINGS", 2)
    refused = await idle_stack.call("GET", "/waiting", 422, params=SPRING)
    assert refused["detail"] == "That would be 3 onboardings; at most 2 are summed at once."
    await idle_stack.call("GET", "/waiting", params={**SPRING, "partner": PARTNER})


async def test_a_provider_sees_its_own_hours_only(idle_stack: Stack, provider: str) -> None:
    other = (await idle_stack.call("POST", "/providers", json=CLINIC))["id"]
    theirs = await keep(idle_stack, other, begun(at("2026-03-02 07:00")))
    await several(idle_stack, provider)
    headers = {"authorization": f"Bearer {await key_of(idle_stack, Role.PROVIDER, provider)}"}
    page = await idle_stack.call("GET", "/waiting", params={**SPRING, "by": "onboarding"}, headers=headers)
    assert {row["provider"]["id"] for row in page["items"]} == {provider}
    for what in ("waiting", "forecast"):
        await idle_stack.call("GET", f"/onboardings/{theirs}/{what}", 404, headers=headers)


async def test_a_forecast_is_a_range_of_days_or_says_how_few_there_are(
    idle_stack: Stack, provider: str
) -> None:
    present = await keep(idle_stack, provider, until_tested(datetime.now(UTC), 0))
    for weeks in (1, 2, 3, 4):
        await keep(idle_stack, provider, went_live(at("2026-01-05 08:00"), 1, 7 * weeks))
    await keep(idle_stack, provider, went_live(at("2026-01-05 08:00"), 1, 7), "europ-assistance")
    said = await idle_stack.call("GET", f"/onboardings/{present}/forecast")
    assert (said["outlook"], said["comparable"], said["early"]) == ("too_few", 4, None)
    await keep(idle_stack, provider, went_live(at("2026-01-05 08:00"), 1, 7 * 5))
    said = await idle_stack.call("GET", f"/onboardings/{present}/forecast")
    assert (said["outlook"], said["comparable"], said["reached"]) == ("range", 5, "joint_test")
    early, middle, late = (date.fromisoformat(said[name]) for name in ("early", "middle", "late"))
    assert (OURS.days_between(early, middle), OURS.days_between(middle, late)) == (10, 5)
