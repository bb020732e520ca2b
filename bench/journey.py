"""One provider from contract to live, through HTTP, SMTP and signed links, as people would do it (R1–R13)."""

import asyncio
import email
import email.policy
import re
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from pathlib import Path
from typing import TypeVar

from bench.load import BODY, post
from bench.stack import Stack, Ways

PARTNERS = ("generali", "europ-assistance", "global-assistance")
LINK = re.compile(r"https?://\S+(/l/[^\s>]+)")
SIGNED = {"name": "Mihai Pop", "role": "Integration lead"}
HOURS = [{"day": "mon", "from": "09:00", "to": "17:00"}]
PATIENCE = 30.0
T = TypeVar("T")


class StuckError(RuntimeError):
    """An onboarding did not get on; the text says where."""


class Journey:
    """Acts when the read model shows that it is time to."""

    def __init__(self, stack: Stack, ways: Ways, partner: str) -> None:
        self._ways = ways
        self._mail: Path = stack.mail
        self._partner = partner
        self._services: list[str] = []
        self._provider = self._id = ""

    async def go_live(self) -> str:
        """The id of the onboarding, which is live."""
        await self._begin()
        await self._act("contract", BODY)
        await self._step("intent")
        await self._prepare()
        await self._consent()
        await self._answer("settings")
        await self._answer("joint_test", mails=2)
        await self._answer("activation")
        await self._step("activation")
        return self._id

    async def _begin(self) -> None:
        clinic = {"name": "Clinica Armonia", "email": "contact@armonia.example", "locale": "ro"}
        self._provider = (await post(self._ways.http, "/providers", clinic))["id"]
        for code, name in (("CARD", "Consultație cardiologie"), ("ECO", "Ecografie abdominală")):
            service = {"code": code, "name": name, "duration_minutes": 30}
            made = await post(self._ways.http, f"/providers/{self._provider}/services", service)
            self._services.append(made["id"])
        start = {"provider_id": self._provider, "partner": self._partner}
        self._id = (await post(self._ways.http, "/onboardings", start))["id"]

    async def _prepare(self) -> None:
        """What the provider does itself, in the order that the partner wants (R4, R4a)."""
        calendar = {"physician": "Dr. Ionescu", "weekly_hours": HOURS, "exceptions": []}
        prices = [{"service_id": one, "amount": "250.00", "currency": "RON"} for one in self._services]
        calendars = f"/providers/{self._provider}/calendars/ionescu"
        acts = {
            "calendars": ("PUT", calendars, {**calendar, "service_ids": self._services}),
            "channel": ("PATCH", self._channel, {"enabled": True}),
            "services": ("PUT", f"{self._channel}/published", {"service_ids": self._services}),
            "prices": ("PUT", f"{self._channel}/prices", {"prices": prices}),
        }
        order = "channel services prices"
        if self._partner == "global-assistance":
            order = "calendars prices channel services"
        for step in order.split():
            await self._step(step, "waiting")
            method, path, body = acts[step]
            (await self._ways.http.request(method, f"/api/v1{path}", json=body)).raise_for_status()

    async def _consent(self) -> None:
        await self._step("consent", "waiting")
        path = f"{self._channel}/consent"
        declaration = (await self._ways.http.get(f"/api/v1{path}")).json()
        by = {"name": "Dr. Ana Ionescu", "role": "Administrator", "email": "ana@armonia.example"}
        await post(self._ways.http, path, {"version": declaration["version"], "accepted_by": by})

    async def _answer(self, step: str, *, mails: int = 1) -> None:
        """Everyone who was written to about the step says yes through the link in the mail."""
        for link in await self._links(step, mails):
            shown = (await self._ways.anybody.get(link, headers={"accept": "application/json"})).json()
            asked = shown["actions"][0]["schema"].get("$defs", {}).get("Scenarios", {}).get("properties", {})
            scenarios = {"scenarios": dict.fromkeys(asked, "passed")} if asked else {}
            body = {"action": "complete", **SIGNED, **scenarios}
            (await self._ways.anybody.post(link, json=body)).raise_for_status()

    async def _act(self, step: str, body: object) -> None:
        await post(self._ways.http, f"/onboardings/{self._id}/steps/{step}/complete", body)

    async def _step(self, key: str, state: str = "done") -> None:
        """Waits until the read model shows the step in that state."""

        async def reached() -> bool | None:
            seen = (await self._ways.http.get(f"/api/v1/onboardings/{self._id}")).json()
            return any(one["key"] == key and one["state"] == state for one in seen["steps"]) or None

        await self._until(f"{key} is {state}", reached)

    async def _links(self, step: str, count: int) -> list[str]:
        """Paths of the links in the mails about a step, once that many were sent and have arrived."""

        async def arrived() -> list[str] | None:
            ledger = (await self._ways.http.get(f"/api/v1/onboardings/{self._id}/mails")).json()["items"]
            sent = {row["message_id"] for row in ledger if row["step"] == step and row["state"] == "sent"}
            mails = [
                mail for mail in map(_read, sorted(self._mail.glob("*.eml"))) if mail["Message-ID"] in sent
            ]
            return [_link(mail) for mail in mails] if len(mails) >= count else None

        return await self._until(f"{count} mails about {step}", arrived)

    async def _until(self, what: str, look: Callable[[], Awaitable[T | None]]) -> T:
        try:
            async with asyncio.timeout(PATIENCE):
                while (found := await look()) is None:  # noqa: ASYNC110 - it is another process that is looked at
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise StuckError(f"{self._partner}, {self._id}: never came to this: {what}") from None
        return found

    @property
    def _channel(self) -> str:
        return f"/providers/{self._provider}/channels/{self._partner}"


def _read(path: Path) -> EmailMessage:
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def _link(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    found = LINK.search(part.get_content()) if part else None
    if found is None:
        raise StuckError(f"no link in the mail “{mail['Subject']}”")
    return found.group(1)
