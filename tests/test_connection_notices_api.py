"""Notices of a live connection over HTTP: sent again, acknowledged on the partner's behalf (R14, R16)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from adapters.database import notices
from adapters.database.connection_tables import NoticeRow
from adapters.database.session import Database
from domain.connection import ConnectionStatus
from tests.catalogue_client import Client, serving
from tests.connection_client import Line, every_page
from tests.connections import IOANA, go_live
from tests.stack import settings_for
from tests.test_connections_api import BECAUSE
from tests.test_pages_connections import words_of


@pytest.fixture
async def api(database: Database, postgres_url: str) -> AsyncIterator[Client]:
    async with serving(settings_for(postgres_url, "127.0.0.1:1", 1), database) as client:
        yield client


@pytest.fixture
async def here(api: Client) -> Line:
    return Line(await go_live(api.database), api)


async def sent(here: Line, notice_id: str, *, ago: timedelta = timedelta()) -> None:
    """Its message went out."""
    async with here.live.database.transaction() as session:
        row = await session.get_one(NoticeRow, notice_id)
        await notices.went_out(session, row, None, datetime.now(UTC) - ago)


async def test_a_notice_is_shown_with_its_lines_and_what_can_be_done(here: Line) -> None:
    """R16."""
    first, second = here.live.service_ids
    notice = await here.live.change_prices({first: "120.00", second: "130.00"})
    shown = await here.see(f"/notices/{notice}")
    assert [(one["code"], one["old"]["amount"], one["new"]["amount"]) for one in shown["lines"]] == [
        ("S00000", "100.00", "120.00"),
        ("S00001", "100.00", "130.00"),
    ]
    assert (shown["kind"], shown["state"], shown["services"]) == ("prices", "waiting", 2)
    assert [one["name"] for one in shown["actions"]] == ["acknowledge"]
    await sent(here, notice)
    shown = await here.see(f"/notices/{notice}")
    assert {one["name"]: one["href"] for one in shown["actions"]} == {
        "acknowledge": f"/api/v1{here.path}/notices/{notice}/acknowledge",
        "remind": f"/api/v1{here.path}/notices/{notice}/remind",
    }
    assert (await here.see())["waiting_on"] == "partner"


async def line_of(here: Line, notice_id: str) -> tuple[str, int, str, int | None]:
    """Of its only line: name, minutes, new price, and the newer notice that has it."""
    (line,) = (await here.see(f"/notices/{notice_id}"))["lines"]
    return line["name"], line["duration_minutes"], line["new"]["amount"], line["later"]


@pytest.mark.parametrize(("slug", "price"), [("generali", "95.00"), ("global-assistance", "80.00")])
async def test_an_open_notice_is_shown_as_the_partner_has_it_and_a_settled_one_as_it_was_written(
    api: Client, slug: str, price: str
) -> None:
    """R14, R15: support and partner read the same on the phone."""
    here = Line(await go_live(api.database, slug), api)
    new = await here.live.add_service("NEW")
    notice = await here.live.ask_for(new)
    await here.live.change_prices_only({new: "95.00"})
    changed = {"name": "Ecografie", "duration_minutes": 45}
    await api.call("PATCH", f"/providers/{here.live.provider_id}/services/{new}", changed)
    assert await line_of(here, notice) == ("Ecografie", 45, price, None)
    await here.do(f"notices/{notice}/acknowledge", await here.on_behalf())
    assert await line_of(here, notice) == ("Service NEW", 30, "80.00", None)


async def test_an_older_notice_is_shown_with_the_price_of_the_newer_one_that_the_partner_has(
    here: Line,
) -> None:
    """R16."""
    service, _ = here.live.service_ids
    first = await here.live.change_prices({service: "110.00"})
    second = await here.live.change_prices({service: "120.00"})
    await sent(here, second)
    assert await line_of(here, first) == ("Service 0", 30, "120.00", 2)
    assert await line_of(here, second) == ("Service 0", 30, "120.00", None)
    pages = [await here.api.http.get(f"{here.path}/notices/{one}") for one in (first, second)]
    assert ["100.00 RON → 120.00 RON (notice 2)" in words_of(page.text) for page in pages] == [True, False]


async def test_notices_are_read_page_by_page_newest_first_without_their_lines(here: Line) -> None:
    for price in ("110.00", "120.00", "130.00"):
        await here.live.change_prices({here.live.service_ids[0]: price})
    found = await every_page(here.api, f"{here.path}/notices", limit=2)
    assert [(one["number"], one["services"]) for one in found] == [(3, 1), (2, 1), (1, 1)]
    assert "lines" not in found[0]


async def test_a_reminder_waits_an_hour_and_then_sends_it_again(here: Line) -> None:
    notice = await here.live.change_prices({here.live.service_ids[0]: "120.00"})
    refused = await here.do(f"notices/{notice}/remind", {}, 409)
    assert (refused["code"], "about to be sent" in refused["detail"]) == ("notice-state", True)
    await sent(here, notice, ago=timedelta(minutes=59))
    assert (await here.do(f"notices/{notice}/remind", {}, 409))["code"] == "reminded-lately"
    async with here.live.database.transaction() as session:
        await session.execute(text("UPDATE notices SET sent_at = sent_at - interval '2 minutes'"))
    again = await here.do(f"notices/{notice}/remind", {})
    assert (again["state"], again["attempt"]) == ("waiting", 2)
    assert (await here.see("/events"))["items"][0]["actor"]["name"] == "Ana Manager"
    assert notice in (await here.plan()).notices


@pytest.mark.parametrize("how", ["rejected", "trouble"])
async def test_what_came_back_waits_on_us_and_is_sent_again_at_once(here: Line, how: str) -> None:
    """R14."""
    notice = await here.live.ask_for(await here.live.add_service("NEW"))
    async with here.live.database.transaction() as session:
        row = await session.get_one(NoticeRow, notice)
        if how == "trouble":
            await notices.went_out(session, row, "550 no such mailbox", datetime.now(UTC))
        else:
            await notices.went_out(session, row, None, datetime.now(UTC))
            await notices.reject(session, row, "We do not offer that.", IOANA, datetime.now(UTC))
    assert (await here.see())["waiting_on"] == "us"
    assert (await here.do(f"notices/{notice}/remind", {}))["state"] == "waiting"


async def test_an_acknowledgement_on_the_partners_behalf_keeps_both_names_and_admits_the_service(
    api: Client,
) -> None:
    """R14."""
    here = Line(await go_live(api.database, "generali"), api)
    new = await here.live.add_service("NEW")
    notice = await here.live.ask_for(new)
    await here.plan()
    assert new not in [one["id"] for one in (await here.see("/services"))["items"]]
    body = await here.on_behalf()
    answered = await here.do(f"notices/{notice}/acknowledge", body)
    assert (answered["state"], answered["actions"]) == ("acknowledged", [])
    by = answered["settled_by"]
    assert (by["name"], by["on_behalf_of"]["name"]) == ("Ana Manager", "Ștefan Pop")
    assert by["evidence"] == body["evidence"]
    told = (await here.see("/events"))["items"][0]
    assert (told["type"], told["actor"]["name"], told["data"]["on_behalf_of"]["name"]) == (
        "notice.acknowledged", "Ana Manager", "Ștefan Pop",
    )  # fmt: skip
    await here.plan()
    assert (await here.see("/services", q=new))["items"][0]["bookable"] is True
    for verb, again in (("remind", {}), ("acknowledge", body)):
        assert (await here.do(f"notices/{notice}/{verb}", again, 409))["code"] == "notice-state"


@pytest.mark.parametrize(
    "wrong",
    [
        {"on_behalf_of": {"party": "provider", "name": "Ioana"}},
        {"on_behalf_of": {"party": "partner"}},
        {"evidence": None},
        {"evidence": {"document": "Call of 12 March", "date": "2026-03-12"}},
        {"evidence": {"document": "Call of 12 March", "date": "2026-03-12", "file": "evd_elsewhere"}},
        {"more": True},
    ],
    ids=str,
)
async def test_an_acknowledgement_without_proof_or_name_changes_nothing(
    here: Line, wrong: dict[str, Any]
) -> None:
    notice = await here.live.change_prices({here.live.service_ids[0]: "120.00"})
    await here.do(f"notices/{notice}/acknowledge", {**await here.on_behalf(), **wrong}, 422)
    assert (await here.see(f"/notices/{notice}"))["state"] == "waiting"


async def test_a_notice_is_reached_through_its_own_connection_only(here: Line) -> None:
    notice = await here.live.change_prices({here.live.service_ids[0]: "120.00"})
    other = Line(await go_live(here.api.database, "generali"), here.api)
    await here.api.problem("GET", f"{other.path}/notices/{notice}", expect=404)
    on_behalf = await here.on_behalf()
    await other.do(f"notices/{notice}/acknowledge", on_behalf, 404)
    await other.do(f"notices/{notice}/remind", {}, 404)
    foreign = await here.api.key("manager", other.live.provider_id)
    await here.do(f"notices/{notice}/acknowledge", on_behalf, 404, **foreign)
    ours = await here.api.key("provider", here.live.provider_id)
    await here.do(f"notices/{notice}/acknowledge", on_behalf, 403, **ours)
    assert (await here.api.call("GET", f"{here.path}/notices/{notice}", **ours))["actions"] == []


async def test_while_it_is_paused_nothing_is_sent_again_but_an_answer_is_recorded(here: Line) -> None:
    notice = await here.live.change_prices({here.live.service_ids[0]: "120.00"})
    await sent(here, notice, ago=timedelta(days=2))
    await here.do("pause", BECAUSE)
    assert (await here.do(f"notices/{notice}/remind", {}, 409))["code"] == "connection-state"
    assert (await here.do(f"notices/{notice}/acknowledge", await here.on_behalf()))["state"] == "acknowledged"


async def test_after_the_end_nobody_is_asked(here: Line) -> None:
    """R17."""
    notice = await here.live.change_prices({here.live.service_ids[0]: "120.00"})
    await sent(here, notice, ago=timedelta(days=2))
    await here.change(status=ConnectionStatus.ENDING)
    for verb, body in (("remind", {}), ("acknowledge", await here.on_behalf())):
        assert (await here.do(f"notices/{notice}/{verb}", body, 409))["code"] == "connection-state"


async def test_a_notice_of_ten_thousand_services_is_shown_whole(here: Line) -> None:
    notice = await here.live.change_prices({here.live.service_ids[0]: "120.00"})
    async with here.live.database.transaction() as session:
        await session.execute(
            text(
                "UPDATE notices SET lines = (SELECT jsonb_agg(n.lines -> 0) FROM notices n, generate_series(1, 10000))"
            )
        )
    assert len((await here.see(f"/notices/{notice}"))["lines"]) == 10_000
    assert [one["services"] for one in (await here.see("/notices"))["items"]] == [10_000]
