"""Live changes: Postgres says which onboarding moved (LISTEN), every open page hears it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator

import psycopg
import structlog

from adapters.database.records import EVENTS_CHANNEL
from adapters.settings import Settings

log = structlog.get_logger()
RECONNECT_AFTER = 1.0
QUEUE = 100


class Live:
    """One LISTEN connection for the process, fanned out to its subscribers. A slow reader loses the oldest news."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.database_url
        self._readers: set[asyncio.Queue[dict[str, object]]] = set()

    async def run(self) -> None:
        """Listens until cancelled; a lost connection is opened again."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {EVENTS_CHANNEL}")
                    async for note in connection.notifies():
                        self._tell(json.loads(note.payload))
            except psycopg.Error as error:
                log.warning("live events lost their connection", error=str(error))
                await asyncio.sleep(RECONNECT_AFTER)

    def _tell(self, news: dict[str, object]) -> None:
        for reader in self._readers:
            if reader.full():
                reader.get_nowait()
            reader.put_nowait(news)

    @contextlib.contextmanager
    def subscribed(self) -> Iterator[asyncio.Queue[dict[str, object]]]:
        reader: asyncio.Queue[dict[str, object]] = asyncio.Queue(QUEUE)
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)


@contextlib.asynccontextmanager
async def running(live: Live) -> AsyncIterator[None]:
    """Keeps ``live`` listening while the block runs."""
    task = asyncio.create_task(live.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
