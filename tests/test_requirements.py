"""What an onboarding says is missing is what the explainer says of its channel (R18)."""

import pytest

from tests.stack import Stack
from tests.test_readiness_seed import Question


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
