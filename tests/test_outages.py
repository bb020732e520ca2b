"""Parts die and come back: nothing is lost, nothing happens twice, and whoever asks meanwhile is told what to do (SAFETY)."""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import SecretStr

from adapters.settings import Settings
from embedded.catcher import Mailbox
from tests.stack import PATIENCE, Stack, link_in
from tests.test_journey import EVIDENCE, PARTNERS, SIGNED, Journey

PROJECT = Path(__file__).resolve().parent.parent
REASON = {"reason": "The clinic moves house."}


def environment(settings: Settings) -> dict[str, str]:
    """The settings as another process gets them."""
    said = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}
    for name, value in settings:
        if name == "secret_keys":
            value = ",".join(key.get_secret_value() for key in value)
        if value is not None:
            said[f"RACORD_{name.upper()}"] = str(
                value.get_secret_value() if isinstance(value, SecretStr) else value
            )
    return said


class WorkerProcess:
    """`python -m worker`, to be killed."""

    def __init__(self, settings: Settings, log: Path, more: Mapping[str, str] | None = None) -> None:
        """``more`` are variables beside those of the settings."""
        self.log, self.deaths = log, 0
        self._environment = environment(settings) | dict(more or {})
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "worker"],
                cwd=PROJECT,
                env=self._environment,
                stdout=output,
                stderr=output,
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
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await stack.http.post(f"/api/v1{path}", json=body, headers={"Idempotency-Key": key})
            if answer.status_code == status:
                return answer
            assert answer.status_code in (202, 409, 503), answer.text


class Patient(Journey):
    """One that does as it is told while parts die: 202 and 503 mean “send the same again”."""

    async def sign_contract(self) -> None:
        await sent_until(
            self.stack, f"/onboardings/{self.id}/steps/contract/complete", EVIDENCE, f"sign {self.id}"
        )
        await self.stack.step(self.id, "intent", "done")

    async def answer(
        self, mail: EmailMessage, action: str = "complete", expect: int = 200, **body: Any
    ) -> Any:
        taken_down = False
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await self.stack.anybody.post(
                    link_in(mail), json={"action": action, **SIGNED, **body}
                )
                if answer.status_code == expect or (taken_down and answer.status_code == 410):
                    return answer.json()
                assert answer.status_code in (202, 503), answer.text
                taken_down = True


async def must_be_whole(journey: Journey) -> None:
    """Every revision has its line in the history; no person's act and no turn of a step is there twice; so in the ledger."""
    seen = await journey.see()
    path = f"/onboardings/{journey.id}"
    events = (await journey.stack.call("GET", f"{path}/events", params={"limit": 200}))["items"]
    assert {event["revision"] for event in events} == set(
        range(1, max(seen["revision"], events[0]["revision"]) + 1)
    )
    doubled = Counter(
        (e["type"], e["step"], e["data"].get("attempt"), e["data"].get("message_id"), e["data"].get("party"))
        for e in events
    )
    assert {what: times for what, times in doubled.items() if times > 1 and what[0] != "step.waiting"} == {}
    ledger = (await journey.stack.call("GET", f"{path}/mails"))["items"]
    assert len({mail["message_id"] for mail in ledger}) == len(ledger)
    caught = {mail["Message-ID"] for mail in journey.stack.mails.all()}
    assert {mail["message_id"] for mail in ledger if mail["state"] == "sent"} <= caught


async def test_a_worker_killed_while_mails_go_out_loses_none_and_sends_no_other_in_their_place(
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
    journeys = [await Patient(idle_stack, partner).begin() for partner in PARTNERS]
    await asyncio.gather(*(journey.go_live() for journey in journeys))
    assert running.deaths == 2
    for journey in journeys:
        await must_be_whole(journey)
        assert {step["attempt"] for step in (await journey.see())["steps"]} == {1}
    ledger = [
        row for j in journeys for row in (await idle_stack.call("GET", f"/onboardings/{j.id}/mails"))["items"]
    ]
    assert {row["state"] for row in ledger} == {"sent"}
    caught = Counter(mail["Message-ID"] for mail in idle_stack.mails.all())
    assert set(caught) == {row["message_id"] for row in ledger}
    # SMTP has no "exactly once": what the server had when the worker died comes again, as the very same message.
    assert max(caught.values()) <= 1 + running.deaths
    assert sum(caught.values()) <= len(ledger) + running.deaths * len(journeys)
    assert len({mail.as_bytes() for mail in idle_stack.mails.all()}) == len(ledger)


async def test_a_worker_killed_in_the_middle_of_commands_carries_out_each_once(
    idle_stack: Stack, worker: Callable[[], WorkerProcess]
) -> None:
    running = worker()
    for pause in (0.0, 0.02):
        journeys = [await Journey(idle_stack, partner).begin() for partner in PARTNERS]
        paths = [f"/onboardings/{journey.id}/steps/contract/complete" for journey in journeys]
        asked = [
            asyncio.create_task(sent_until(idle_stack, path, EVIDENCE, f"sign {path}")) for path in paths
        ]
        await asyncio.sleep(pause)  # any moment will do
        running.die_and_rise()
        answers = await asyncio.gather(*asked)
        for journey, path, answer in zip(journeys, paths, answers, strict=True):
            await idle_stack.step(journey.id, "intent", "done")
            again = await sent_until(idle_stack, path, EVIDENCE, f"sign {path}")
            assert again.json() == answer.json()
            await must_be_whole(journey)
            await idle_stack.call("POST", f"/onboardings/{journey.id}/cancel", json=REASON)
            await idle_stack.over(journey.id)
    # The intent is the one mail that Racord sends in the provider's name.
    assert sum(mail["Sender"] is not None for mail in idle_stack.mails.all()) == 6


@pytest.mark.usefixtures("nobody_answers")
async def test_without_a_worker_a_command_is_taken_down_and_carried_out_once_when_there_is_one(
    idle_stack: Stack,
) -> None:
    journey = await Journey(idle_stack, "generali").begin()
    path, once = f"/api/v1/onboardings/{journey.id}/steps/contract/complete", {"Idempotency-Key": "once"}
    first, second = await asyncio.gather(
        *(idle_stack.http.post(path, json=EVIDENCE, headers=once) for _ in range(2))
    )
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
