"""Two connections live through three years of changes in skipped time: short histories, and nothing is lost (R14–R17)."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.playbook import SyncPolicy
from tests import skipped_time
from tests.connections import go_live_together
from tests.live_channel import Channel
from tests.partners_sandbox import Sandbox, endpoints
from tests.stack import Stack
from tests.sync_clock import Clock, without_rate
from tests.sync_years import Clinic, Desks, Offer, clinic_of, typed_in
from tests.test_sandbox import Process

YEARS = 3
STEPS_A_YEAR = 18
STEP = timedelta(days=365) / STEPS_A_YEAR
LONGEST = 5_000
# Hourly looks would be 26,000 a connection: they are a week apart here, which is why the relay does not start the sync.
LOOK_AGAIN = timedelta(days=7)
temporal_server, temporal = skipped_time.temporal_server, skipped_time.temporal
stack, clock = skipped_time.stack, skipped_time.clock


@pytest.fixture
def more_settings(sandbox_running: Process, tmp_path: Path) -> dict[str, Any]:
    return endpoints(sandbox_running) | {"partners_dir": str(without_rate(tmp_path))}


async def happens(clinic: Clinic, n: int) -> None:
    """Three changes on every channel. Prices first: what is ticked by then has been seen by the sync."""
    await clinic.price()
    await clinic.duration(n)
    match n % 8:
        case 1:
            await clinic.new()
        case 2:
            await clinic.untick()
        case 4:
            await clinic.tick()
        case 5:
            await clinic.pause()
        case 6:
            await clinic.resume()
        case 7:
            await clinic.delete()
        case _:
            await clinic.duration(n + 1)


async def the_partner_has_it_all(clinic: Clinic, offer: Offer) -> None:
    is_pushed = offer.channel.live.playbook.sync.price is SyncPolicy.PUSH
    assert await offer.channel.held() == clinic.to_be_held(offer, with_prices=is_pushed)
    seen = await offer.channel.connection()
    assert (seen["status"], seen["delivery"], seen["waiting_on"]) == ("active", None, None)
    came = await offer.channel.arrived()
    assert [one["sequence"] for one in came] == list(range(1, len(came) + 1))


async def every_edit_was_told_once_in_order(clinic: Clinic, offer: Offer, desks: Desks) -> None:
    """R16."""
    path = f"/connections/{offer.channel.live.connection_id}/notices"
    notices = await all_pages(offer.channel.stack, path)
    told = [one["edit_id"] for one in notices if one["kind"] == "prices"]
    assert told == offer.edits
    assert {one["state"] for one in notices} <= {"acknowledged", "withdrawn"}
    (address,) = {to for to in desks.letters if "global-assistance" in to}
    letters = desks.letters[address]
    assert [letter.number for letter in letters] == [one["number"] for one in notices if one["sent_at"]]
    typed = typed_in(letters)
    wanted = {clinic.codes[id]: offer.prices[id] for id in offer.ticked}
    assert {code: typed.get(code, wanted[code]) for code in wanted} == wanted


async def all_pages(stack: Stack, path: str) -> list[dict[str, Any]]:
    """Oldest first."""
    found: list[dict[str, Any]] = []
    more: dict[str, Any] = {}
    while True:
        page = await stack.call("GET", path, params={"limit": 200, **more})
        found += page["items"]
        if page["next_cursor"] is None:
            return found[::-1]
        more = {"cursor": page["next_cursor"]}


@pytest.mark.timeout(300)
async def test_three_years_of_changes_keep_every_history_short_and_lose_nothing(
    idle_stack: Stack, sandbox: Sandbox, clock: Clock
) -> None:
    made = await go_live_together(idle_stack.database, ("generali", "global-assistance"), 6)
    channels = [Channel(idle_stack, sandbox, live) for live in made]
    first_runs = [await clock.begin(channel, LOOK_AGAIN) for channel in channels]
    clinic, desks = clinic_of(channels), Desks(idle_stack)
    for _ in range(YEARS):
        for n in range(STEPS_A_YEAR):
            await happens(clinic, n)
            await clock.passes(STEP, *channels)
            if n % 3 == 2:
                await desks.work()
        await clinic.tick()
        for _ in range(2):
            await clock.passes(timedelta(minutes=1), *channels)
            await desks.work()
        await clock.passes(timedelta(minutes=1), *channels)
        for offer in clinic.offers:
            await the_partner_has_it_all(clinic, offer)
    await every_edit_was_told_once_in_order(clinic, clinic.offers[1], desks)
    for first_run in first_runs:
        lengths = [len(run.events) async for run in clock.runs(first_run)]
        assert len(lengths) > 1
        assert max(lengths) < LONGEST
