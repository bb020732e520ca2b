"""R7: ticking in bulk, by id, by code and by filter; what is ticked too early is allowed and explained."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.database.session import Database
from tests.catalogue_client import HOURS, Client, serving
from tests.connections import go_live
from tests.stack import settings_for
from tests.test_changes import changes, many_services


@pytest.fixture
async def api(database: Database, postgres_url: str) -> AsyncIterator[Client]:
    async with serving(settings_for(postgres_url, "127.0.0.1:1", 1), database) as client:
        yield client


class Clinic:
    """A provider with services A (20 minutes), B (40) and C_1 (60); A has a price, B is in a calendar."""

    def __init__(self, api: Client, partner: str = "generali") -> None:
        self.api, self.partner = api, partner
        self.ids: dict[str, str] = {}

    async def begin(self) -> "Clinic":
        self.provider = await self.api.provider()
        for code, minutes in (("A", 20), ("B", 40), ("C_1", 60)):
            self.ids[code] = await self.api.service(self.provider, code, minutes)
        self.channel = f"/providers/{self.provider}/channels/{self.partner}"
        price = {"service_id": self.ids["A"], "amount": "120.00", "currency": "RON"}
        await self.api.call("PUT", f"{self.channel}/prices", {"prices": [price]})
        calendar = {"physician": "Dr. Pop", "weekly_hours": HOURS, "service_ids": [self.ids["B"]]}
        await self.api.call("PUT", f"/providers/{self.provider}/calendars/cal_1", calendar, 201)
        return self

    async def tick(self, body: Any, query: str = "", **more: Any) -> Any:
        return await self.api.call("PATCH", f"{self.channel}/published{query}", body, **more)

    async def ticked(self) -> set[str]:
        found = await self.api.call("GET", f"{self.channel}/published")
        names = {id: code for code, id in self.ids.items()}
        return {names[id] for id in found["service_ids"]}


@pytest.mark.parametrize(
    ("wanted", "ticked"),
    [
        ({}, {"A", "B", "C_1"}),
        ({"q": "service b"}, {"B"}),
        ({"q": "c_"}, {"C_1"}),
        ({"q": "%"}, set()),
        ({"duration_min": 40}, {"B", "C_1"}),
        ({"duration_min": 30, "duration_max": 50}, {"B"}),
        ({"has_price": True}, {"A"}),
        ({"has_price": False}, {"B", "C_1"}),
        ({"has_calendar": True}, {"B"}),
        ({"has_price": False, "has_calendar": False}, {"C_1"}),
    ],
)
async def test_a_filter_ticks_all_that_fit_it(api: Client, wanted: Any, ticked: set[str]) -> None:
    clinic = await Clinic(api).begin()
    result = await clinic.tick({"add": {"filter": wanted}})
    assert (result["published"], result["added"]["total"]) == (len(ticked), len(ticked))
    assert await clinic.ticked() == ticked


async def test_all_but_one_is_one_call_and_the_rest_stays_as_it_is(api: Client) -> None:
    clinic = await Clinic(api).begin()
    await clinic.tick({"add": {"service_ids": [clinic.ids["A"]]}})
    result = await clinic.tick({"add": {"filter": {}}, "remove": {"codes": ["B"]}})
    assert [one["code"] for one in result["added"]["shown"]] == ["C_1"]
    assert result["removed"]["total"] == 0
    result = await clinic.tick({"remove": {"codes": ["A", "B"]}})
    assert [one["code"] for one in result["removed"]["shown"]] == ["A"]
    assert await clinic.ticked() == {"C_1"}
    kinds = [line["kind"] for line in await changes(api, clinic.provider, "&partner=generali")]
    assert kinds[:3] == ["services_unticked", "services_ticked", "services_ticked"]


async def test_a_dry_run_shows_counts_and_list_and_changes_nothing(api: Client) -> None:
    clinic = await Clinic(api).begin()
    before = await changes(api, clinic.provider)
    result = await clinic.tick({"add": {"filter": {"duration_min": 40}}}, "?dry_run=true")
    assert (result["dry_run"], result["published"], result["added"]["total"]) == (True, 2, 2)
    assert [one["code"] for one in result["added"]["shown"]] == ["B", "C_1"]
    assert await clinic.ticked() == set()
    assert await changes(api, clinic.provider) == before


async def test_a_service_ticked_too_early_is_allowed_and_explained(api: Client) -> None:
    clinic = await Clinic(api).begin()
    said: Any = {"headers": {"Accept-Language": "ro"}}
    result = (await clinic.tick({"add": {"filter": {}}}, **said))["not_yet_bookable"]
    assert result["total"] == 2
    assert [(one["code"], [why["code"] for why in one["reasons"]]) for one in result["shown"]] == [
        ("B", ["service.no_price"]),
        ("C_1", ["service.no_price"]),
    ]
    assert result["shown"][0]["reasons"][0]["text"] == "Serviciul nu are preț pe acest canal."


async def test_a_calendar_is_missed_only_where_the_playbook_needs_one(api: Client) -> None:
    """R6: only for Global Assistance."""
    clinic = await Clinic(api, "global-assistance").begin()
    result = (await clinic.tick({"add": {"filter": {}}}))["not_yet_bookable"]
    assert {one["code"]: [why["code"] for why in one["reasons"]] for one in result["shown"]} == {
        "A": ["service.no_calendar"],
        "B": ["service.no_price"],
        "C_1": ["service.no_calendar", "service.no_price"],
    }


async def test_on_a_live_channel_a_new_service_that_the_partner_has_not_confirmed_is_explained(
    api: Client,
) -> None:
    """R14: as its readiness says."""
    live = await go_live(api.database, "generali")
    new = await api.service(live.provider_id, "NEW")
    channel = f"/providers/{live.provider_id}/channels/generali"
    price = {"service_id": new, "amount": "120.00", "currency": "RON"}
    await api.call("POST", f"{channel}/prices/set", {"prices": [price]})
    for query in ("?dry_run=true", ""):
        result = await api.call("PATCH", f"{channel}/published{query}", {"add": {"service_ids": [new]}})
        (shown,) = result["not_yet_bookable"]["shown"]
        assert (shown["code"], [why["code"] for why in shown["reasons"]]) == (
            "NEW",
            ["service.awaiting_partner"],
        )


async def test_an_opening_that_is_too_short_is_no_availability(api: Client) -> None:
    """R6: the filter and the answer say the same, and the answer says why."""
    clinic = await Clinic(api, "global-assistance").begin()
    long = await api.service(clinic.provider, "LONG", 481)
    ids = [clinic.ids["B"], long]
    calendar = {"physician": "Dr. Pop", "weekly_hours": HOURS, "service_ids": ids}
    await api.call("PUT", f"/providers/{clinic.provider}/calendars/cal_1", calendar)
    found = await clinic.tick({"add": {"filter": {"has_calendar": False, "duration_min": 400}}})
    assert [one["code"] for one in found["added"]["shown"]] == ["LONG"]
    (shown,) = found["not_yet_bookable"]["shown"]
    (why,) = [one for one in shown["reasons"] if one["code"] == "service.no_opening"]
    assert "takes 481 minutes" in why["text"]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"add": {}},
        {"add": {"codes": ["A"], "filter": {}}},
        {"add": {"codes": ["NONE"]}},
        {"remove": {"service_ids": ["srv_none"]}},
        {"add": {"filter": {"colour": "red"}}},
        {"add": {"filter": {"q": "\u0000"}}},
        {"add": {"filter": {"duration_min": 0}}},
    ],
)
async def test_a_wrong_selection_is_named_and_changes_nothing(api: Client, wrong: Any) -> None:
    clinic = await Clinic(api).begin()
    await api.problem("PATCH", f"{clinic.channel}/published", wrong)
    assert await clinic.ticked() == set()


async def test_a_stale_writer_ticks_nothing(api: Client) -> None:
    clinic = await Clinic(api).begin()
    read = await api.ask("GET", f"{clinic.channel}/published")
    match = {"headers": {"If-Match": read.headers["etag"]}}
    answer = await api.ask("PATCH", f"{clinic.channel}/published", json={"add": {"codes": ["A"]}}, **match)
    assert answer.status_code == 200
    assert answer.headers["etag"] != read.headers["etag"]
    await api.problem("PATCH", f"{clinic.channel}/published", {"add": {"codes": ["B"]}}, 412, **match)
    await api.problem(
        "PATCH", f"{clinic.channel}/published?dry_run=true", {"add": {"codes": ["B"]}}, 412, **match
    )
    assert await clinic.ticked() == {"A"}


async def test_twenty_thousand_services_are_ticked_by_filter_in_one_edit(api: Client) -> None:
    provider = await api.provider()
    await many_services(api, provider, 20_000)
    path = f"/providers/{provider}/channels/generali/published"
    result = await api.call("PATCH", path, {"add": {"filter": {"has_price": False}}})
    assert (result["published"], result["not_yet_bookable"]["total"]) == (20_000, 20_000)
    assert len(result["not_yet_bookable"]["shown"]) == 500
    (line,) = await changes(api, provider, "&partner=generali")
    assert line["services"]["total"] == 20_000
