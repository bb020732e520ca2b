"""300 live connections, and a partner that dies: what the others notice of it (R15). `python -m bench.dead_partner`

Times are those of this process: from the commit of a change until Postgres shows that the partner acknowledged it.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import median, quantiles

import psycopg
from sqlalchemy import TextClause, text

from adapters.database import connections
from adapters.database.session import Database
from bench.live_connections import Clinic
from bench.live_stack import HEALTHY, THIRD, LiveStack
from bench.load import NotShownError

STATES = ("healthy", "refused", "hanging")
LOOK_EVERY = 0.02
PATIENCE = 90.0
LET_OFF_EVERY = 1.0
_ACKNOWLEDGED = """
    SELECT connection_id, (acknowledged ->> 'duration_minutes')::integer
    FROM connection_services WHERE service_id = ANY(%s) AND connection_id = ANY(%s)
"""
_FORGIVEN = text(
    "UPDATE partner_health SET failures = 0, failing_since = NULL, open_until = NULL WHERE partner = :slug"
)
_AT_ONCE = text(
    """
    UPDATE deliveries d SET next_try_at = NULL FROM connections c
    WHERE c.id = d.connection_id AND c.partner = :slug AND d.state = 'waiting' AND d.next_try_at > now() RETURNING c.id
    """
)
_WAITING = text("SELECT count(*) FROM deliveries WHERE state = 'waiting'")
_TAKEN = text("SELECT count(*) FROM deliveries WHERE connection_id = :connection AND state = 'taken'")
_OTHER_PRICES = text(
    """
    SELECT count(*) FROM connection_services WHERE connection_id = :connection
        AND acknowledged -> 'price' ->> 'amount' IS DISTINCT FROM :amount
    """
)
_UNTOLD = text("SELECT count(*) FROM connections WHERE sequence = 0")


@dataclass(frozen=True)
class Load:
    """``changes`` in a round, each at a clinic that is live at all three partners, at so many a second."""

    blocks: int = 3
    clinics: int = 100
    changes: int = 30
    per_second: float = 1.5
    large: int = 10_000


@dataclass(frozen=True)
class Delay:
    """Seconds from commit to acknowledgement, of one round's changes at the two healthy partners.

    ``processor``: milliseconds of worker, Temporal and Postgres in the round, for each change of a clinic.
    """

    p50: float
    p95: float
    count: int
    processor: float


@dataclass
class Delays:
    """One entry a block, by the state of the third partner; ``large`` are the seconds of each whole-list edit."""

    rounds: dict[str, list[Delay]] = field(default_factory=lambda: {state: [] for state in STATES})
    large: list[float] = field(default_factory=list)


class Watch:
    """Looks again and again at what was acknowledged, and notes when."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waits: dict[str, tuple[int, float, str]] = {}
        self.taken: list[float] = []

    def expect(self, connection_id: str, service_id: str, minutes: int, since: float) -> None:
        self._waits[connection_id] = (minutes, since, service_id)

    @property
    def is_done(self) -> bool:
        return not self._waits

    async def run(self) -> None:
        """Runs until cancelled."""
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            while True:
                await self._look(connection)
                await asyncio.sleep(LOOK_EVERY)

    async def _look(self, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        services = sorted({service for _, _, service in self._waits.values()})
        found = await connection.execute(_ACKNOWLEDGED, [services, list(self._waits)])
        rows = await found.fetchall()
        now = time.perf_counter()
        for connection_id, minutes in rows:
            wanted = self._waits.get(str(connection_id))
            if wanted is not None and wanted[0] == minutes:
                del self._waits[str(connection_id)]
                self.taken.append(now - wanted[1])


class Bench:
    """Rounds on one running stack."""

    def __init__(self, stack: LiveStack, database: Database, clinics: Sequence[Clinic], load: Load) -> None:
        self._stack = stack
        self._database = database
        self._clinics = clinics
        self._load = load
        self._minutes = 30

    async def round(self, state: str) -> Delay:
        """The same load whatever the third partner does; it has caught up again before this answers."""
        if state == "refused":
            self._stack.third_is_killed()
        elif state == "hanging":
            self._stack.third_behaves("hang")
        watch, used = Watch(self._stack.database_url), self._stack.used()
        looking = asyncio.create_task(watch.run())
        try:
            await self._changes(watch)
            async with asyncio.timeout(PATIENCE):
                while not watch.is_done:  # noqa: ASYNC110 - it is another process's doing
                    await asyncio.sleep(LOOK_EVERY)
        finally:
            looking.cancel()
        used = 1000 * (self._stack.used() - used) / self._load.changes
        if state != "healthy":
            self._stack.third_is_back()
        await self.caught_up()
        return Delay(median(watch.taken), quantiles(watch.taken, n=20)[-1], len(watch.taken), used)

    async def caught_up(self) -> None:
        """Everybody has everything; what waits for its time does so no longer.

        A push that was under way when the partner came back may fail afterwards: it is let off its wait too.
        """
        async with asyncio.timeout(PATIENCE):
            while await self._count(_WAITING) or await self._count(_UNTOLD):
                async with self._database.transaction() as session:
                    await session.execute(_FORGIVEN, {"slug": THIRD})
                    await connections.nudge(session, list(await session.scalars(_AT_ONCE, {"slug": THIRD})))
                await asyncio.sleep(LET_OFF_EVERY)

    async def _changes(self, watch: Watch) -> None:
        """At even distances, whether or not the earlier ones have arrived."""
        self._minutes += 1
        chosen = random.Random(self._minutes).sample(self._clinics, self._load.changes)
        begun = time.perf_counter()
        for number, clinic in enumerate(chosen):
            await asyncio.sleep(max(0, begun + number / self._load.per_second - time.perf_counter()))
            await clinic.change_duration(self._minutes)
            now = time.perf_counter()
            for slug in HEALTHY:
                watch.expect(clinic.connections[slug], clinic.first, self._minutes, now)

    async def large(self, clinic: Clinic, amount: Decimal) -> float:
        """Seconds from the commit of an edit of every price until the partner has all of them, in one delivery."""
        (partner, connection_id), *_ = clinic.connections.items()
        before = await self._count(_TAKEN, connection=connection_id)
        await clinic.change_prices(partner, amount)
        begun = time.perf_counter()
        async with asyncio.timeout(PATIENCE):
            while await self._count(_TAKEN, connection=connection_id) == before:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_EVERY)
        took = time.perf_counter() - begun
        if await self._count(_OTHER_PRICES, connection=connection_id, amount=f"{amount:.2f}"):
            raise NotShownError("one delivery did not bring all prices")
        return took

    async def _count(self, ask: TextClause, **given: object) -> int:
        async with self._database.transaction() as session:
            return int(await session.scalar(ask, given) or 0)
