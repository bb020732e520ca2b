"""A real mail server that answers as it is told; what the tests of mails send to."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from adapters.mail.smtp import Mailer
from tests.fakes import Gate
from tests.stack import settings_for


@dataclass
class MailServer:
    """A real SMTP server that answers as it is told, and remembers what it was asked and what it took.

    ``answers`` maps a recipient, `MAIL` or `DATA` to the reply; `drop` hangs up in the middle.
    """

    answers: dict[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    port: int = 0
    before_taking: Gate | None = None
    commands: list[str] = field(default_factory=list)
    taken: list[Envelope] = field(default_factory=list)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["MailServer"]:
        loop = asyncio.get_running_loop()

        def protocol() -> SMTP:
            offered = None if self.implicit_tls else self.tls
            return _Recording(self, hostname="mail.example", tls_context=offered, loop=loop)

        wrapped = self.tls if self.implicit_tls else None
        server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=wrapped)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    async def handle_MAIL(  # noqa: N802 - aiosmtpd names it
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802 - aiosmtpd names it
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.answers.get(address, "250 OK")
        if answer == "drop":
            _hang_up(server)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802 - aiosmtpd names it
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.before_taking:
            await self.before_taking.pass_through()
        answer = self.answers.get("DATA", f"250 2.0.0 Ok: queued as {len(self.taken) + 1}")
        if answer.startswith(("2", "drop")):
            self.taken.append(envelope)
        if answer == "drop":
            _hang_up(server)
        if answer == "silence":
            await asyncio.sleep(5)
        return answer


def _hang_up(server: SMTP) -> None:
    assert isinstance(server.transport, asyncio.WriteTransport)
    server.transport.abort()


class _Recording(SMTP):
    """Notes the commands that matter before they are answered."""

    def __init__(self, told: MailServer, **options: Any) -> None:
        self._told = told
        super().__init__(told, **options)

    async def smtp_MAIL(self, arg: str) -> None:  # noqa: N802 - aiosmtpd names it
        self._told.commands.append("MAIL")
        await super().smtp_MAIL(arg)

    async def smtp_RSET(self, arg: str) -> None:  # noqa: N802 - aiosmtpd names it
        self._told.commands.append("RSET")
        await super().smtp_RSET(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd names it
        self._told.commands.append("DATA")
        await super().smtp_DATA(arg)


def mailer(server: MailServer, trusted: ssl.SSLContext | None = None, **more: Any) -> Mailer:
    return Mailer(settings_for("postgresql://", "127.0.0.1:1", server.port, **more), trusted)
