"""Parts die and come back: nothing is lost, nothing happens twice, and whoever asks meanwhile is told what to do (SAFETY)."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import SecretStr

from adapters.database.migrate import migrate
from adapters.database.session import Database
from adapters.relay import Relay
from adapters.settings import Settings
from adapters.temporal import Temporal
from adapters.temporal_bootstrap import bootstrap
from domain.errors import Unavailable
from embedded.catcher import Mailbox
from embedded.postgres import Postgres
from embedded.temporal import TemporalServer
from tests.stack import PATIENCE, Mails, Stack, settings_for, stack_on
from tests.test_embedded import killed
from tests.test_journey import EVIDENCE, PARTNERS, Journey

PROJECT = Path(__file__).resolve().parent.parent
REASON = {"reason": "The clinic moves house."}


def environment(settings: Settings) -> dict[str, str]:
    """The settings as another process gets them."""
    said = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}
    for name, value in settings:
        if name == "secret_keys":
            value = ",".join(key.get_secret_value() for key in value)
        if value is not None:
            said[f"RACORD_{name.upper()}"] = str(value.get_secret_value() if isinstance(value, SecretStr) else value)
    return said


class WorkerProcess:
    """`python -m worker`, to be killed."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self.settings, self.log, self.deaths = settings, log, 0
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "worker"], cwd=PROJECT, env=environment(self.settings), stdout=output, stderr=output
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.deaths += 1

    def die_and_rise(self) -> None:
        self.kill()
        self.start()


@pytest.fixture
def worker(settings: Settings, tmp_path: Path) -> Iterator[Callable[[], WorkerProcess]]:
    started: list[WorkerProcess] = []

    def start() -> WorkerProcess:
        started.append(WorkerProcess(settings, tmp_path / "worker.log"))
        return started[-1]

    yield start
    for process in started:
        process.kill()


async def sent_until(stack: Stack, path: str, body: Any, key: str, status: int = 200) -> httpx2.Response:
    """What a client gets that does as it is told: the same request with the same key, until it is answered."""
    seen: httpx2.Response | None = None
    async with asyncio.timeout(PATIENCE):
        while seen is None or seen.status_code != status:
            assert seen is None or seen.status_code in (202, 409, 503), seen.text
            seen = await stack.http.post(f"/api/v1{path}", json=body, headers={"Idempotency-Key": key})
    assert seen is not None
    return seen


async def must_be_whole(journey: Journey) -> None:
    """Every revision has its line in the history; no person's act and no turn of a step is there twice; so in the ledger."""
    seen = await journey.see()
    path = f"/onboardings/{journey.id}"
    events = (await journey.stack.call("GET", f"{path}/events", params={"limit": 200}))["items"]
    assert {event["revision"] for event in events} == set(range(1, seen["revision"] + 1))
    doubled = Counter((e["type"], e["step"], e["data"].get("attempt"), e["data"].get("message_id"), e["data"].get("party")) for e in events)
    assert {what: times for what, times in doubled.items() if times > 1 and what[0] != "step.waiting"} == {}
    ledger = (await journey.stack.call("GET", f"{path}/mails"))["items"]
    assert len({mail["message_id"] for mail in ledger}) == len(ledger)
    caught = {mail["Message-ID"] for mail in journey.stack.mails.all()}
    assert {mail["message_id"] for mail in ledger if mail["state"] == "sent"} <= caught


async def test_a_worker_killed_over_and_over_while_mails_go_out_loses_and_doubles_nothing(
    idle_stack: Stack, worker: Callable[[], WorkerProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    running, real, messages = worker(), Mailbox.handle_DATA, 0

    async def deadly(self: Mailbox, server: SMTP, session: Session, envelope: Envelope) -> str:
        nonlocal messages
        messages += 1
        if messages == 2:  # before the server has it
            running.die_and_rise()
            return "451 4.3.0 The connection was lost"
        answer = await real(self, server, session, envelope)
        if messages == 6:  # after, but before anybody could write down that it has
            running.die_and_rise()
        return answer

    monkeypatch.setattr(Mailbox, "handle_DATA", deadly)
    journeys = [await Journey(idle_stack, partner).begin() for partner in PARTNERS]
    await asyncio.gather(*(journey.go_live() for journey in journeys))
    assert running.deaths == 2
    for journey in journeys:
        await must_be_whole(journey)
        assert {step["attempt"] for step in (await journey.see())["steps"]} == {1}
    ledger = [row for j in journeys for row in (await idle_stack.call("GET", f"/onboardings/{j.id}/mails"))["items"]]
    assert {row["state"] for row in ledger} == {"sent"}
    caught = Counter(mail["Message-ID"] for mail in idle_stack.mails.all())
    assert set(caught) == {row["message_id"] for row in ledger}
    # SMTP has no "exactly once": what was cut off after the server had it comes again, as the very same message.
    assert sum(caught.values()) <= len(ledger) + 1


async def test_a_worker_killed_in_the_middle_of_commands_carries_out_each_once(
    idle_stack: Stack, worker: Callable[[], WorkerProcess]
) -> None:
    running = worker()
    for pause in (0.0, 0.01, 0.03):
        journeys = [await Journey(idle_stack, partner).begin() for partner in PARTNERS]
        paths = [f"/onboardings/{journey.id}/steps/contract/complete" for journey in journeys]
        asked = [asyncio.create_task(sent_until(idle_stack, path, EVIDENCE, f"sign {path}")) for path in paths]
        await asyncio.sleep(pause)  # any moment will do
        running.die_and_rise()
        answers = await asyncio.gather(*asked)
        for journey, path, answer in zip(journeys, paths, answers, strict=True):
            await idle_stack.step(journey.id, "intent", "done")
            again = await sent_until(idle_stack, path, EVIDENCE, f"sign {path}")
            assert again.json() == answer.json()
            await must_be_whole(journey)
            await idle_stack.call("POST", f"/onboardings/{journey.id}/cancel", json=REASON)
    assert len(idle_stack.mails.all()) == 9


async def test_without_a_worker_a_command_is_taken_down_and_carried_out_once_when_there_is_one(idle_stack: Stack) -> None:
    journey = await Journey(idle_stack, "generali").begin()
    path, once = f"/api/v1/onboardings/{journey.id}/steps/contract/complete", {"Idempotency-Key": "once"}
    first, second = await asyncio.gather(*(idle_stack.http.post(path, json=EVIDENCE, headers=once) for _ in range(2)))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["href"] == first.headers["location"] == f"/api/v1/onboardings/{journey.id}"
    assert "same Idempotency-Key" in first.json()["mend"]
    assert (await idle_stack.http.get(first.json()["href"])).status_code == 200
    async with idle_stack.working():
        await idle_stack.step(journey.id, "intent", "done")
        again = await idle_stack.http.post(path, json=EVIDENCE, headers=once)
        assert (again.status_code, again.json()["revision"]) == (200, 2)
        await must_be_whole(journey)
        assert len(idle_stack.mails.all()) == 1


@contextmanager
def folder() -> Iterator[Path]:
    """One that the servers' own user may enter."""
    made = Path(tempfile.mkdtemp(prefix="racord-outage-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@asynccontextmanager
async def stack_at(temporal: TemporalServer, database: Database, postgres_url: str, mails: Mails) -> AsyncIterator[Stack]:
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
            assert (await stack.anybody.get("/readyz")).json() == {"status": "not ready", "postgres": True, "temporal": False}
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
            one, other = [await Journey(stack, partner).begin() for partner in ("generali", "europ-assistance")]
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
            assert len(mails.all()) == 3
        await database.close()
        await asyncio.to_thread(server.stop)
