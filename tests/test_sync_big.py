"""Ten thousand prices in one edit: one delivery to each partner who takes them, one notice to the one who does not (R16)."""

from typing import Any

import pytest

from adapters.database.session import Database
from tests.connections import go_live_together
from tests.live_channel import Channel
from tests.partners_sandbox import Sandbox, endpoints
from tests.stack import Stack
from tests.sync_clerk import Clerk
from tests.test_sandbox import Process

MANY = 10_000
PATIENCE = 120.0
TAKE_PRICES = ("generali", "europ-assistance")
TOLD = "global-assistance"


@pytest.fixture
def more_settings(sandbox_running: Process) -> dict[str, Any]:
    return endpoints(sandbox_running)


@pytest.mark.timeout(600)
async def test_ten_thousand_prices_are_one_delivery_or_one_notice(
    stack: Stack, sandbox: Sandbox, database: Database
) -> None:
    made = await go_live_together(database, (*TAKE_PRICES, TOLD), MANY)
    channels = [Channel(stack, sandbox, live) for live in made]
    for channel in channels:
        await stack.until(channel.held, lambda seen: len(seen) == MANY, patience=PATIENCE)
        await stack.until(channel.connection, lambda seen: seen["delivery"] is None, patience=PATIENCE)
    prices = [
        {"service_id": id, "amount": f"{110 + n / 100:.2f}", "currency": "RON"}
        for n, id in enumerate(made[0].service_ids)
    ]
    wanted = {f"S{n:05}": row["amount"] for n, row in enumerate(prices)}
    body = {"channels": [*TAKE_PRICES, TOLD], "prices": prices}
    await stack.call("POST", f"/providers/{made[0].provider_id}/prices/set?confirm=true", json=body)

    for channel in channels[:-1]:

        async def held(channel: Channel = channel) -> dict[str, str | None]:
            return {code: price for code, (_, price) in (await channel.held()).items()}

        await stack.until(held, lambda seen: seen == wanted, patience=PATIENCE)
        came = await channel.arrived()
        assert [(one["sequence"], one["tries"]) for one in came] == [(1, 1), (2, 1)]
    clerk = Clerk(channels[-1])
    (letter,) = await stack.until(clerk.letters, lambda seen: len(seen) == 1, patience=PATIENCE)
    assert letter.prices() == wanted
    await channels[-1].told()
    (notice,) = await clerk.channel.notices()
    assert (notice["kind"], notice["services"]) == ("prices", MANY)
    assert len(await channels[-1].arrived()) == 1
