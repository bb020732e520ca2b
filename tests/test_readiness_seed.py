"""The seed's own list of errors and their solutions, asked over HTTP of the whole product (R18–R20)."""

from typing import Any

import pytest

from tests.stack import Stack
from tests.test_journey import PARTNERS, Journey


class Question(Journey):
    """A clinic that asks why it, or one of its services, is not bookable."""

    async def why(self, service_id: str | None = None, language: str = "en") -> Any:
        asked = {"language": language, **({"service_id": service_id} if service_id else {})}
        return await self.stack.call("GET", f"{self.channel}/readiness", params=asked)

    async def reason(self, code: str) -> Any:
        """The channel's reason with that code; None where it is not among them."""
        return next((one for one in (await self.why())["reasons"] if one["code"] == code), None)

    async def own_reasons(self, service_id: str) -> dict[str, Any]:
        (service,) = (await self.why(service_id))["services"]["items"]
        return {one["code"]: one for one in service["reasons"]}

    async def comes(self, code: str) -> Any:
        return await self.stack.until(lambda: self.reason(code), bool)

    async def add_service(self) -> str:
        body = {"code": "NEW", "name": "Test EKG de efort", "duration_minutes": 30}
        made = await self.stack.call("POST", f"/providers/{self.provider}/services", json=body)
        return str(made["id"])

    async def publish(self, *service_ids: str) -> None:
        await self.stack.call("PUT", f"{self.channel}/published", json={"service_ids": list(service_ids)})

    async def delete(self, service_id: str) -> None:
        await self.stack.call("DELETE", f"/providers/{self.provider}/services/{service_id}", expect=204)


@pytest.fixture
async def clinic(stack: Stack, partner: str) -> Question:
    clinic = Question(stack, partner)
    await clinic.begin()
    return clinic


@pytest.fixture
async def live(clinic: Question) -> Question:
    """The clinic, bookable at the partner."""
    if clinic.partner != "global-assistance":
        await clinic.set_calendars()
    await clinic.go_live()
    return clinic


each_partner = pytest.mark.parametrize("partner", PARTNERS)


@each_partner
async def test_provider_not_visible_at_the_partner(clinic: Question) -> None:  # R18
    name = (await clinic.why())["partner_name"]
    contract = await clinic.reason("step.contract.waiting")
    assert (contract["party"], contract["remedy"]["name"]) == ("us", "complete")
    await clinic.sign_contract()

    # Is the channel enabled in “traffic channels”? Are services ticked? Are the prices set in the bulk price editor?
    # Is the consent declaration accepted?
    questions = [
        ("channel.disabled", "PATCH", clinic.enable),
        ("services.none_ticked", "PUT", clinic.tick),
        ("prices.missing", "PUT", clinic.set_prices),
        ("consent.missing", "POST", clinic.consent),
    ]
    if clinic.partner == "global-assistance":
        questions.insert(0, ("calendars.missing", "PUT", clinic.set_calendars))
    for code, method, mend in questions:
        reason = await clinic.reason(code)
        assert (reason["severity"], reason["party"], reason["remedy"]["method"]) == (
            "blocking",
            "provider",
            method,
        )
        assert not (await clinic.why())["bookable"]
        await mend()
        assert await clinic.reason(code) is None

    # If the test and the activation have not happened: consult the partner.
    settings = await clinic.comes("step.settings.waiting")
    assert (settings["party"], settings["remedy"]["name"]) == ("partner", "remind")
    assert [one["code"] for one in (await clinic.why())["reasons"]] == [
        "step.settings.waiting",
        "step.joint_test.pending",
        "step.activation.pending",
    ]
    await clinic.answer(await clinic.newest_mail("settings"))
    test = await clinic.comes("step.joint_test.waiting")
    assert f"Consult {name}." in test["text"]
    await clinic.test_together()
    activation = await clinic.comes("step.activation.waiting")
    assert activation["party"] == "partner"
    assert f"Consult {name}." in activation["text"]
    assert activation["since"]

    # And then it is visible.
    await clinic.answer(await clinic.newest_mail("activation"))
    await clinic.stack.until(clinic.see, lambda seen: seen["status"] == "live")
    seen = await clinic.why()
    assert (seen["status"], seen["bookable"], seen["reasons"]) == ("live", True, [])
    assert all(service["bookable"] for service in seen["services"]["items"])


@each_partner
async def test_a_new_examination_does_not_appear(live: Question) -> None:  # R14, R19
    assert (await live.why())["bookable"]
    name = (await live.why())["partner_name"]
    new = await live.add_service()

    # Is it ticked, priced, in a calendar?
    reasons = await live.own_reasons(new)
    assert {"service.not_ticked", "service.no_price"} <= reasons.keys()
    assert ("service.no_calendar" in reasons) == (live.partner == "global-assistance")
    live.services.append(new)
    await live.set_calendars()
    await live.set_prices()
    await live.tick()

    # Support and the partner are notified of the new examination, so that it is synchronised: that goes by itself.
    reasons = await live.own_reasons(new)
    assert reasons.keys() == {"service.awaiting_partner"}
    assert reasons["service.awaiting_partner"]["party"] == "partner"
    reasons = await live.stack.until(
        lambda: live.own_reasons(new),
        lambda seen: f"{name} was asked on " in seen["service.awaiting_partner"]["text"],
    )
    assert reasons.keys() == {"service.awaiting_partner"}
    assert not await live.own_reasons(live.services[0])


@each_partner
async def test_a_service_that_was_available_vanished(live: Question) -> None:  # R17, R20
    one, other = live.services

    # Is the service still ticked?
    assert (await live.own_reasons(await live.add_service()))["service.not_ticked"]["by"] is None
    await live.publish(other)
    unticked = (await live.own_reasons(one))["service.not_ticked"]
    assert (unticked["by"], bool(unticked["since"])) == ("tests", True)
    assert "by tests" in unticked["text"]
    await live.publish(one, other)
    assert "service.not_ticked" not in await live.own_reasons(one)

    # Was the service not deleted?
    await live.delete(one)
    deleted = (await live.own_reasons(one))["service.deleted"]
    assert "was deleted on" in deleted["text"]
    assert (deleted["by"], bool(deleted["since"])) == ("tests", True)
    assert not await live.own_reasons(other)
    assert (await live.why())["bookable"]

    # Is the traffic channel not disabled?
    await live.stack.call("PATCH", live.channel, json={"enabled": False})
    disabled = await live.reason("channel.disabled")
    assert (disabled["by"], disabled["party"]) == ("tests", "provider")
    assert disabled["since"]
    assert "by tests" in disabled["text"]
    assert (await live.own_reasons(other)).keys() == {"service.channel_blocked"}
    assert (await live.reason("connection.ending"))["by"] == "tests"


@each_partner
async def test_the_last_service_was_deleted(live: Question) -> None:  # R17, R20
    for service in live.services:
        await live.delete(service)
    assert await live.reason("services.none_ticked")
    assert (await live.reason("connection.ending"))["by"] == "tests"
    assert not (await live.why())["bookable"]


@pytest.mark.parametrize("partner", ["generali"])
async def test_after_a_hold_and_after_a_cancellation_it_says_so(clinic: Question) -> None:
    await clinic.stack.call(
        "POST", f"/onboardings/{clinic.id}/hold", json={"reason": "The clinic moves house."}
    )
    held = await clinic.comes("onboarding.on_hold")
    assert (held["party"], held["remedy"]["name"], bool(held["since"])) == ("us", "resume", True)
    assert "moves house" in held["text"]
    errors = (await clinic.see())["requirements"]["errors"]
    assert [(one["code"], one["step"]) for one in errors] == [
        ("onboarding.on_hold", None),
        ("step.contract.waiting", "contract"),
    ]
    await clinic.stack.call("POST", f"/onboardings/{clinic.id}/cancel", json={"reason": "No contract."})
    cancelled = await clinic.comes("onboarding.cancelled")
    assert cancelled["remedy"] == {
        "name": "start",
        "kind": "call",
        "method": "POST",
        "href": "/api/v1/onboardings",
    }
    assert not [one for one in (await clinic.why())["reasons"] if one["code"].startswith("step.")]
