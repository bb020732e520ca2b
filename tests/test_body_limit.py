"""A body that is too large is refused at once, over a real connection, whatever it says of its size."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.database.access import create_api_key
from adapters.database.session import Database
from api.app import MAX_BODY, create_app, make_context
from tests.stack import settings_for
from tests.test_stream import listening

PIECE = 64 * 1024
TWO_GIGABYTES = 2 * 1024**3
IMPORT = "/api/v1/providers/prv_x/channels/generali/prices/import"


class Taken:
    """ASGI middleware: how many bytes of bodies the app took from the server."""

    def __init__(self, app: ASGIApp, counts: list[int]) -> None:
        self._app, self._counts = app, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted() -> Message:
            message = await receive()
            self._counts.append(len(message.get("body", b"")))
            return message

        await self._app(scope, counted, send)


@dataclass
class Line:
    """A connection to the app behind a real server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    key: str
    taken: list[int]

    def begin(self, path: str, *headers: str) -> None:
        head = (
            f"POST {path} HTTP/1.1",
            "Host: racord.localhost",
            f"Authorization: Bearer {self.key}",
            "Content-Type: multipart/form-data; boundary=x" if path == IMPORT else "Content-Type: application/json",
            *headers,
        )  # fmt: skip
        self.writer.write("\r\n".join([*head, "", ""]).encode())

    async def piece(self) -> None:
        self.writer.write(f"{PIECE:x}\r\n".encode() + b"x" * PIECE + b"\r\n")
        await self.writer.drain()

    async def go_on_for_ever(self) -> None:
        while True:
            await self.piece()


@pytest.fixture
async def line(database: Database, postgres_url: str) -> AsyncIterator[Line]:
    settings = settings_for(postgres_url, "127.0.0.1:1", 1)
    app, taken = create_app(settings), list[int]()
    app.add_middleware(Taken, counts=taken)
    app.state.context = await make_context(settings)
    async with database.transaction() as session:
        key = await create_api_key(session, "Ana Manager", "manager")
    async with listening(app) as address, asyncio.timeout(60), _connected(address) as (reader, writer):
        yield Line(reader, writer, key, taken)
    await app.state.context.database.close()


@asynccontextmanager
async def _connected(address: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    where = urlsplit(address)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    yield reader, writer
    writer.close()


def must_be_too_large(answer: bytes) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in head
    found = json.loads(body)
    assert (found["code"], found["status"]) == ("too-large", 413)
    assert found["mend"]


@pytest.mark.parametrize("path", [IMPORT, "/api/v1/providers", "/l/x"])
async def test_two_gigabytes_are_refused_by_what_they_say_of_themselves(line: Line, path: str) -> None:
    line.begin(path, f"Content-Length: {TWO_GIGABYTES}")
    must_be_too_large(await line.reader.read())  # to the end: the server hung up, and nothing was sent
    assert line.taken == []


@pytest.mark.parametrize("path", [IMPORT, "/api/v1/providers"])
async def test_a_body_that_never_ends_is_refused_once_it_is_too_large(line: Line, path: str) -> None:
    line.begin(path, "Transfer-Encoding: chunked")
    for _ in range(MAX_BODY // PIECE + 1):
        await line.piece()
    must_be_too_large(await line.reader.read())
    assert MAX_BODY < sum(line.taken) <= MAX_BODY + 4 * PIECE
    with pytest.raises(ConnectionError):
        await line.go_on_for_ever()
