"""A partner's system on a real socket that answers as it is told; what the tests of the partner client speak to."""

import asyncio
import base64
import hmac
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from adapters.partners.endpoints import PartnerEndpoint

Answering = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Received:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


def reply(status: int, body: bytes = b"", **headers: str) -> bytes:
    """An HTTP answer; ``retry_after="5"`` becomes the header `retry-after`."""
    named = {**headers, "content_length": str(len(body))}
    lines = [
        f"HTTP/1.1 {status} Said",
        *(f"{name.replace('_', '-')}: {text}" for name, text in named.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def json_reply(body: Any, status: int = 200) -> bytes:
    return reply(status, json.dumps(body).encode(), content_type="application/json")


@dataclass
class PartnerServer:
    """Answers every request with ``answer``: bytes, or what writes them."""

    answer: bytes | Answering = b""
    tls: ssl.SSLContext | None = None
    port: int = 0
    connections: int = 0
    received: list[Received] = field(default_factory=list)
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["PartnerServer"]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            await server.wait_closed()

    def endpoint(self, *secrets: str, host: str = "127.0.0.1") -> PartnerEndpoint:
        scheme = "https" if self.tls else "http"
        return PartnerEndpoint.model_validate(
            {"url": f"{scheme}://{host}:{self.port}/racord", "secrets": secrets}
        )

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.connections += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while not writer.is_closing():
                self.received.append(await _request(reader))
                await self._respond(writer)
        writer.close()
        with suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError):
            await writer.wait_closed()
        self._open.discard(task)

    async def _respond(self, writer: asyncio.StreamWriter) -> None:
        if isinstance(self.answer, bytes):
            writer.write(self.answer)
            await writer.drain()
        else:
            await self.answer(writer)


async def _request(reader: asyncio.StreamReader) -> Received:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers = {name.lower(): text for name, text in (line.split(": ", 1) for line in lines)}
    method, target, _ = first.split(" ")
    return Received(
        method, target, headers, await reader.readexactly(int(headers.get("content-length", "0")))
    )


def signature_by(secret: str, request: Received) -> str:
    """What Standard Webhooks 1.0 wants as the signature, computed without any library of ours or theirs."""
    content = (
        f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    )
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.digest(key, content, sha256)).decode()
