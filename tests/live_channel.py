"""A live channel beside the real partner: ways to change it, and to see what both sides hold."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from adapters.database import partner_health
from adapters.database.tables import Outbox
from tests.connections import Live
from tests.partners_sandbox import Sandbox
from tests.stack import Stack

Held = dict[str, tuple[int, str | None]]


@dataclass
class Channel:
    """One live connection, the product that serves it and the partner's system."""

    stack: Stack
    sandbox: Sandbox
    live: Live

    @property
    def slug(self) -> str:
        return self.live.playbook.slug

    async def connection(self) -> Any:
        return await self.stack.call("GET", f"/connections/{self.live.connection_id}")

    async def notices(self) -> list[dict[str, Any]]:
        """As Racord lists them, oldest first."""
        path = f"/connections/{self.live.connection_id}/notices"
        listed = await self.stack.call("GET", path, params={"limit": 200})
        return sorted(listed["items"], key=lambda one: int(one["number"]))

    async def rejected(self) -> set[str]:
        """Codes of the services that are shown as rejected by the partner."""
        path = f"/connections/{self.live.connection_id}/services"
        listed = await self.stack.call("GET", path, params={"limit": 200})
        return {one["code"] for one in listed["items"] if one["rejection"]}

    async def becomes(self, status: str) -> Any:
        """Waits for the connection's status; the connection as then seen."""
        return await self.stack.until(self.connection, lambda seen: seen["status"] == status)

    async def behave(self, mode: str, **more: Any) -> None:
        await self.sandbox.order(self.slug, "behave", mode=mode, **more)

    async def held(self) -> Held:
        """(minutes, price) by code, as the partner holds it."""
        found = await self.sandbox.held(self.slug, self.live.connection_id)
        return {c: (s["duration_minutes"], (s.get("price") or {}).get("amount")) for c, s in found.items()}

    async def holds(self, wanted: Held) -> None:
        """Waits until the partner holds exactly this."""
        await self.stack.until(self.held, lambda seen: seen == wanted)

    async def arrived(self) -> list[dict[str, Any]]:
        """What reached the partner, oldest first."""
        return await self.sandbox.deliveries(self.slug, self.live.connection_id)

    async def fell_on(self, tries: int) -> Any:
        """Waits until the waiting delivery was tried in vain so many times; the connection as then seen."""

        def failed(seen: Any) -> bool:
            waiting = seen["delivery"]
            return bool(waiting and waiting["tries"] >= tries and waiting["verdict"])

        return await self.stack.until(self.connection, failed)

    async def reached(self) -> None:
        """Another connection's delivery got through after an outage: what waits for its next try follows at once."""
        now = datetime.now(UTC)
        async with self.stack.database.transaction() as session:
            for tries in range(1, partner_health.TRIPS_AT + 1):
                await partner_health.failed(session, self.slug, "no answer", now, tries=tries)
            await partner_health.answered(session, self.slug, now)

    async def told(self) -> None:
        """Waits until every nudge went out to its workflow."""

        async def look() -> int:
            async with self.stack.database.transaction() as session:
                ask = select(func.count()).select_from(Outbox).where(Outbox.delivered_at.is_(None))
                return await session.scalar(ask) or 0

        await self.stack.until(look, lambda left: left == 0)

    async def enable(self, enabled: bool) -> None:
        path = f"/providers/{self.live.provider_id}/channels/{self.slug}"
        await self.stack.call("PATCH", path, json={"enabled": enabled})

    async def lasts(self, service_id: str, minutes: int) -> None:
        path = f"/providers/{self.live.provider_id}/services/{service_id}"
        await self.stack.call("PATCH", path, json={"duration_minutes": minutes})

    async def costs(self, prices: dict[str, str]) -> str | None:
        """Saves one price edit; its id, None where nothing changed."""
        rows = [{"service_id": id, "amount": amount, "currency": "RON"} for id, amount in prices.items()]
        path = f"/providers/{self.live.provider_id}/channels/{self.slug}/prices/set?confirm=true"
        answer = await self.stack.call("POST", path, json={"prices": rows})
        edit_id: str | None = answer["edit_id"]
        return edit_id

    async def offer(self, service_ids: list[str]) -> None:
        """The one physician receives for these."""
        path = f"/providers/{self.live.provider_id}/calendars"
        (kept,) = (await self.stack.call("GET", path))["items"]
        body = {name: kept[name] for name in ("physician", "weekly_hours", "exceptions")}
        await self.stack.call("PUT", f"{path}/cal_1", json={**body, "service_ids": service_ids})

    async def delete(self, service_id: str) -> None:
        path = f"/providers/{self.live.provider_id}/services/{service_id}"
        await self.stack.call("DELETE", path, (200, 204))
