"""Onboardings over HTTP: lists, one, its history, its steering, and news of it as it happens (DESIGN, HTTP contract)."""

from collections.abc import Awaitable, Callable
from typing import Any

import jsonschema_rs
import pytest
from sqlalchemy import text

from tests.playbooks import EVIDENCE
from tests.stack import Stack, link_in
from tests.test_journey import PARTNERS, Journey

REASON = {"reason": "The clinic moves house."}


@pytest.fixture
async def journey(stack: Stack) -> Journey:
    return await Journey(stack, "generali").begin()


def step_of(seen: Any, key: str) -> Any:
    return next(step for step in seen["steps"] if step["key"] == key)


async def to_settings(journey: Journey) -> None:
    await journey.sign_contract()
    await journey.prepare()
    await journey.consent()
    await journey.stack.step(journey.id, "settings", "waiting")
    await journey.newest_mail("settings")


async def test_requirements_name_every_unfinished_step_once_by_how_soon_it_is_needed(
    journey: Journey,
) -> None:
    seen = await journey.see()
    assert seen["requirements"]["currently_due"] == ["contract"]
    assert sorted(
        key for name, keys in seen["requirements"].items() if name != "errors" for key in keys
    ) == sorted(s["key"] for s in seen["steps"])
    await journey.sign_contract()
    async with journey.stack.database.transaction() as session:
        late = "jsonb_set(progress, '{steps,channel,due_at}', '\"2026-01-01T00:00:00Z\"')"
        await session.execute(
            text(f"UPDATE onboardings SET progress = {late} WHERE id = :id"), {"id": journey.id}
        )
    assert (await journey.see())["requirements"]["past_due"] == ["channel"]


def the_way(journey: Journey) -> list[tuple[Callable[[], Awaitable[None]], set[str]]]:
    """What is done in the partner's order, and which actions are offered then for the first time."""
    ours: list[tuple[Callable[[], Awaitable[None]], set[str]]] = [
        (journey.sign_contract, {"enable_channel"}),
        (journey.enable, {"publish_services", "set_prices"}),
        (journey.tick, set()),
        (journey.set_prices, {"accept_consent"}),
    ]
    if journey.partner == "global-assistance":
        ours = [
            (journey.sign_contract, {"put_calendar"}),
            (journey.set_calendars, {"set_prices"}),
            (journey.set_prices, {"enable_channel"}),
            (journey.enable, {"publish_services"}),
            (journey.tick, {"accept_consent"}),
        ]
    return [*ours, (journey.consent, {"reject"})]


@pytest.mark.parametrize("partner", PARTNERS)
async def test_every_action_offered_on_the_way_has_a_schema_that_refuses_nonsense(
    stack: Stack, partner: str
) -> None:
    journey = await Journey(stack, partner).begin()
    offered: dict[str, Any] = {}

    async def look() -> set[str]:
        seen = await journey.see()
        for actions in (seen["actions"], *(step["actions"] for step in seen["steps"])):
            offered.update({action["name"]: action for action in actions})
        return set(offered)

    assert await look() >= {"complete", "hold", "cancel"}
    for act, expected in the_way(journey):
        await act()
        await stack.until(look, lambda names, wanted=expected: names >= wanted)  # type: ignore[misc]
    assert await look() >= {"remind", "reopen"}
    for name, action in offered.items():
        jsonschema_rs.meta.validate(action["schema"])
        assert not jsonschema_rs.validator_for(action["schema"]).is_valid({"nonsense": 1}), (
            f"{name} takes anything"
        )
        assert action["allowed_for"]
        answer = await stack.http.request(action["method"], action["href"], json={"nonsense": 1})
        assert answer.status_code in (409, 422), f"{name}: {answer.status_code} {answer.text}"


async def test_the_mails_of_an_onboarding_are_listed_with_the_servers_answer(journey: Journey) -> None:
    await journey.sign_contract()
    (mail,) = (await journey.stack.call("GET", f"/onboardings/{journey.id}/mails"))["items"]
    assert (mail["template"], mail["state"], mail["tries"], mail["step"]) == ("intent", "sent", 1, "intent")
    assert [to["email"] for to in mail["to"]] == ["parteneriate@generali.example"]
    assert [cc["role"] for cc in mail["cc"]] == ["support"]
    assert mail["answer"].startswith("250")
    (caught,) = journey.stack.mails.all()
    assert caught["Message-ID"] == mail["message_id"]


async def test_reopening_shows_first_what_it_would_undo_and_then_undoes_that(journey: Journey) -> None:
    await to_settings(journey)
    await journey.answer(await journey.newest_mail("settings"))
    await journey.stack.step(journey.id, "joint_test", "waiting")
    path = f"/onboardings/{journey.id}/steps/intent/reopen"
    before = (await journey.see())["steps"]
    preview = await journey.stack.call("POST", path, params={"dry_run": True})
    assert (await journey.see())["steps"] == before
    done = ["channel", "services", "prices", "consent", "notice", "settings"]
    assert (preview["invalidates"], preview["meetings"]) == ([*done, "joint_test"], [])
    await journey.stack.call("POST", path, json={"reason": "It named another clinic."})
    seen = await journey.stack.step(journey.id, "joint_test", "waiting")
    assert step_of(seen, "intent")["attempt"] == 2
    intents = [
        m
        for m in (await journey.stack.call("GET", f"/onboardings/{journey.id}/mails"))["items"]
        if m["step"] == "intent"
    ]
    assert [mail["attempt"] for mail in intents] == [1, 2]


async def test_a_look_at_a_reopening_is_refused_where_the_reopening_is(journey: Journey) -> None:
    await journey.sign_contract()
    await journey.stack.step(journey.id, "intent", "done")
    steps = f"/onboardings/{journey.id}/steps"

    async def both(key: str, expect: int = 409, reason: str = "It was the wrong one.") -> list[str]:
        answers = [
            await journey.stack.call(
                "POST", f"{steps}/{key}/reopen", expect, json={"reason": reason}, params=params
            )
            for params in ({"dry_run": True}, {})
        ]
        return [answer["detail"] for answer in answers]

    for key, status, reason in (
        ("settings", 409, "It is not done."),
        ("channel", 409, "It is a check."),
        ("contract", 422, "no"),
    ):
        looked, real = await both(key, status, reason)
        assert looked == real
    await journey.stack.call("POST", f"/onboardings/{journey.id}/hold", json={"reason": "It waits."})
    looked, real = await both("contract")
    assert looked == real == "The onboarding is on hold."
    await journey.stack.call("POST", f"/onboardings/{journey.id}/cancel", json={"reason": "It is over."})
    looked, real = await both("contract")
    assert looked == real == "The onboarding is cancelled."


async def test_a_step_that_follows_the_catalogue_is_not_reopened_by_hand(journey: Journey) -> None:
    await journey.sign_contract()
    await journey.enable()
    await journey.stack.step(journey.id, "channel", "done")
    path = f"/onboardings/{journey.id}/steps/channel/reopen"
    refused = await journey.stack.call("POST", path, expect=409, json={"reason": "I want to."})
    assert "Change the catalogue" in refused["mend"]
    await journey.stack.call(
        "POST", f"/onboardings/{journey.id}/steps/none/reopen", 404, params={"dry_run": True}
    )


async def test_on_hold_nothing_moves_and_resuming_takes_in_what_happened(journey: Journey) -> None:
    base = f"/onboardings/{journey.id}"
    await journey.sign_contract()
    await journey.stack.call("POST", f"{base}/hold", json=REASON)
    seen = await journey.see()
    assert (seen["status"], seen["waiting_on"], seen["reason"]) == ("on_hold", None, REASON["reason"])
    assert [action["name"] for action in seen["actions"]] == ["resume", "hold", "cancel", "assign"]
    refused = await journey.stack.call("POST", f"{base}/steps/channel/remind", 409, json={})
    assert refused["code"] == "on-hold"
    await journey.enable()
    await journey.stack.call("POST", f"{base}/hold", 409, json=REASON)
    await journey.stack.call("POST", f"{base}/resume", json=REASON)
    await journey.stack.step(journey.id, "channel", "done")
    assert [action["name"] for action in (await journey.see())["actions"]] == ["hold", "cancel", "assign"]


async def test_cancelling_ends_it_and_frees_the_channel(journey: Journey) -> None:
    base = f"/onboardings/{journey.id}"
    await journey.stack.call("POST", f"{base}/cancel", json=REASON)
    seen = await journey.see()
    assert (seen["status"], seen["reason"], seen["actions"]) == ("cancelled", REASON["reason"], [])
    assert seen["ended_at"] is not None
    assert all(step["actions"] == [] for step in seen["steps"])
    for path, body in (("steps/contract/complete", EVIDENCE), ("resume", REASON), ("cancel", REASON)):
        refused = await journey.stack.call("POST", f"{base}/{path}", 409, json=body)
        assert "cancelled" in refused["detail"]
    body = {"provider_id": journey.provider, "partner": "generali"}
    assert (await journey.stack.call("POST", "/onboardings", json=body))["id"] != journey.id


async def test_a_second_open_one_on_the_channel_is_refused_and_the_first_is_named(journey: Journey) -> None:
    body = {"provider_id": journey.provider, "partner": "generali"}
    refused = await journey.stack.call("POST", "/onboardings", 409, json=body)
    assert refused["code"] == "already-open"
    assert journey.id in refused["detail"]
    await journey.stack.call("POST", "/onboardings", 201, json={**body, "partner": "europ-assistance"})


async def test_a_reminder_is_one_more_mail_with_a_link_of_its_own(journey: Journey) -> None:
    await to_settings(journey)
    first = await journey.newest_mail("settings")

    async def heard() -> int:
        """How many mails the workflow knows to be out."""
        events = (await journey.stack.call("GET", f"/onboardings/{journey.id}/events"))["items"]
        return [event["type"] for event in events].count("mail.sent")

    await journey.stack.until(heard, lambda count: count == 3)
    path = f"/onboardings/{journey.id}/steps/settings/remind"
    await journey.stack.call("POST", path, json={"note": "We asked by telephone."})
    second = (await journey.mails_of("settings", 2))[-1]
    assert link_in(second) != link_in(first)
    assert second["To"] == first["To"]
    await journey.answer(first, expect=410)
    await journey.answer(second)


async def test_the_etag_moves_with_the_revision(journey: Journey) -> None:
    path = f"/api/v1/onboardings/{journey.id}"
    first = await journey.stack.http.get(path)
    assert first.headers["etag"] == f'"{first.json()["revision"]}"'
    assert (await journey.stack.http.get(path)).headers["etag"] == first.headers["etag"]
    await journey.sign_contract()
    assert (await journey.stack.http.get(path)).headers["etag"] != first.headers["etag"]
