"""Since when, and through whom, something is missing: whatever the history knows (R20)."""

from typing import Any

import pytest

from tests.connections import Live, go_live
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
