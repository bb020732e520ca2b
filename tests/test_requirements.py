"""What an onboarding says is missing is what the explainer says of its channel (R18)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.database import connections, records
from adapters.database.facts import read_facts
from adapters.identifiers import new_id
from domain import progress as engine
from domain.commands import StatusCommand, Verb
from domain.connection import ConnectionStatus
from domain.progress import Change
from tests.connections import all_set, go_live, packaged
from tests.playbooks import EVIDENCE, MANAGER, Walk
from tests.stack import Stack
from tests.test_readiness_seed import Question
from tests.visitor import sign_in, visiting

BUCKETS = ("currently_due", "past_due", "pending_verification", "eventually_due")


@pytest.fixture
async def clinic(stack: Stack) -> Question:
    clinic = Question(stack, "global-assistance")
    await clinic.begin()
    return clinic


async def errors(clinic: Question) -> list[str]:
    return [one["code"] for one in (await clinic.see())["requirements"]["errors"]]


async def blocking(clinic: Question) -> list[str]:
    """The codes of what keeps the channel from being bookable."""
    return [one["code"] for one in (await clinic.why())["reasons"] if one["severity"] == "blocking"]


async def test_while_it_is_open_it_names_what_blocks_and_whose_turn_it_is(clinic: Question) -> None:
    await clinic.sign_contract()
    seen = await clinic.see()
    whose_turn = {step["key"] for step in seen["steps"] if step["state"] == "waiting"}
    due = [
        one["code"]
        for one in (await clinic.why())["reasons"]
        if one["severity"] == "blocking" and one["step"] in whose_turn
    ]
    assert "calendars.missing" in due
    assert await errors(clinic) == due


async def test_once_live_it_names_what_blocks_the_channel_now(clinic: Question) -> None:
    await clinic.go_live()
    assert await errors(clinic) == await blocking(clinic) == []
    await clinic.stack.call("PUT", f"{clinic.channel}/prices", json={"prices": []})
    assert await errors(clinic) == await blocking(clinic) == ["prices.missing"]
    await clinic.set_prices(clinic.services[0])
    assert [one["code"] for one in (await clinic.why())["reasons"]] == ["prices.missing"]
    assert await errors(clinic) == await blocking(clinic) == [], (
        "one service has its price, so that only warns"
    )
    await clinic.stack.call("PATCH", clinic.channel, json={"enabled": False})
    assert await errors(clinic) == await blocking(clinic)
    assert {"connection.ending", "channel.disabled"} <= {*await errors(clinic)}


async def test_once_cancelled_it_names_the_end_and_nothing_else(clinic: Question) -> None:
    await clinic.stack.call("POST", f"/onboardings/{clinic.id}/cancel", json={"reason": "No contract."})
    await clinic.comes("onboarding.cancelled")
    found = (await clinic.see())["requirements"]
    assert (
        [one["code"] for one in found["errors"]] == ["onboarding.cancelled"] == (await blocking(clinic))[:1]
    )
    assert "No contract." in found["errors"][0]["text"]


class Opened:
    """An onboarding at Generali in the database, moved on by hand: no worker looks at its catalogue."""

    def __init__(self, stack: Stack, provider: str) -> None:
        self.stack, self.provider = stack, provider
        self.channel = f"/providers/{provider}/channels/generali"

    async def begin(self, now: datetime) -> None:
        playbook = packaged("generali")
        declared = (playbook.declaration.document, playbook.declaration.version)
        async with self.stack.database.transaction() as session:
            facts = await read_facts(session, self.provider, "generali", declared, now)
            self.walk = Walk(facts, playbook)
            self.id = new_id("onb")
            named = {"onboarding_id": self.id, "provider_id": self.provider}
            self.walk.case = self.walk.case.model_copy(update=named)
            self.walk.now = now
            self.walk.act("contract", body=EVIDENCE)
            self.walk.send_all()
            await records.open_onboarding(session, self.walk.case, Change(progress=self.walk.progress))

    async def steer(self, verb: Verb) -> None:
        command = StatusCommand(command_id="c", verb=verb, reason="The clinic moves.", actor=MANAGER)
        self.walk.progress = engine.steer(
            self.walk.case, self.walk.progress, command, datetime.now(UTC)
        ).progress
        await self.write()

    async def write(self) -> None:
        """Writes down where it stands, as its workflow does."""
        async with self.stack.database.transaction() as session:
            await records.write(await session.connection(), self.id, self.walk.progress, ())

    async def tick(self, ticked: bool) -> None:
        (service,) = (await self.stack.call("GET", f"/providers/{self.provider}/services"))["items"]
        ids = [service["id"]] if ticked else []
        await self.stack.call("PUT", f"{self.channel}/published", json={"service_ids": ids})

    async def enable(self, enabled: bool) -> None:
        await self.stack.call("PATCH", self.channel, json={"enabled": enabled})

    async def see(self) -> Any:
        return await self.stack.onboarding(self.id)

    async def why(self) -> Any:
        return await self.stack.call("GET", f"{self.channel}/readiness")


@pytest.fixture
async def opened(idle_stack: Stack) -> Opened:
    """It waits for its services to be ticked, a month by now."""
    opened = Opened(idle_stack, await all_set(idle_stack.database, packaged("generali")))
    await opened.tick(ticked=False)
    await opened.begin(datetime.now(UTC) - timedelta(days=30))
    return opened


async def test_on_hold_steps_requirements_and_explainer_tell_of_the_catalogue_as_it_is(
    opened: Opened,
) -> None:
    await opened.steer(Verb.HOLD)
    await opened.tick(ticked=True)
    await opened.enable(False)
    seen, found = await opened.see(), await opened.why()
    steps = {step["key"]: step for step in seen["steps"]}
    assert (seen["status"], seen["requirements"]["currently_due"]) == ("on_hold", ["channel"])
    assert (steps["channel"]["state"], steps["channel"]["waiting_on"]) == ("stale", "provider")
    assert steps["services"]["waiting_on"] is None, "ticked, and the channel comes first again"
    errors = [(one["code"], one["text"]) for one in seen["requirements"]["errors"]]
    assert [code for code, _ in errors] == ["onboarding.on_hold", "channel.disabled"]
    assert errors == [
        (one["code"], one["text"]) for one in found["reasons"] if one["step"] in (None, "channel")
    ]
    assert "by tests" in errors[1][1]
    assert {one["step"] for one in found["reasons"]} - {None} <= {
        key for key, step in steps.items() if step["state"] not in ("done", "skipped")
    }


async def test_on_hold_every_list_says_of_it_what_its_own_page_says(opened: Opened) -> None:
    await opened.steer(Verb.HOLD)
    await opened.enable(False)
    recorded = sum(record.state.is_finished for record in opened.walk.progress.steps.values())
    seen = await opened.see()
    assert seen["done"] < recorded, "the channel is to be enabled again"
    (row,) = (await opened.stack.call("GET", "/onboardings"))["items"]
    (task,) = (await opened.stack.call("GET", "/tasks"))["items"]
    assert row == task["onboarding"] == {name: seen[name] for name in row}
    async with visiting(opened.stack) as ana:
        await sign_in(opened.stack, ana)
        assert f"{seen['done']} of {seen['total']}" in await ana.see("/")


async def test_while_it_runs_it_names_who_disabled_the_channel(opened: Opened) -> None:
    await opened.enable(False)
    opened.walk.facts(opened.walk.progress.facts.model_copy(update={"enabled": False}))
    await opened.write()
    (error,) = (await opened.see())["requirements"]["errors"]
    assert (error["code"], "by tests" in error["text"]) == ("channel.disabled", True)
    assert error["text"] in {one["text"] for one in (await opened.why())["reasons"]}


async def test_on_hold_nothing_is_past_due_for_the_clocks_stand(opened: Opened) -> None:
    async with visiting(opened.stack) as ana:
        await sign_in(opened.stack, ana)
        assert (await opened.see())["requirements"]["past_due"] == ["services"]
        assert "Overdue" in await ana.see(f"/onboardings/{opened.id}")
        await opened.steer(Verb.HOLD)
        found = (await opened.see())["requirements"]
        assert (found["past_due"], found["currently_due"]) == ([], ["services"])
        assert "Overdue" not in await ana.see(f"/onboardings/{opened.id}")
        await opened.enable(False)
        assert 'class="now"' in await ana.see(f"/onboardings/{opened.id}"), "the channel's, without a clock"


async def test_of_what_was_cancelled_nobody_owes_a_step(opened: Opened) -> None:
    await opened.steer(Verb.CANCEL)
    found = (await opened.see())["requirements"]
    assert {name: found[name] for name in BUCKETS} == {name: [] for name in BUCKETS}


async def test_after_the_end_of_its_connection_a_live_onboarding_leaves_the_channel_to_the_newest(
    idle_stack: Stack,
) -> None:
    """R17, R20: that the second one was cancelled, and why, is what is told."""
    live = await go_live(idle_stack.database, "generali")
    second = Opened(idle_stack, live.provider_id)
    await second.begin(datetime.now(UTC))
    await second.steer(Verb.CANCEL)
    assert (await second.why())["onboarding"] == live.onboarding_id, "its connection lives"
    async with idle_stack.database.transaction() as session:
        found = await connections.locked(session, live.connection_id)
        assert found is not None
        found.status = ConnectionStatus.ENDED
    found = await second.why()
    assert (found["onboarding"], found["status"]) == (second.id, "cancelled")
    assert "The clinic moves." in found["reasons"][0]["text"]
    first = await idle_stack.onboarding(live.onboarding_id)
    assert "connection.ended" in [one["code"] for one in first["requirements"]["errors"]]
