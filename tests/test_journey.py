"""The whole way through HTTP, SMTP and signed links, on real parts, once for each shipped partner."""

import shutil
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from adapters.database.session import Database
from adapters.mail.render import ABOUT_MEETINGS
from adapters.settings import Settings
from adapters.temporal import Temporal
from tests.stack import Mails, Stack, link_in, stack_on, text_of
from tests.test_playbooks_shipped import FOURTH

EVIDENCE: dict[str, Any] = {
    "evidence": {"document": "Contract 118/2026", "date": "2026-02-27"},
    "note": "Signed in Cluj",
}
SIGNED = {"name": "Mihai Pop", "role": "Integration lead"}
HOURS = [{"day": "mon", "from": "09:00", "to": "17:00"}]
PARTNERS = ("generali", "europ-assistance", "global-assistance")


class Journey:
    """One provider on its way to one partner; acts as the people would, knowing only what API and mails say."""

    def __init__(self, stack: Stack, partner: str) -> None:
        self.stack = stack
        self.partner = partner

    async def begin(self) -> "Journey":
        provider = await self.stack.call(
            "POST",
            "/providers",
            json={
                "name": "Clinica Armonia",
                "email": "contact@armonia.example",
                "locale": "ro",
                "time_zone": "Europe/Bucharest",
            },
        )
        self.provider = provider["id"]
        self.services = [
            (
                await self.stack.call(
                    "POST",
                    f"/providers/{self.provider}/services",
                    json={"code": code, "name": name, "duration_minutes": 30},
                )
            )["id"]
            for code, name in (("CARD", "Consultație cardiologie"), ("ECO", "Ecografie abdominală"))
        ]
        started = await self.stack.call(
            "POST", "/onboardings", json={"provider_id": self.provider, "partner": self.partner}
        )
        self.id = started["id"]
        return self

    @property
    def channel(self) -> str:
        return f"/providers/{self.provider}/channels/{self.partner}"

    async def see(self) -> Any:
        return await self.stack.onboarding(self.id)

    async def sign_contract(self) -> None:
        await self.stack.call("POST", f"/onboardings/{self.id}/steps/contract/complete", json=EVIDENCE)
        await self.stack.step(self.id, "intent", "done")

    async def set_calendars(self) -> None:
        body = {
            "physician": "Dr. Ionescu",
            "weekly_hours": HOURS,
            "exceptions": [],
            "service_ids": self.services,
        }
        await self.stack.call("PUT", f"/providers/{self.provider}/calendars/ionescu", json=body)

    async def set_prices(self, *services: str) -> None:
        prices = [
            {"service_id": service, "amount": "250.00", "currency": "RON"}
            for service in services or self.services
        ]
        await self.stack.call("PUT", f"{self.channel}/prices", json={"prices": prices})

    async def enable(self) -> None:
        await self.stack.call("PATCH", self.channel, json={"enabled": True})

    async def tick(self) -> None:
        await self.stack.call("PUT", f"{self.channel}/published", json={"service_ids": self.services})

    async def consent(self) -> None:
        declaration = await self.stack.call("GET", f"{self.channel}/consent")
        accepted_by = {"name": "Dr. Ana Ionescu", "role": "Administrator", "email": "ana@armonia.example"}
        await self.stack.call(
            "POST",
            f"{self.channel}/consent",
            json={"version": declaration["version"], "accepted_by": accepted_by},
        )

    async def prepare(self) -> None:
        """All that the provider does itself, in the partner's order."""
        ours = [self.enable, self.tick, self.set_prices]
        if self.partner == "global-assistance":
            ours = [self.set_calendars, self.set_prices, self.enable, self.tick]
        for act in ours:
            await act()
        await self.stack.step(self.id, "consent", "waiting")

    async def newest_mail(self, step: str) -> EmailMessage:
        """The newest message of a step that the server has, by the ledger's Message-ID."""

        async def look() -> list[EmailMessage]:
            ledger = (await self.stack.call("GET", f"/onboardings/{self.id}/mails"))["items"]
            sent = [row["message_id"] for row in ledger if row["step"] == step and row["state"] == "sent"]
            # One that a kill had sent twice is one: it carries the same Message-ID and link.
            came = {mail["Message-ID"]: mail for mail in self.stack.mails.all() if mail["Message-ID"] in sent}
            return list(came.values())

        found: list[EmailMessage] = await self.stack.until(look, bool)
        return found[-1]

    async def mails_of(self, step: str, count: int) -> list[EmailMessage]:
        """What asks for the step's answers; not what is about its meeting."""

        async def look() -> list[EmailMessage]:
            ledger = (await self.stack.call("GET", f"/onboardings/{self.id}/mails"))["items"]
            mine = [row for row in ledger if row["step"] == step and row["template"] not in ABOUT_MEETINGS]
            sent = [row["message_id"] for row in mine if row["state"] == "sent"]
            # One that a kill had sent twice is one: it carries the same Message-ID and link.
            came = {mail["Message-ID"]: mail for mail in self.stack.mails.all() if mail["Message-ID"] in sent}
            return list(came.values())

        found: list[EmailMessage] = await self.stack.until(look, lambda seen: len(seen) >= count)
        return found

    async def answer(
        self, mail: EmailMessage, action: str = "complete", expect: int = 200, **body: Any
    ) -> Any:
        """What the holder of the mail's link decides; returns once it counts, also where the worker is slow."""
        link = link_in(mail)
        answer = await self.stack.anybody.post(link, json={"action": action, **SIGNED, **body})
        if answer.status_code == 202 != expect:
            await self.stack.until(lambda: self.stack.anybody.get(link), lambda seen: seen.status_code == 410)
            return answer.json()
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def arrange_meeting(self, **more: Any) -> Any:
        """As proposed; waits until everybody is invited."""
        steps = f"/onboardings/{self.id}/steps/joint_test"
        await self.stack.step(self.id, "joint_test", "waiting")
        proposed = (await self.stack.call("GET", f"{steps}/meeting-times"))["items"][0]["starts_at"]
        body = {"starts_at": proposed, "place": "https://meet.example/armonia", **more}
        await self.stack.call("POST", f"{steps}/arrange_meeting", json=body)
        return await self.stack.until(self.meeting_mails, lambda sent: len(sent) >= 3)

    async def meeting_mails(self) -> list[Any]:
        """The ledger's rows of what was sent about the meeting, oldest first."""
        ledger = (await self.stack.call("GET", f"/onboardings/{self.id}/mails"))["items"]
        return [row for row in ledger if row["template"] in ABOUT_MEETINGS and row["state"] == "sent"]

    async def test_together(self) -> None:
        if self.partner == "global-assistance":
            await self.arrange_meeting()
        step = next(s for s in (await self.see())["steps"] if s["key"] == "joint_test")
        for mail in await self.mails_of("joint_test", 2):
            shown = (
                await self.stack.anybody.get(link_in(mail), headers={"accept": "application/json"})
            ).json()
            results = shown["actions"][0]["schema"]["$defs"]["Scenarios"]["properties"]
            await self.answer(mail, scenarios=dict.fromkeys(results, "passed"))
        assert step["kind"] == "joint_test"

    async def go_live(self) -> Any:
        await self.sign_contract()
        await self.prepare()
        await self.consent()
        await self.answer(await self.newest_mail("settings"))
        await self.test_together()
        await self.answer(await self.newest_mail("activation"))
        return await self.stack.until(self.see, lambda seen: seen["status"] == "live")


@pytest.mark.parametrize("partner", PARTNERS)
async def test_a_provider_goes_live_through_http_and_mails_alone(
    stack: Stack, partner: str
) -> None:  # R1–R13
    journey = await Journey(stack, partner).begin()
    live = await journey.go_live()
    steps = (await stack.call("GET", f"/partners/{partner}"))["steps"]
    assert [step["key"] for step in live["steps"]] == [step["key"] for step in steps]
    assert {step["state"] for step in live["steps"]} == {"done"}
    assert live["waiting_on"] is None
    ledger = (await stack.call("GET", f"/onboardings/{journey.id}/mails"))["items"]
    assert {mail["state"] for mail in ledger} == {"sent"}
    assert len(stack.mails.all()) == len(ledger), "a message went out twice, or without a ledger row"


async def test_the_intent_is_from_the_provider_to_the_partner_with_support_in_copy(
    stack: Stack,
) -> None:  # R3
    journey = await Journey(stack, "generali").begin()
    await journey.sign_contract()
    mail = await journey.newest_mail("intent")
    assert "contact@armonia.example" in mail["From"]
    assert "suport@programari.example" in mail["Cc"]
    assert mail["To"].addresses[0].domain == "generali.example"
    assert set(mail.get_all("X-Envelope-To", [])) == {
        mail["To"].addresses[0].addr_spec,
        "suport@programari.example",
    }


async def test_global_assistance_wants_calendars_then_prices_then_the_channel(
    stack: Stack,
) -> None:  # R4a, R6
    journey = await Journey(stack, "global-assistance").begin()
    await journey.sign_contract()
    await journey.enable()
    await journey.tick()
    seen = await stack.step(journey.id, "calendars", "waiting")
    assert {s["key"]: s["state"] for s in seen["steps"]}["channel"] == "pending"
    await journey.set_calendars()
    seen = await stack.step(journey.id, "prices", "waiting")
    assert {s["key"]: s["state"] for s in seen["steps"]}["channel"] == "pending"
    await journey.set_prices()
    await stack.step(journey.id, "consent", "waiting")


async def test_no_notice_goes_out_before_consent(stack: Stack) -> None:  # R9, R10
    journey = await Journey(stack, "europ-assistance").begin()
    await journey.sign_contract()
    await journey.prepare()
    templates = [
        row["template"] for row in (await stack.call("GET", f"/onboardings/{journey.id}/mails"))["items"]
    ]
    assert templates == ["intent"]
    await journey.consent()
    await stack.step(journey.id, "notice", "done")
    notice = await journey.newest_mail("notice")
    assert "Dr. Ana Ionescu" in text_of(notice)


async def test_the_manager_cannot_activate_for_the_partner(stack: Stack) -> None:  # R13
    journey = await Journey(stack, "generali").begin()
    await journey.sign_contract()
    await journey.prepare()
    await journey.consent()
    await journey.answer(await journey.newest_mail("settings"))
    await journey.test_together()
    await stack.step(journey.id, "activation", "waiting")
    refused = await stack.call(
        "POST", f"/onboardings/{journey.id}/steps/activation/complete", expect=403, json=EVIDENCE
    )
    assert "Only the partner" in refused["detail"]


async def test_the_last_missing_price_completes_the_step_and_removing_it_reopens_it(
    stack: Stack,
) -> None:  # R8
    journey = await Journey(stack, "generali").begin()
    await journey.sign_contract()
    await journey.enable()
    await journey.tick()
    await journey.set_prices(journey.services[0])
    await stack.step(journey.id, "prices", "waiting")
    await journey.set_prices()
    await stack.step(journey.id, "consent", "waiting")
    await journey.set_prices(journey.services[0])
    seen = await stack.step(journey.id, "prices", "stale")
    assert {s["key"]: s["state"] for s in seen["steps"]}["consent"] == "pending"
    assert next(s for s in seen["steps"] if s["key"] == "prices")["actions"]
    await journey.set_prices()
    await stack.step(journey.id, "consent", "waiting")


async def test_a_rejection_leads_to_a_new_attempt_and_not_to_a_dead_end(stack: Stack) -> None:  # R11
    journey = await Journey(stack, "generali").begin()
    await journey.sign_contract()
    await journey.prepare()
    await journey.consent()
    first = await journey.newest_mail("settings")
    await journey.answer(first, "reject", reason="The VPN certificate has run out.")
    seen = await stack.step(journey.id, "settings", "waiting")
    step = next(s for s in seen["steps"] if s["key"] == "settings")
    assert (step["attempt"], step["waiting_on"], step["rejection"]["by"]) == (2, "us", "Mihai Pop")
    assert "VPN certificate" in step["blocker"]
    await journey.answer(first, expect=410)
    second = (await journey.mails_of("settings", 2))[-1]
    assert "VPN" in text_of(second)
    await journey.answer(second)
    await stack.step(journey.id, "settings", "done")


async def test_who_knows_only_the_onboardings_page_can_act(stack: Stack) -> None:
    journey = await Journey(stack, "generali").begin()
    await journey.sign_contract()
    for expected in ("enable_channel", "publish_services", "set_prices", "accept_consent"):
        offered = await stack.until(partial(_offered, journey, expected), bool)
        action = offered[0]
        body = _fill(action["schema"])
        answer = await stack.http.request(action["method"], action["href"], json=body)
        assert answer.status_code in (200, 201), (expected, body, answer.text)
    await stack.step(journey.id, "settings", "waiting")


async def _offered(journey: Journey, name: str) -> list[Any]:
    return [
        action
        for step in (await journey.see())["steps"]
        for action in step["actions"]
        if action["name"] == name
    ]


def _fill(schema: dict[str, Any], root: dict[str, Any] | None = None) -> Any:
    """A body made from a schema alone."""
    root = root or schema
    if "$ref" in schema:
        return _fill(root["$defs"][schema["$ref"].split("/")[-1]], root)
    if "const" in schema:
        return schema["const"]
    if schema.get("default") not in (None, []):
        rows = schema["default"]
        if isinstance(rows, list) and rows and isinstance(rows[0], dict):
            return [{**row, **{k: "99.00" for k, v in row.items() if v is None}} for row in rows]
        return rows
    if "properties" in schema:
        required = schema.get("required", [])
        return {name: _fill(part, root) for name, part in schema["properties"].items() if name in required}
    if "anyOf" in schema:
        return _fill(schema["anyOf"][0], root)
    return "someone@armonia.example" if schema.get("format") == "email" else "Somebody"


async def test_a_fourth_partner_is_one_new_file_and_goes_live(
    settings: Settings, database: Database, temporal: Temporal, mails: Mails, tmp_path: Path
) -> None:
    folder = tmp_path / "partners"
    shutil.copytree(settings.partners_dir, folder)
    (folder / "carpatia.yaml").write_text(FOURTH, encoding="utf-8")
    theirs = settings.model_copy(update={"partners_dir": folder})
    async with stack_on(theirs, database, temporal, mails) as stack, stack.working():
        journey = await Journey(stack, "carpatia").begin()
        await stack.call("POST", f"/onboardings/{journey.id}/steps/contract/complete", json=EVIDENCE)
        for act in (journey.enable, journey.tick, journey.set_prices, journey.consent):
            await act()
        await stack.step(journey.id, "intent", "done")
        await journey.test_together()
        await journey.answer(await journey.newest_mail("activation"))
        await stack.until(journey.see, lambda seen: seen["status"] == "live")
