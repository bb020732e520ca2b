"""`python -m tests.record_histories`: records the histories that test_replay.py replays, on real parts.

To be run when a playbook's order or a workflow changed *and* nothing that was begun before must go on; in
every other case the recorded ones stay as they are and new ones are added: they stand for what runs in production.
"""

import asyncio
import json
import os
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from adapters.database.migrate import migrate
from adapters.database.session import Database
from adapters.temporal import Temporal
from adapters.temporal_bootstrap import bootstrap
from domain.names import onboarding_workflow_id, sync_workflow_id, termination_workflow_id
from embedded import postgres as embedded_postgres
from embedded.temporal import TemporalServer
from tests.connections import CLINIC, go_live
from tests.live_channel import Channel
from tests.partners_sandbox import Sandbox, endpoints, sandbox_of, sandbox_process
from tests.stack import Mails, Stack, settings_for, stack_on
from tests.sync_clerk import Clerk
from tests.test_journey import EVIDENCE, Journey

FOLDER = Path(__file__).parent / "histories"
# As workers call themselves; of no use to a replay, and different on every machine.
MYSELF = f"{os.getpid()}@{socket.gethostname()}"
COMMAND = "python -m tests.record_histories"


async def live(journey: Journey) -> None:
    """From contract to activation without a hitch."""
    await journey.go_live()


async def rejected(journey: Journey) -> None:
    """The partner says no to the settings; the second attempt goes through."""
    await _to_settings(journey)
    await journey.answer(
        await journey.newest_mail("settings"), "reject", reason="The VPN certificate has run out."
    )
    await journey.answer((await journey.mails_of("settings", 2))[-1])
    await journey.stack.step(journey.id, "joint_test", "waiting")


async def price_removed(journey: Journey) -> None:
    """A price goes and comes back: what stood on it is stale and then done again by itself."""
    await _to_settings(journey)
    await journey.set_prices(journey.services[0])
    await journey.stack.step(journey.id, "prices", "stale")
    await journey.set_prices()
    await journey.stack.step(journey.id, "prices", "done")


async def cancelled(journey: Journey) -> None:
    """Given up while the partner is waited on."""
    await _to_settings(journey)
    await steer(journey, "cancel")
    await journey.stack.until(journey.see, lambda seen: seen["status"] == "cancelled")


async def held(journey: Journey) -> None:
    """Held while the catalogue moves, resumed, and on to the consent."""
    await journey.sign_contract()
    await steer(journey, "hold")
    for act in (journey.enable, journey.tick, journey.set_prices):
        await act()
    await steer(journey, "resume")
    await journey.stack.step(journey.id, "consent", "waiting")


async def mail_refused(journey: Journey) -> None:
    """The provider's mailbox does not exist; its address is mended and the invitation is sent again."""
    provider = f"/providers/{journey.provider}"
    await _to_settings(journey)
    await journey.stack.call("PATCH", provider, json={"email": "refuse-5xx@armonia.example"})
    await journey.answer(await journey.newest_mail("settings"))
    await journey.stack.until(journey.see, lambda seen: _step(seen, "joint_test")["blocker"])
    await journey.stack.call("PATCH", provider, json={"email": "contact@armonia.example"})
    await journey.stack.call("POST", f"/onboardings/{journey.id}/steps/joint_test/retry", json={})
    await journey.mails_of("joint_test", 3)
    await journey.stack.until(journey.see, lambda seen: not _step(seen, "joint_test")["blocker"])


async def looked_after(journey: Journey) -> None:
    """Another due date, a hold with a planned end, a reminder by hand, and a cancellation of which everybody is told."""
    await _to_settings(journey)
    due = datetime.now(UTC).date() + timedelta(days=30)
    due += timedelta(days=(1 - due.weekday()) % 7)
    settings = f"/onboardings/{journey.id}/steps/settings"
    await journey.stack.call(
        "POST", f"{settings}/due", json={"due_on": str(due), "reason": "They move house"}
    )
    await steer(journey, "hold", until=str(due))
    await steer(journey, "resume")
    await journey.stack.call("POST", f"{settings}/remind", json={})
    await journey.mails_of("settings", 2)
    await steer(journey, "cancel")
    await journey.mails_of("", 3)


async def told_at_once(journey: Journey) -> None:
    """Cancelled while the partner is handed the intent; it is told of that before the provider's mailbox takes anything."""
    mails, partner, provider = journey.stack.mails, "parteneriate@generali.example", "contact@armonia.example"
    mails.slow[partner] = asyncio.Event()
    mails.refusals[provider] = "452 4.2.2 The mailbox is full"
    await journey.stack.call("POST", f"/onboardings/{journey.id}/steps/contract/complete", json=EVIDENCE)
    ledger = f"/onboardings/{journey.id}/mails"
    await journey.stack.until(
        lambda: journey.stack.call("GET", ledger),
        lambda seen: [mail["state"] for mail in seen["items"]] == ["sending"],
    )
    await steer(journey, "cancel")
    mails.slow.pop(partner).set()
    await journey.mails_of("", 1)
    mails.refusals.clear()
    await journey.mails_of("", 2)


async def called_off(journey: Journey) -> None:
    """The provider tests early, the meeting is called off, and another one is arranged."""
    await _to_settings(journey)
    await journey.answer(await journey.newest_mail("settings"))
    await journey.arrange_meeting()
    test = f"/onboardings/{journey.id}/steps/joint_test"
    evidence = {"document": "Call of today", "date": str(datetime.now(UTC).date())}
    passed = dict.fromkeys(("service_list", "test_booking", "cancellation"), "passed")
    file = await journey.stack.evidence(journey.id)
    body = {"scenarios": passed, "evidence": {**evidence, "file": file}}
    who = {"party": "provider", "name": "Dr. Ana Ionescu"}
    await journey.stack.call("POST", f"{test}/complete", json={**body, "on_behalf_of": who})
    await journey.stack.call("POST", f"{test}/cancel_meeting", json={"reason": "Their tester is ill"})
    await journey.stack.until(journey.see, lambda seen: _step(seen, "joint_test")["waiting_on"] == "us")
    await journey.arrange_meeting()


SCENARIOS: dict[str, tuple[str, Callable[[Journey], Awaitable[None]]]] = {
    "live-generali": ("generali", live),
    "live-europ-assistance": ("europ-assistance", live),
    "live-global-assistance": ("global-assistance", live),
    "rejected": ("generali", rejected),
    "price-removed": ("generali", price_removed),
    "cancelled": ("europ-assistance", cancelled),
    "held": ("generali", held),
    "mail-refused": ("generali", mail_refused),
    "ladder-generali": ("generali", live),
    "meeting-global-assistance": ("global-assistance", live),
    "looked-after": ("generali", looked_after),
    "end-live": ("generali", live),
    "end-cancelled": ("generali", looked_after),
    "meeting-called-off": ("global-assistance", called_off),
    "end-told-in-turn": ("generali", told_at_once),
    "end-told-at-once": ("generali", told_at_once),
}


async def kept_in_step(channel: Channel) -> None:
    """Durations and prices change, one while the partner is down for a moment."""
    first = channel.live.service_ids[0]
    await channel.holds({"S00000": (30, "100.00")})
    await channel.lasts(first, 45)
    await channel.holds({"S00000": (45, "100.00")})
    await channel.behave("down", times=1)
    await channel.costs({first: "120.00"})
    await channel.holds({"S00000": (45, "120.00")})
    await channel.stack.until(channel.connection, lambda seen: seen["delivery"] is None)


async def noticed(channel: Channel) -> None:
    """A price and a new examination go out as notices, and the partner acknowledges both."""
    clerk = Clerk(channel)
    await channel.holds({"S00000": (30, None)})
    await channel.costs({channel.live.service_ids[0]: "120.00"})
    await channel.stack.until(clerk.letters, lambda seen: len(seen) == 1)
    await channel.live.add_service("S00001")
    await channel.offer(channel.live.service_ids)
    await channel.stack.until(clerk.letters, lambda seen: len(seen) == 2)
    await clerk.acknowledge_all()
    await channel.holds({"S00000": (30, None), "S00001": (30, None)})


async def paused(channel: Channel) -> None:
    """Prices are saved while we pause the connection: their notices go out in order once it is resumed."""
    clerk, here = Clerk(channel), f"/connections/{channel.live.connection_id}"
    await channel.holds({"S00000": (30, None)})
    await channel.stack.call("POST", f"{here}/pause", json={"reason": "Their system moves."})
    for price in ("120.00", "130.00"):
        await channel.costs({channel.live.service_ids[0]: price})
    await channel.stack.call("POST", f"{here}/resume", json={"reason": "It has moved."})
    await channel.stack.until(clerk.letters, lambda seen: len(seen) == 2)
    await clerk.acknowledge_all()


async def ended(channel: Channel) -> None:
    """Disabled while the partner is down for a moment."""
    await channel.holds({"S00000": (30, "100.00")})
    await channel.behave("down", times=1)
    await channel.enable(False)
    await channel.becomes("ended")


async def told_again(channel: Channel) -> None:
    """The provider's mailbox is full when it ends, and has room when somebody has the end told again."""
    stack, here = channel.stack, f"/connections/{channel.live.connection_id}"
    before = len(stack.mails.to(CLINIC))
    await channel.holds({"S00000": (30, "100.00")})
    stack.mails.refusals[CLINIC] = "452 4.2.2 Mailbox full"
    await channel.enable(False)
    await channel.becomes("ended")

    async def told() -> int:
        return len(stack.mails.to(CLINIC)) - before

    async def tries() -> int:
        """Of the provider's letter, which is by now an hour old."""
        older = text(
            "UPDATE mails SET created_at = created_at - interval '1 hour' WHERE onboarding_id = :id"
            " AND order_key = 'ended:provider' RETURNING tries"
        )
        async with stack.database.transaction() as session:
            return await session.scalar(older, {"id": channel.live.onboarding_id}) or 0

    await stack.until(tries, lambda seen: seen >= 4)  # the next is far enough away
    stack.mails.refusals.clear()
    await stack.call("POST", f"{here}/tell-again", json={})
    await stack.until(told, lambda seen: seen == 1)


CONNECTIONS: dict[str, tuple[str, Callable[[str], str], Callable[[Channel], Awaitable[None]]]] = {
    "sync-europ-assistance": ("europ-assistance", sync_workflow_id, kept_in_step),
    "sync-global-assistance": ("global-assistance", sync_workflow_id, noticed),
    "sync-paused": ("global-assistance", sync_workflow_id, paused),
    "sync-ended": ("generali", sync_workflow_id, ended),
    "termination": ("generali", termination_workflow_id, ended),
    "termination-told-again": ("generali", termination_workflow_id, told_again),
}


async def steer(journey: Journey, verb: str, **more: str) -> None:
    body = {"reason": "The clinic moves house.", **more}
    await journey.stack.call("POST", f"/onboardings/{journey.id}/{verb}", json=body)


async def _to_settings(journey: Journey) -> None:
    await journey.sign_contract()
    await journey.prepare()
    await journey.consent()
    await journey.stack.step(journey.id, "settings", "waiting")
    await journey.newest_mail("settings")


def _step(seen: Any, key: str) -> Any:
    return next(step for step in seen["steps"] if step["key"] == key)


async def _record_onboarding(stack: Stack, name: str) -> Path:
    partner, story = SCENARIOS[name]
    journey = await Journey(stack, partner).begin()
    await story(journey)
    return await _write(stack, name, onboarding_workflow_id(journey.id))


async def _record_connection(stack: Stack, sandbox: Sandbox, name: str) -> Path:
    partner, workflow_id, story = CONNECTIONS[name]
    channel = Channel(stack, sandbox, await go_live(stack.database, partner, services=1))
    await story(channel)
    return await _write(stack, name, workflow_id(channel.live.connection_id))


async def _write(stack: Stack, name: str, workflow_id: str) -> Path:
    handle = stack.temporal.client.get_workflow_handle(workflow_id)
    recorded = (await handle.fetch_history()).to_json()
    events = json.loads(recorded, object_hook=_without_folders)["events"]
    text = ",\n".join(json.dumps(event, separators=(",", ":"), sort_keys=True) for event in events)
    path = FOLDER / f"{name}.json"
    path.write_text('{"events":[\n' + text.replace(MYSELF, "tests") + "\n]}\n")
    return path


def _without_folders(found: dict[str, Any]) -> dict[str, Any]:
    """What a failure's trace names are folders of the machine that recorded it."""
    return {key: value for key, value in found.items() if key != "stackTrace"}


async def main(names: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    with (
        embedded_postgres.temporary() as postgres,
        TemporalServer() as server,
        tempfile.TemporaryDirectory() as folder,
        sandbox_process(Path(folder)) as partners,
    ):
        async with Mails(Path(folder) / "mail").serving() as mails:
            settings = settings_for(postgres.url, server.address, mails.port, **endpoints(partners))
            await asyncio.to_thread(migrate, settings)
            database, temporal = Database.connect(settings), await Temporal.connect(settings, lazy=False)
            await bootstrap(temporal.client)
            async with (
                stack_on(settings, database, temporal, mails) as stack,
                stack.working(),
                sandbox_of(partners) as sandbox,
            ):
                for name in names or [*SCENARIOS, *CONNECTIONS]:
                    path = await (
                        _record_onboarding(stack, name)
                        if name in SCENARIOS
                        else _record_connection(stack, sandbox, name)
                    )
                    print(f"{path.name}: {path.stat().st_size // 1024} kB", flush=True)
            await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
