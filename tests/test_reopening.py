"""A change reopens only what stands on it; the joint test says what is not as it was tested; a dry run shows it before."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from api.reopening import standing
from domain import progress as engine
from domain.facts import ChannelFacts
from domain.tested import Configuration, TestedService, What, difference
from tests.playbooks import READY, Walk
from tests.stack import Stack
from tests.test_journey import HOURS, Journey
from tests.test_meeting import FIRST, arrange, at_the_test


def configuration(enabled: bool = True, **services: tuple[int, str | None]) -> Configuration:
    return Configuration(
        enabled=enabled,
        services={
            id: TestedService(minutes=minutes, price=price) for id, (minutes, price) in services.items()
        },
    )


def test_a_difference_names_what_came_went_and_changed() -> None:  # R12
    tested = configuration(a=(30, "120.00 RON"), b=(20, "80.00 RON"), c=(10, None))
    now = configuration(False, a=(45, "130.00 RON"), c=(10, None), d=(5, "1.00 RON"))
    found = difference(tested, now)
    assert [(one.what, one.service_id, one.old, one.new) for one in found.listed] == [
        (What.DISABLED, None, None, None),
        (What.ADDED, "d", None, None),
        (What.REMOVED, "b", None, None),
        (What.DURATION, "a", "30", "45"),
        (What.PRICE, "a", "120.00 RON", "130.00 RON"),
    ]
    assert difference(tested, tested).listed == ()


def test_of_twenty_thousand_differences_fifty_are_listed_and_all_are_counted() -> None:
    tested = Configuration(services={f"s{n}": TestedService(minutes=1, price="1 RON") for n in range(20_000)})
    now = Configuration(services={id: TestedService(minutes=1, price="2 RON") for id in tested.services})
    found = difference(tested, now)
    assert (len(found.listed), found.totals) == (50, {What.PRICE: 20_000})


def changed(**facts: Any) -> ChannelFacts:
    return READY.model_copy(update={"version": 10, **facts})


def test_a_tested_configuration_that_changes_voids_the_test_and_says_which_it_was() -> None:  # R12
    walk = Walk().to("activation")
    walk.facts(changed(digest="another"))
    record = walk.progress.steps["joint_test"]
    assert record.voided is not None
    assert (record.voided.tested, record.voided.now, record.voided.attempt) == ("as tested", "another", 1)
    voided = next(event for event in walk.last.events if event.type == "step.voided")
    assert voided.data == {"attempt": 1, "tested": "as tested", "now": "another"}
    assert {key for key, state in walk.states().items() if state == "stale"} == {"joint_test"}
    walk.send_all()
    walk._test()
    assert walk.progress.steps["joint_test"].voided is None


@pytest.mark.parametrize(
    ("facts", "reopened"),
    [
        ({"published": 0}, "services"),
        ({"priced": 0}, "prices"),
        ({"consent": None}, "consent"),
    ],
)
def test_a_fact_that_stops_holding_leaves_what_does_not_stand_on_it(facts: Any, reopened: str) -> None:
    walk = Walk().to("activation")
    walk.facts(changed(**facts))
    states = walk.states()
    assert states[reopened] == "stale"
    below = walk.case.playbook.after(reopened)
    assert {key for key, state in states.items() if state != "done"} == {reopened, *below}


def test_a_reopening_names_the_meeting_that_stays_in_everybodys_calendar_and_no_other() -> None:
    walk = at_the_test()
    assert meetings_left(walk) == []
    arrange(walk)
    assert meetings_left(walk) == [("joint_test", "Room 2", datetime.fromisoformat(FIRST))]
    walk.act("joint_test", "cancel_meeting", {"reason": "The tester is ill."})
    assert meetings_left(walk) == []
    arrange(walk)
    walk.now += timedelta(days=9)
    assert meetings_left(walk) == [], "it is over"


def meetings_left(walk: Walk) -> list[tuple[str, str, datetime]]:
    undone = engine.invalidated_by_reopening(walk.case, walk.progress, "settings", walk.now)
    return [(one.step, one.place, one.starts_at) for one in standing(walk.progress, undone, walk.now)]


async def test_a_change_that_voids_a_test_is_shown_before_and_after_with_its_difference(stack: Stack) -> None:
    """R12: dry run, then the change itself, on the whole stack."""
    journey = await Journey(stack, "generali").begin()
    await journey.sign_contract()
    await journey.prepare()
    await journey.consent()
    await journey.answer(await journey.newest_mail("settings"))
    await journey.test_together()
    await journey.newest_mail("activation")
    first = journey.services[0]

    before = (await journey.see())["steps"]
    path = f"/providers/{journey.provider}/services/{first}"
    shown = await stack.call("DELETE", f"{path}?dry_run=true")
    (effect,) = shown["channels"]
    assert (effect["partner"], effect["onboarding_id"]) == ("generali", journey.id)
    assert [step["key"] for step in effect["reopens"]] == ["joint_test"]
    assert effect["reopens"][0]["difference"]["totals"] == {"service_removed": 1}
    assert (effect["withdrawn"]["total"], effect["ends_connection"]) == (0, False), "nothing is bookable yet"
    assert (await journey.see())["steps"] == before
    kept = await stack.call("GET", path)
    shown = await stack.call("PATCH", f"{path}?dry_run=true", json={"duration_minutes": 55})
    (effect,) = shown["channels"]
    assert effect["reopens"][0]["difference"]["totals"] == {"duration": 1}
    assert (await journey.see())["steps"] == before
    assert await stack.call("GET", path) == kept

    await stack.call("PATCH", path, json={"duration_minutes": 55})
    seen = await stack.step(journey.id, "joint_test", "stale")
    step = next(one for one in seen["steps"] if one["key"] == "joint_test")
    (one,) = step["voided"]["difference"]["listed"]
    assert (one["what"], one["service_id"], one["new"]) == ("duration", first, "55")
    assert None not in (one["code"], one["name"], one["old"])
    assert {s["key"] for s in seen["steps"] if s["state"] == "stale"} == {"joint_test"}
    events = (await stack.call("GET", f"/onboardings/{journey.id}/events"))["items"]
    voided = next(event for event in events if event["type"] == "step.voided")
    assert voided["data"]["difference"] == step["voided"]["difference"]
    async with stack.database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM tested_configurations")) <= 2


async def test_a_dry_run_of_every_call_shows_what_would_reopen_and_changes_nothing(idle_stack: Stack) -> None:
    """R17: also where no worker runs, and on hold."""
    stack = idle_stack
    journey = await Journey(stack, "generali").begin()
    async with stack.working():
        await journey.sign_contract()
        await journey.prepare()
        await journey.consent()
        await stack.step(journey.id, "settings", "waiting")
        held = {"reason": "The clinic moves house."}
        await stack.call("POST", f"/onboardings/{journey.id}/hold", json=held)
        await stack.until(journey.see, lambda seen: seen["status"] == "on_hold")
    before = await journey.see()
    history = await stack.call("GET", f"/providers/{journey.provider}/changes")
    (kept,) = (await stack.call("GET", f"{journey.channel}/prices/edits"))["items"]
    edit = kept["id"]
    calls: list[tuple[str, str, Any, set[str]]] = [
        ("PATCH", journey.channel, {"enabled": False}, {"channel"}),
        ("PUT", f"{journey.channel}/published", {"service_ids": []}, {"services"}),
        ("PATCH", f"{journey.channel}/published", {"remove": {"filter": {}}}, {"services"}),
        ("PUT", f"{journey.channel}/prices", {"prices": []}, {"prices"}),
        ("POST", f"{journey.channel}/prices/clear", {}, {"prices"}),
        (
            "POST",
            f"{journey.channel}/prices/copy",
            {"from": "europ-assistance", "mode": "replace"},
            {"prices"},
        ),
        ("POST", f"{journey.channel}/prices/edits/{edit}/undo", None, {"prices"}),
    ]
    for method, path, body, expected in calls:
        shown = await stack.call(method, f"{path}?dry_run=true", json=body)
        (effect,) = shown["channels"]
        assert {step["key"] for step in effect["reopens"]} >= expected, (method, path)
        assert "consent" in {step["key"] for step in effect["reopens"]}
        assert "contract" not in {step["key"] for step in effect["reopens"]}
        assert (effect["withdrawn"]["total"], effect["ends_connection"]) == (0, False), "not live"
    body = {"physician": "Dr. Pop", "weekly_hours": [], "exceptions": [], "service_ids": []}
    shown = await stack.call("PUT", f"/providers/{journey.provider}/calendars/none?dry_run=true", json=body)
    assert shown == {"dry_run": True, "channels": []}
    assert await journey.see() == before
    assert await stack.call("GET", f"/providers/{journey.provider}/changes") == history


async def test_a_dry_run_on_a_live_channel_withdraws_what_would_be_bookable_no_more(stack: Stack) -> None:
    """R17: bookable is what the explainer calls so, whatever it was that is lost."""
    journey = await Journey(stack, "global-assistance").begin()
    await journey.go_live()
    first, second = journey.services
    readiness = f"{journey.channel}/readiness"
    seen = await stack.call("GET", readiness)
    assert seen["bookable"] is True
    prices, calendars = f"{journey.channel}/prices", f"/providers/{journey.provider}/calendars"
    (edit,) = (await stack.call("GET", f"{prices}/edits"))["items"]
    hours = {"physician": "Dr. Ionescu", "weekly_hours": HOURS, "exceptions": [], "service_ids": [first]}
    calls: list[tuple[str, str, dict[str, Any], set[str]]] = [
        ("PATCH", journey.channel, {"json": {"enabled": False}}, {first, second}),
        ("PUT", f"{journey.channel}/published", {"json": {"service_ids": [first]}}, {second}),
        ("PUT", f"{calendars}/ionescu", {"json": hours}, {second}),
        ("DELETE", f"{calendars}/ionescu", {}, {first, second}),
        (
            "PATCH",
            f"/providers/{journey.provider}/services/{first}",
            {"json": {"duration_minutes": 600}},
            {first},
        ),
        ("PUT", prices, {"json": {"prices": []}}, {first, second}),
        ("POST", f"{prices}/clear", {"json": {"service_ids": [first]}}, {first}),
        ("POST", f"{prices}/edits/{edit['id']}/undo", {}, {first, second}),
        ("POST", f"{prices}/import", {"files": {"file": ("a.csv", "code;price\nCARD;260\n")}}, {second}),
    ]
    for method, path, sent, withdrawn in calls:
        asked = {"dry_run": "true"} | ({"mode": "replace"} if "files" in sent else {})
        shown = await stack.call(method, path, params=asked, **sent)
        (effect,) = shown["channels"]
        assert {one["id"] for one in effect["withdrawn"]["shown"]} == withdrawn, (method, path)
        assert (effect["offered"]["total"], effect["reopens"]) == (0, [])
        assert effect["ends_connection"] is (path == journey.channel), "permission and deletion alone end it"
    shown = await stack.call("POST", f"{prices}/raise?dry_run=true", json={"percent": "5", "rounding": "1"})
    assert (shown["summary"]["changed"], shown["channels"]) == (2, []), (
        "a price that changes withdraws nothing"
    )
    assert await stack.call("GET", readiness) == seen
    assert len((await stack.call("GET", f"{prices}/edits"))["items"]) == 1
