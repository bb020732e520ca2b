"""Postgres and Temporal are brought back into step, whatever was cut off between them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus

from adapters import relay as relay_module
from adapters.database import outbox
from adapters.relay import Relay, running, says_otherwise
from api.access import Principal, Role
from api.opening import open_onboarding
from api.schemas.onboardings import StartOnboarding
from domain.messages import OnboardingStart
from domain.names import onboarding_workflow_id
from tests.playbooks import NOW, READY, Walk
from tests.stack import PATIENCE, Stack
from tests.test_journey import Journey
from worker import make_worker

CLINIC = {
    "name": "Clinica Armonia",
    "email": "c@armonia.example",
    "locale": "ro",
    "time_zone": "Europe/Bucharest",
}
SOMEBODY = Principal(kind="api_key", id="key_1", name="Ana", role=Role.MANAGER)


def relay_of(stack: Stack) -> Relay:
    return Relay(stack.settings, stack.database, stack.temporal)


async def written_down_only(stack: Stack) -> Journey:
    """An onboarding as a kill between the commit and Temporal's answer leaves it."""
    journey = Journey(stack, "generali")
    journey.provider = (await stack.call("POST", "/providers", json=CLINIC))["id"]
    wanted = StartOnboarding(provider_id=journey.provider, partner=journey.partner)
    async with stack.database.transaction() as session:
        journey.id = await open_onboarding(session, stack.app.state.context, SOMEBODY, wanted)
    assert await stack.temporal.status(journey.id) is None
    return journey


async def waiting(stack: Stack) -> int:
    async with stack.database.transaction() as session:
        return len(await outbox.waiting(session))


async def terminate(stack: Stack, onboarding_id: str) -> None:
    await stack.temporal.client.get_workflow_handle(onboarding_workflow_id(onboarding_id)).terminate(
        "an operator's reason"
    )


async def test_a_change_whose_signal_was_cut_off_is_delivered_when_a_relay_runs(idle_stack: Stack) -> None:
    stack = idle_stack
    async with make_worker(stack.settings, stack.database, stack.temporal):
        journey = await Journey(stack, "generali").begin()
        await journey.sign_contract()
        before = await journey.see()
        await journey.enable()
        assert await waiting(stack) == 1
        assert (await journey.see())["revision"] == before["revision"]
        assert await relay_of(stack).deliver() == 1
        await stack.step(journey.id, "channel", "done")
        assert await waiting(stack) == 0
        assert await relay_of(stack).deliver() == 0


async def test_a_running_relay_delivers_at_once_what_is_committed(
    idle_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "SWEEP", 3600.0)  # it is woken, or this waits in vain
    async with idle_stack.working():
        journey = await Journey(idle_stack, "generali").begin()
        await journey.sign_contract()
        await journey.enable()
        await idle_stack.step(journey.id, "channel", "done")


async def test_what_was_left_over_is_delivered_when_a_relay_starts(idle_stack: Stack) -> None:
    journey = await Journey(idle_stack, "generali").begin()
    await journey.enable()
    assert await waiting(idle_stack) == 1
    async with idle_stack.working():
        await journey.sign_contract()
        await idle_stack.step(journey.id, "channel", "done")


async def test_a_nudge_for_a_workflow_that_temporal_does_not_know_starts_it(idle_stack: Stack) -> None:
    journey = await written_down_only(idle_stack)
    await journey.enable()
    assert await relay_of(idle_stack).deliver() == 1
    assert await idle_stack.temporal.status(journey.id) is WorkflowExecutionStatus.RUNNING
    assert await waiting(idle_stack) == 0
    async with make_worker(idle_stack.settings, idle_stack.database, idle_stack.temporal):
        await journey.sign_contract()
        await idle_stack.step(journey.id, "channel", "done")


async def test_an_onboarding_that_was_written_down_but_never_begun_is_begun(idle_stack: Stack) -> None:
    journey = await written_down_only(idle_stack)
    assert await relay_of(idle_stack).compare() == 1
    assert await idle_stack.temporal.status(journey.id) is WorkflowExecutionStatus.RUNNING
    assert await relay_of(idle_stack).compare() == 0


async def test_relays_side_by_side_do_no_harm(idle_stack: Stack) -> None:
    stack = idle_stack
    journey = await written_down_only(stack)
    await asyncio.gather(*(relay_of(stack).compare() for _ in range(5)))
    async with make_worker(stack.settings, stack.database, stack.temporal):
        await journey.sign_contract()
        await journey.enable()
        await asyncio.gather(*(relay_of(stack).deliver() for _ in range(5)))
        await stack.step(journey.id, "channel", "done")
    events = (await stack.call("GET", f"/onboardings/{journey.id}/events", params={"limit": 200}))["items"]
    assert [event["type"] for event in events if event["step"] == "channel"] == ["step.done", "step.waiting"]


async def signals(stack: Stack, onboarding_id: str) -> int:
    """How many signals its workflow was sent."""
    history = stack.temporal.client.get_workflow_handle(onboarding_workflow_id(onboarding_id))
    kind = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    return len([event async for event in history.fetch_history_events() if event.event_type == kind])


async def test_calendars_that_ran_out_are_noticed_though_nobody_changed_the_catalogue(
    idle_stack: Stack,
) -> None:
    """R6: at most one look an hour, and one nudge of however many relays."""
    stack, relay, now = idle_stack, relay_of(idle_stack), datetime.now(UTC)
    async with make_worker(stack.settings, stack.database, stack.temporal):
        journey = await Journey(stack, "global-assistance").begin()
        await journey.sign_contract()
        await journey.set_calendars()
        await journey.tick()
        await relay.deliver()
        await stack.step(journey.id, "calendars", "done")
        told = await signals(stack, journey.id)
        await relay.compare(now)
        assert await signals(stack, journey.id) == told

        async with stack.database.transaction() as session:
            await session.execute(text("UPDATE calendars SET weekly_hours = '[]'"))
        await relay.compare(now)
        assert await signals(stack, journey.id) == told
        hour_later = now + timedelta(hours=1)
        await asyncio.gather(*(one.compare(hour_later) for one in (relay, relay_of(stack), relay_of(stack))))
        assert await signals(stack, journey.id) == told + 1
        await stack.step(journey.id, "calendars", "stale")


def test_an_onboarding_need_not_look_where_nothing_of_it_would_move() -> None:
    walk = Walk().to("settings")
    start = OnboardingStart(case=walk.case, progress=walk.progress)
    newer = READY.model_copy(update={"version": READY.version + 1, "services": READY.services + 1})
    assert not says_otherwise(start, newer, NOW)
    assert says_otherwise(start, READY.model_copy(update={"enabled": False}), NOW)


async def test_a_workflow_terminated_in_temporal_closes_its_onboarding_and_says_why(stack: Stack) -> None:
    journey = await Journey(stack, "generali").begin()
    await terminate(stack, journey.id)
    assert await relay_of(stack).compare() == 0
    seen = await journey.see()
    assert (seen["status"], seen["waiting_on"], seen["actions"]) == ("failed", None, [])
    assert "ended outside Racord (terminated)" in seen["reason"]
    assert seen["ended_at"] is not None
    newest = (await stack.call("GET", f"/onboardings/{journey.id}/events"))["items"][0]
    assert (newest["type"], newest["data"]) == ("onboarding.failed", {"reason": seen["reason"]})
    assert (await stack.call("GET", "/tasks"))["items"] == []
    body = {"provider_id": journey.provider, "partner": "generali"}
    again = await stack.call("POST", "/onboardings", 201, json=body)
    assert again["status"] == "in_progress"
    assert await relay_of(stack).compare() == 0


async def test_what_was_terminated_is_not_brought_back_by_a_change_of_the_catalogue(
    idle_stack: Stack,
) -> None:
    journey = await Journey(idle_stack, "generali").begin()
    await terminate(idle_stack, journey.id)
    await journey.enable()
    relay = relay_of(idle_stack)
    await relay.deliver()
    await relay.compare()
    assert (await journey.see())["status"] == "failed"


async def test_links_of_a_terminated_onboarding_are_dead(stack: Stack) -> None:
    journey = await Journey(stack, "generali").begin()
    await journey.sign_contract()
    await journey.prepare()
    await journey.consent()
    mail = await journey.newest_mail("settings")
    await terminate(stack, journey.id)
    await relay_of(stack).compare()
    await journey.answer(mail, expect=410)


async def test_one_unforeseen_error_does_not_end_the_relay(
    idle_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failed = outbox.waiting, asyncio.Event()

    async def failing(session: Any) -> Any:
        monkeypatch.setattr(outbox, "waiting", real)
        failed.set()
        raise ValueError("something nobody thought of")

    monkeypatch.setattr(relay_module, "RETRY_AFTER", 0.05)
    monkeypatch.setattr(outbox, "waiting", failing)
    journey = await Journey(idle_stack, "generali").begin()
    async with running(relay_of(idle_stack)):
        await asyncio.wait_for(failed.wait(), PATIENCE)
        await journey.enable()
        await idle_stack.until(lambda: waiting(idle_stack), lambda left: left == 0)


async def test_the_nudges_of_a_channel_without_an_onboarding_do_not_pile_up(idle_stack: Stack) -> None:
    journey = Journey(idle_stack, "generali")
    journey.provider = (await idle_stack.call("POST", "/providers", json=CLINIC))["id"]
    await journey.enable()
    await relay_of(idle_stack).deliver()
    async with idle_stack.database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM outbox WHERE delivered_at IS NULL")) == 0
