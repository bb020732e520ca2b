"""The catalogue's API on a real Postgres, asked over ASGI; no Temporal is needed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from fastapi import APIRouter, FastAPI

from adapters.database.access import create_api_key
from adapters.database.session import Database
from adapters.settings import Settings
from api import problems
from api.app import MAX_BODY, MAX_UPLOAD, UPLOADS, make_context
from api.body_limit import BodyLimit
from api.context import AppContext
from api.routes import (
    assigning,
    calendars,
    changes,
    channels,
    connection_notices,
    connection_steering,
    connections,
    consent,
    evidence,
    feed,
    onboardings,
    partners,
    people,
    providers,
    services,
    substitutions,
    task_views,
    tasks,
    ticks,
)

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
    """The routes of the catalogue and of live connections, with a manager's key."""
    app = FastAPI()
    app.add_middleware(BodyLimit, limit=MAX_BODY, uploads=UPLOADS, upload_limit=MAX_UPLOAD)
    problems.install(app)
    v1 = APIRouter(prefix="/api/v1")
    for module in (providers, services, calendars, partners, channels, consent, changes, ticks):
        v1.include_router(module.router)
    for module in (connections, connection_steering, connection_notices, evidence, feed, tasks, task_views):
        v1.include_router(module.router)
    for module in (assigning, onboardings, people, substitutions):
        v1.include_router(module.router)
    app.include_router(v1)
    app.state.context = context = await make_context(settings)
    async with database.transaction() as session:
        key = await create_api_key(session, "Ana Manager", "manager")
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.7", 1234))
    headers = {"Authorization": f"Bearer {key}", "Accept-Language": "en"}
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://racord.localhost", headers=headers
    ) as http:
        yield Client(http, context, database)
    await context.database.close()
