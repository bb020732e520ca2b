"""What a partner's system holds follows what the clinic says, on real parts: Temporal, Postgres, SMTP, the sandbox (R1, R14–R17)."""

from typing import Any

import pytest

from adapters.database import connections
from domain.connection import Cause
from domain.model import SYSTEM
from tests.connections import Live, go_live, live_onboarding
from tests.partners_sandbox import Sandbox, endpoints
from tests.stack import Stack
from tests.test_sandbox import Process


@pytest.fixture
def more_settings(sandbox_running: Process) -> dict[str, Any]:
    return endpoints(sandbox_running)


async def holds(stack: Stack, sandbox: Sandbox, live: Live, wanted: dict[str, Any]) -> None:
    """Waits until the partner holds exactly this: (minutes, price) by code."""

    async def look() -> dict[str, Any]:
        held = await sandbox.held(live.playbook.slug, live.connection_id)
        return {
            code: (one["duration_minutes"], (one.get("price") or {}).get("amount"))
            for code, one in held.items()
        }

    await stack.until(look, lambda seen: seen == wanted)


@pytest.mark.parametrize("slug", ["generali", "europ-assistance"])
async def test_durations_and_prices_reach_a_partner_who_takes_them(
    stack: Stack, sandbox: Sandbox, slug: str
) -> None:
    """R15, R16."""
    live = await go_live(stack.database, slug)
    await holds(stack, sandbox, live, {"S00000": (30, "100.00"), "S00001": (30, "100.00")})
    first = live.service_ids[0]
    await stack.call(
        "PATCH", f"/providers/{live.provider_id}/services/{first}", json={"duration_minutes": 45}
    )
    await holds(stack, sandbox, live, {"S00000": (45, "100.00"), "S00001": (30, "100.00")})
    prices = [{"service_id": id, "amount": "120.00", "currency": "RON"} for id in live.service_ids]
    await stack.call("PUT", f"/providers/{live.provider_id}/channels/{slug}/prices", json={"prices": prices})
    await holds(stack, sandbox, live, {"S00000": (45, "120.00"), "S00001": (30, "120.00")})


async def test_disabling_the_channel_withdraws_everything_and_says_so(stack: Stack, sandbox: Sandbox) -> None:
    """R17."""
    live = await go_live(stack.database, "generali")
    await holds(stack, sandbox, live, {"S00000": (30, "100.00"), "S00001": (30, "100.00")})
    await stack.call("PATCH", f"/providers/{live.provider_id}/channels/generali", json={"enabled": False})
    await holds(stack, sandbox, live, {})


async def test_a_channel_disabled_at_the_moment_of_going_live_ends_at_once(idle_stack: Stack) -> None:
    """R17: whoever disables it finds the connection, or is found by it."""
    live = await go_live(idle_stack.database, "generali")
    path = f"/providers/{live.provider_id}/channels/generali"
    await idle_stack.call("PATCH", path, json={"enabled": False})
    onboarding_id = await live_onboarding(live)
    found = (await idle_stack.call("GET", "/connections"))["items"]
    late = await idle_stack.call("GET", f"/onboardings/{onboarding_id}")
    assert late["status"] == "live"
    assert [(one["status"], one["cause"]) for one in found] == [("ending", "permission_disabled")] * 2


async def test_a_channel_whose_last_service_went_at_the_moment_of_going_live_ends_at_once(
    idle_stack: Stack,
) -> None:
    """R17: whoever deletes it finds the connection, or is found by it."""
    live = await go_live(idle_stack.database, "generali")
    for id in live.service_ids:
        await idle_stack.call("DELETE", f"/providers/{live.provider_id}/services/{id}", expect=204)
    await live_onboarding(live)
    found = (await idle_stack.call("GET", "/connections"))["items"]
    assert [(one["status"], one["cause"]) for one in found] == [("ending", "last_service_deleted")] * 2
    assert [one["counts"]["services"] for one in found] == [0, 0]


async def test_a_channel_whose_ticks_went_at_the_moment_of_going_live_stays_as_it_would_later(
    idle_stack: Stack,
) -> None:
    live = await go_live(idle_stack.database, "generali")
    first, _ = live.service_ids
    async with live.database.transaction() as session:
        cause = Cause.PERMISSION_DISABLED
        await connections.end_on_channel(session, live.provider_id, "generali", cause, SYSTEM)
    await idle_stack.call("DELETE", f"/providers/{live.provider_id}/services/{first}", expect=204)
    path = f"/providers/{live.provider_id}/channels/generali/published"
    await idle_stack.call("PUT", path, json={"service_ids": []})
    await live_onboarding(live)
    found = (await idle_stack.call("GET", "/connections"))["items"]
    assert sorted(one["status"] for one in found) == ["active", "ending"]
