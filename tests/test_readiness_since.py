"""Since when, and through whom, something is missing: whatever the history knows (R20)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from adapters.database import connections, notice_needs, notices
from adapters.database.connection_tables import NoticeRow
from domain.readiness import UNCONFIRMED
from tests.connections import IOANA, Live, go_live
from tests.stack import Stack


@pytest.fixture
async def live(idle_stack: Stack) -> Live:
    return await go_live(idle_stack.database, "global-assistance")


async def why(stack: Stack, live: Live, service_id: str | None = None) -> dict[str, Any]:
    """Reasons by code: the channel's, or a service's own."""
    path = f"/providers/{live.provider_id}/channels/global-assistance/readiness"
    found = await stack.call("GET", path, params={"service_id": service_id} if service_id else {})
    reasons = found["services"]["items"][0]["reasons"] if service_id else found["reasons"]
    return {one["code"]: one for one in reasons}


def is_known(reason: dict[str, Any]) -> bool:
    return bool(reason["since"]) and reason["by"] == "tests"


async def test_a_price_that_was_taken_away(idle_stack: Stack, live: Live) -> None:
    first, _ = live.service_ids
    path = f"/providers/{live.provider_id}/channels/global-assistance/prices/clear"
    await idle_stack.call("POST", path, json={"service_ids": [first]})
    assert is_known((await why(idle_stack, live, first))["service.no_price"])
    assert is_known((await why(idle_stack, live))["prices.missing"])


async def test_a_service_that_left_its_calendar(idle_stack: Stack, live: Live) -> None:
    first, second = live.service_ids
    hours = [{"day": "mon", "from": "09:00", "to": "17:00"}]
    body = {"physician": "Dr. Pop", "weekly_hours": hours, "exceptions": [], "service_ids": [second]}
    await idle_stack.call("PUT", f"/providers/{live.provider_id}/calendars/cal_1", json=body)
    assert is_known((await why(idle_stack, live, first))["service.no_calendar"])
    assert is_known((await why(idle_stack, live))["calendars.missing"])


async def test_ticks_that_were_all_taken_away(idle_stack: Stack, live: Live) -> None:
    path = f"/providers/{live.provider_id}/channels/global-assistance/published"
    await idle_stack.call("PUT", path, json={"service_ids": []})
    assert is_known((await why(idle_stack, live))["services.none_ticked"])


async def test_services_that_were_all_deleted(idle_stack: Stack, live: Live) -> None:
    for service_id in live.service_ids:
        await idle_stack.call("DELETE", f"/providers/{live.provider_id}/services/{service_id}", expect=204)
    assert is_known((await why(idle_stack, live))["services.none_ticked"])


async def test_what_is_there_again_is_not_told_of(idle_stack: Stack, live: Live) -> None:
    first, _ = live.service_ids
    path = f"/providers/{live.provider_id}/channels/global-assistance/prices"
    await idle_stack.call("POST", f"{path}/clear", json={"service_ids": [first]})
    price = {"service_id": first, "amount": "90.00", "currency": "RON"}
    await idle_stack.call("POST", f"{path}/set", json={"prices": [price]})
    assert await why(idle_stack, live) == {}


async def test_what_became_of_asking_the_partner_for_a_new_service(idle_stack: Stack, live: Live) -> None:
    """R14, R19: from the notice as it is kept."""
    new = await live.add_service("NEW")
    opened = datetime.now(UTC).replace(microsecond=0)

    async def told() -> tuple[str, str, str]:
        found = await why(idle_stack, live, new)
        (reason,) = (found[code] for code in UNCONFIRMED if code in found)
        return reason["code"], reason["party"], reason["since"]

    def at(hours: int) -> str:
        return (opened + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")

    assert (await why(idle_stack, live, new))["service.awaiting_partner"]["since"] is None
    notice_id = await live.ask_for(new)
    async with live.database.transaction() as session:
        row = await session.get_one(NoticeRow, notice_id)
        await notices.went_out(session, row, "550 no such mailbox", opened)
    assert await told() == ("service.notice_failed", "us", at(0))
    async with live.database.transaction() as session:
        row = await session.get_one(NoticeRow, notice_id)
        await notices.again(session, row, IOANA, opened)
        await notices.went_out(session, row, None, opened + timedelta(hours=1))
    assert await told() == ("service.awaiting_partner", "partner", at(1))
    async with live.database.transaction() as session:
        row = await session.get_one(NoticeRow, notice_id)
        await notices.reject(session, row, "We have no such room.", IOANA, opened + timedelta(hours=2))
    assert await told() == ("service.declined", "us", at(2))
    assert "“We have no such room.”" in (await why(idle_stack, live, new))["service.declined"]["text"]
    async with live.database.transaction() as session:
        found = await connections.locked(session, live.connection_id)
        assert found is not None
        await notice_needs.ask_for(session, found, ticked={new}, ready={new}, now=opened)
        ask = select(NoticeRow.id).where(NoticeRow.connection_id == live.connection_id)
        assert (await session.scalars(ask)).all() == [notice_id], "what was denied is not asked anew"
