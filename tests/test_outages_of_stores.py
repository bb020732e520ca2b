"""Temporal and Postgres die, lose their store and come back: requests say so, and nothing is left half done (SAFETY)."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from adapters.database.migrate import migrate
from adapters.database.session import Database
from adapters.relay import Relay
from adapters.temporal import Temporal
from adapters.temporal_bootstrap import bootstrap
from domain.errors import Unavailable
from embedded.postgres import Postgres
from embedded.temporal import TemporalServer
from tests.stack import Mails, Stack, settings_for, stack_on
from tests.test_embedded import killed
from tests.test_journey import EVIDENCE, PARTNERS, Journey
from tests.test_outages import REASON, must_be_whole, sent_until

pytestmark = pytest.mark.usefixtures("nobody_answers")


@contextmanager
def folder() -> Iterator[Path]:
    """One that the servers' own user may enter."""
    made = Path(tempfile.mkdtemp(prefix="racord-outage-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@asynccontextmanager
async def stack_at(
    temporal: TemporalServer, database: Database, postgres_url: str, mails: Mails
) -> AsyncIterator[Stack]:
    settings = settings_for(postgres_url, temporal.address, mails.port)
    client = await Temporal.connect(settings, lazy=False)
    await bootstrap(client.client)
    async with stack_on(settings, database, client, mails) as stack:
        yield stack


async def test_while_temporal_is_down_requests_say_so_and_leave_nothing_half_done(
    database: Database, postgres_url: str, mails: Mails
) -> None:
    with folder() as home:
        server = await asyncio.to_thread(TemporalServer(home / "temporal").start)
        port = server.port
        async with stack_at(server, database, postgres_url, mails) as stack, stack.working():
            journey = await Journey(stack, "generali").begin()
            before = await journey.see()
            killed(server)
            begin = {"provider_id": journey.provider, "partner": "europ-assistance"}
            sign, once = f"/onboardings/{journey.id}/steps/contract/complete", {"Idempotency-Key": "once"}
            for path, body in (("/onboardings", begin), (sign, EVIDENCE)):
                refused = await stack.call("POST", path, 503, json=body, headers=once)
                assert refused["code"] == "temporal-unavailable"
                assert "same Idempotency-Key" in refused["mend"]
            assert [one["id"] for one in (await stack.call("GET", "/onboardings"))["items"]] == [journey.id]
            assert await journey.see() == before
            assert (await stack.anybody.get("/readyz")).json() == {
                "status": "not ready",
                "postgres": True,
                "temporal": False,
            }
            server = await asyncio.to_thread(TemporalServer(home / "temporal", port).start)
            assert (await sent_until(stack, sign, EVIDENCE, "once")).json()["revision"] == 2
            await sent_until(stack, "/onboardings", begin, "another", 201)
            await stack.step(journey.id, "intent", "done")
            await must_be_whole(journey)
        await asyncio.to_thread(server.stop)


async def test_with_temporals_store_lost_open_onboardings_go_on_where_they_stood(
    database: Database, postgres_url: str, mails: Mails
) -> None:
    server = await asyncio.to_thread(TemporalServer().start)
    async with stack_at(server, database, postgres_url, mails) as stack:
        async with stack.working():
            one, other = [
                await Journey(stack, partner).begin() for partner in ("generali", "europ-assistance")
            ]
            await one.sign_contract()
            await one.prepare()
            await one.consent()
            await one.newest_mail("settings")
            await other.sign_contract()
            await stack.step(one.id, "settings", "waiting")
        mails_before, before = len(mails.all()), [await one.see(), await other.see()]
        server.stop()
        server = await asyncio.to_thread(TemporalServer(port=server.port).start)
        await bootstrap(stack.temporal.client)
        relay = Relay(stack.settings, stack.database, stack.temporal)
        assert await relay.compare() == 2
        async with stack.working():
            await other.enable()
            await stack.step(other.id, "channel", "done")
            await one.answer(await one.newest_mail("settings"))
            seen = await stack.step(one.id, "joint_test", "waiting")
            assert seen["revision"] > before[0]["revision"]
            await one.mails_of("joint_test", 2)
            assert len(mails.all()) == mails_before + 2
            for journey in (one, other):
                await must_be_whole(journey)
    server.stop()


async def test_temporal_lost_between_the_check_and_the_start_costs_nothing_but_time(
    idle_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("Temporal does not answer.", mend="Try again.", code="temporal-unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(Temporal, "start", away)
        journey = await Journey(idle_stack, "generali").begin()  # it is written down, so it is begun
    assert await Relay(idle_stack.settings, idle_stack.database, idle_stack.temporal).compare() == 1
    async with idle_stack.working():
        await journey.sign_contract()


async def test_postgres_killed_in_the_middle_of_commands_loses_and_doubles_nothing(
    temporal: Temporal, temporal_server: TemporalServer, mails: Mails
) -> None:
    with folder() as home:
        server = await asyncio.to_thread(Postgres(home / "pg", durable=False).start)
        settings = settings_for(server.url, temporal_server.address, mails.port)
        await asyncio.to_thread(migrate, settings)
        database = Database.connect(settings)
        async with stack_on(settings, database, temporal, mails) as stack, stack.working():
            journeys = [await Journey(stack, partner).begin() for partner in PARTNERS]
            paths = [f"/onboardings/{journey.id}/steps/contract/complete" for journey in journeys]
            asked = [asyncio.create_task(sent_until(stack, path, EVIDENCE, "once" + path)) for path in paths]
            await asyncio.sleep(0)
            killed(server)
            down = await stack.http.get("/api/v1/onboardings")
            assert (down.status_code, down.json()["code"]) == (503, "database-unavailable")
            server = await asyncio.to_thread(Postgres(home / "pg", server.port, durable=False).start)
            await asyncio.gather(*asked)
            for journey in journeys:
                await stack.step(journey.id, "intent", "done")
                await must_be_whole(journey)
                await sent_until(stack, f"/onboardings/{journey.id}/cancel", REASON, f"end {journey.id}")
                await stack.over(journey.id)
            # The intent is the one mail that Racord sends in the provider's name.
            assert sum(mail["Sender"] is not None for mail in mails.all()) == 3
        await database.close()
        await asyncio.to_thread(server.stop)
