"""Racord on real parts, in one process: what journeys and workflow tests stand on.

Postgres, Temporal and the SMTP server are real servers; the API is asked over ASGI; the worker is the product's own.
"""

import asyncio
import atexit
import email
import email.policy
import functools
import re
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx2
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI

from adapters.database.access import create_api_key
from adapters.database.session import Database
from adapters.relay import Relay, running
from adapters.settings import Settings
from adapters.temporal import Temporal
from adapters.temporal_bootstrap import bootstrap
from domain.names import onboarding_workflow_id
from embedded.catcher import Mailbox
from embedded.temporal import TemporalServer
from tests.apps import lent_app
from worker import make_worker

PATIENCE = 60.0  # seconds; long, as only a failure takes it
PDF = b"%PDF-1.7\nsigned\n%%EOF\n"
LINK = re.compile(r"https?://[^\s]+/l/([^\s>]+)")


@dataclass
class Mails:
    """The SMTP server's mailbox: a real server on loopback, its messages as files.

    By recipient: ``refusals`` are answers, and until an event of ``slow`` is set, there is none.
    """

    folder: Path
    port: int = 0
    refusals: dict[str, str] = field(default_factory=dict)
    slow: dict[str, asyncio.Event] = field(default_factory=dict)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Mails"]:
        loop = asyncio.get_running_loop()
        box = _Choosy(self.folder, self.refusals, self.slow)
        server = await loop.create_server(
            lambda: SMTP(box, hostname="mail.example", enable_SMTPUTF8=True, loop=loop), "127.0.0.1", 0
        )
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    def all(self) -> list[EmailMessage]:
        """Every message caught so far, oldest first."""
        return [
            email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            for path in sorted(self.folder.glob("*.eml"))
        ]

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.all() if address in mail.get_all("X-Envelope-To", [])]


class _Choosy(Mailbox):
    """A mailbox that takes nothing, or takes its time, for whom it is told to."""

    def __init__(self, folder: Path, refusals: Mapping[str, str], slow: Mapping[str, asyncio.Event]) -> None:
        super().__init__(folder)
        self._refusals = refusals
        self._slow = slow

    async def handle_RCPT(  # noqa: N802 - aiosmtpd names it
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self._slow:
            await self._slow[address].wait()
        if address in self._refusals:
            return self._refusals[address]
        return await super().handle_RCPT(server, session, envelope, address, options)


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def link_in(mail: EmailMessage) -> str:
    """The path of the signed link in a mail."""
    found = LINK.search(text_of(mail))
    assert found, f"no link in: {text_of(mail)}"
    return f"/l/{found.group(1)}"


@dataclass
class Stack:
    """The product's parts, wired as in production, and short ways to drive them."""

    settings: Settings
    database: Database
    temporal: Temporal
    mails: Mails
    app: FastAPI
    key: str
    http: httpx2.AsyncClient
    anybody: httpx2.AsyncClient
    _workers: list[Any] = field(default_factory=list)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """A worker and the relay run while the block runs."""
        async with (
            make_worker(self.settings, self.database, self.temporal),
            running(Relay(self.settings, self.database, self.temporal)),
        ):
            yield

    async def call(
        self, method: str, path: str, expect: int | tuple[int, ...] = (200, 201), **more: Any
    ) -> Any:
        """An API call as manager; the JSON of an answer with one of the statuses ``expect``.

        As the API asks of its callers, what was only noted, for the worker is slow, is sent again with the same key.
        """
        wanted = (expect,) if isinstance(expect, int) else expect
        more["headers"] = {"Idempotency-Key": secrets.token_hex(8), **more.get("headers", {})}
        give_up_at = asyncio.get_running_loop().time() + PATIENCE
        while True:
            answer = await self.http.request(method, f"/api/v1{path}", **more)
            late = asyncio.get_running_loop().time() > give_up_at
            if answer.status_code != 202 or 202 in wanted or late:
                break
        assert answer.status_code in wanted, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def evidence(self, onboarding_id: str, content: bytes = PDF, name: str = "Contract.pdf") -> str:
        """Uploads a file as manager; its id."""
        path, files = f"/onboardings/{onboarding_id}/evidence", {"file": (name, content)}
        return str((await self.call("POST", path, files=files))["id"])

    async def until(
        self, look: Callable[[], Awaitable[Any]], holds: Callable[[Any], bool], *, patience: float = PATIENCE
    ) -> Any:
        """Looks until it holds; fails with the last thing seen."""
        seen: Any = None
        try:
            async with asyncio.timeout(patience):
                while not holds(seen := await look()):  # noqa: ASYNC110 - it is another process's doing
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"it never held; last seen: {seen}") from None
        return seen

    async def over(self, onboarding_id: str) -> None:
        """Waits until its workflow has ended: of a cancelled one, until everybody was told."""
        id = onboarding_workflow_id(onboarding_id)
        await self.temporal.client.get_workflow_handle(id).result()

    async def onboarding(self, onboarding_id: str) -> Any:
        return await self.call("GET", f"/onboardings/{onboarding_id}")

    async def step(self, onboarding_id: str, key: str, *states: str) -> Any:
        """Waits until the step is in one of ``states``; the onboarding as then seen."""

        def reached(seen: Any) -> bool:
            return any(s["key"] == key and s["state"] in states for s in seen["steps"])

        return await self.until(lambda: self.onboarding(onboarding_id), reached)

    async def mail_to(self, address: str, count: int = 1) -> EmailMessage:
        """Waits for the ``count``-th mail to an address and answers with the newest."""

        async def look() -> list[EmailMessage]:
            return self.mails.to(address)

        found: list[EmailMessage] = await self.until(look, lambda seen: len(seen) >= count)
        return found[-1]


@functools.cache
def _evidence_folder() -> Path:
    """One for a test process: equal contents are one file anyway."""
    folder = tempfile.TemporaryDirectory(prefix="racord-evidence-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


async def bootstrapped(server: TemporalServer) -> Temporal:
    """A client of a namespace that has all it needs."""
    temporal = await Temporal.connect(settings_for("postgresql://", server.address, 1), lazy=False)
    await bootstrap(temporal.client)
    return temporal


def settings_for(postgres_url: str, temporal_address: str, smtp_port: int, **more: Any) -> Settings:
    values: dict[str, Any] = {
        "database_url": postgres_url,
        "temporal_address": temporal_address,
        "public_url": "http://racord.localhost",
        "secret_keys": (secrets.token_hex(32),),
        "smtp_host": "127.0.0.1",
        "smtp_port": smtp_port,
        "smtp_security": "none",
        "mail_from": "racord@racord.example",
        "support_email": "suport@programari.example",
        "evidence_dir": _evidence_folder(),
        "log_format": "text",
    }
    return Settings(**{**values, **more})


@asynccontextmanager
async def stack_on(
    settings: Settings, database: Database, temporal: Temporal, mails: Mails
) -> AsyncIterator[Stack]:
    """Everything but the worker."""
    with lent_app(settings) as app:
        async with app.router.lifespan_context(app), database.transaction() as session:
            key = await create_api_key(session, "tests", "manager")
            await session.commit()
            transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
            async with (
                httpx2.AsyncClient(
                    transport=transport,
                    base_url=settings.public_url,
                    headers={"Authorization": f"Bearer {key}"},
                ) as http,
                httpx2.AsyncClient(transport=transport, base_url=settings.public_url) as anybody,
            ):
                yield Stack(settings, database, temporal, mails, app, key, http, anybody)
