"""The catalogue's API on a real Postgres, asked over ASGI; no Temporal is needed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from adapters.database.access import create_api_key
from adapters.database.session import Database
from adapters.settings import Settings
from api.app import make_context
from api.context import AppContext
from tests.apps import lent_app

CLINIC = {
    "name": "Clinica Test",
    "email": "office@clinic.example",
    "locale": "ro",
    "time_zone": "Europe/Bucharest",
    "contacts": [{"name": "Ioana", "role": "Administrator", "email": "ioana@clinic.example"}],
}
ACCEPTED_BY = {"name": "Ioana Mureșan", "role": "Administrator", "email": "ioana@clinic.example"}
HOURS = [{"day": "mon", "from": "09:00", "to": "17:00"}]


@dataclass
class Client:
    """Calls as one principal; others through :meth:`as_`."""

    http: httpx2.AsyncClient
    context: AppContext
    database: Database

    async def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        return await self.http.request(method, f"/api/v1{path}", **more)

    async def call(self, method: str, path: str, body: Any = None, expect: int = 200, **more: Any) -> Any:
        """The JSON of an answer with the status ``expect``."""
        answer = await self.ask(method, path, **({"json": body} if body is not None else {}), **more)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def problem(self, method: str, path: str, body: Any = None, expect: int = 422, **more: Any) -> Any:
        """A refusal: its problem, which names the thing and the mend."""
        found = await self.call(method, path, body, expect, **more)
        assert found["status"] == expect
        assert found["detail"]
        assert found["mend"]
        return found

    async def provider(self, **more: Any) -> str:
        made = await self.call("POST", "/providers", {**CLINIC, **more}, 201)
        return str(made["id"])

    async def service(self, provider_id: str, code: str = "ECO", minutes: int = 30) -> str:
        body = {"code": code, "name": f"Service {code}", "duration_minutes": minutes}
        made = await self.call("POST", f"/providers/{provider_id}/services", body, 201)
        return str(made["id"])

    async def key(
        self, role: str, provider_id: str | None = None, partner: str | None = None
    ) -> dict[str, Any]:
        """The headers of another principal's call."""
        async with self.database.transaction() as session:
            key = await create_api_key(session, role, role, provider_id, partner)
        return {"headers": {"Authorization": f"Bearer {key}"}}


@asynccontextmanager
async def serving(settings: Settings, database: Database) -> AsyncIterator[Client]:
    """The product's app with a manager's key, and without what listens to Postgres for open pages."""
    context = await make_context(settings)
    async with database.transaction() as session:
        key = await create_api_key(session, "Ana Manager", "manager")
    headers = {"Authorization": f"Bearer {key}", "Accept-Language": "en"}
    with lent_app(settings) as app:
        app.state.context = context
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.7", 1234))
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://racord.localhost", headers=headers
        ) as http:
            yield Client(http, context, database)
    await context.database.close()
