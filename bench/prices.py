"""20,000 prices on three channels in one transaction, beside a bare ``COPY`` of the same rows (R8)."""

import asyncio
import json
import resource
import statistics
import subprocess
import sys
import time
from decimal import Decimal
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.database.catalogue import create_provider, lock
from adapters.database.migrate import MIGRATIONS
from adapters.database.price_edits import By, Wanted, save
from adapters.database.session import Database
from domain.model import SYSTEM
from domain.prices import Priced, Source
from embedded.postgres import temporary

ROWS = 20_000
PARTNERS = ("generali", "europ-assistance", "global-assistance")
ROUNDS = 5
_SERVICES = """
    INSERT INTO services (id, provider_id, code, name, duration_minutes, version)
    SELECT %(provider)s || '-' || n, %(provider)s, 'C' || n, 'Name ' || n, 30, 1 FROM generate_series(1, %(rows)s) n
"""


def measure(postgres_url: str) -> dict[str, Any]:
    """Medians, in seconds, on a migrated database: ``first`` edit, one that ``changes`` every price, ``copy``.

    ``copy`` puts the same rows into a table like ``prices``, its key and its foreign key included. ``ratio`` is
    first ÷ copy of the same round, their median. ``memory_mb`` is this process's peak after all of it.
    """
    rounds = [asyncio.run(_round(postgres_url, number)) for number in range(ROUNDS)]
    median = {name: round(statistics.median(one[name] for one in rounds), 3) for name in rounds[0]}
    ratios = [one["first"] / one["copy"] for one in rounds]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "rows": ROWS * len(PARTNERS),
        **median,
        "ratio": round(statistics.median(ratios), 2),
        "ratio_changes": round(statistics.median(one["changes"] / one["copy"] for one in rounds), 2),
        "memory_mb": round(peak, 1),
    }


async def _round(postgres_url: str, number: int) -> dict[str, float]:
    engine = create_async_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://", 1))
    database = Database(engine)
    try:
        async with database.transaction() as session:
            made = await create_provider(
                session, name=f"Bench {number}", email="bench@clinic.example", locale="ro",
                time_zone="Europe/Bucharest", country="RO", contacts=[],
            )  # fmt: skip
        async with await psycopg.AsyncConnection.connect(postgres_url) as plain:
            await plain.execute(_SERVICES, {"provider": made.id, "rows": ROWS})
            await plain.commit()
            copy = await _copied(plain, made.id)
        return {
            "first": await _edited(database, made.id, Decimal(120)),
            "changes": await _edited(database, made.id, Decimal(125)),
            "copy": copy,
        }
    finally:
        await database.close()


async def _edited(database: Database, provider_id: str, amount: Decimal) -> float:
    prices = [Priced(f"{provider_id}-{n}", amount, "RON") for n in range(1, ROWS + 1)]
    begun = time.perf_counter()
    async with database.transaction() as session:
        await lock(session, provider_id)
        wanted = dict.fromkeys(PARTNERS, Wanted(prices, replace=True))
        await save(session, provider_id, wanted, By(SYSTEM, Source.PUT))
    return time.perf_counter() - begun


async def _copied(plain: psycopg.AsyncConnection[Any], provider_id: str) -> float:
    await plain.execute("DROP TABLE IF EXISTS prices_bare")
    await plain.execute("CREATE TABLE prices_bare (LIKE prices INCLUDING ALL)")
    await plain.execute("ALTER TABLE prices_bare ADD FOREIGN KEY (service_id) REFERENCES services (id)")
    await plain.commit()
    begun = time.perf_counter()
    async with plain.cursor() as cursor:
        into = "COPY prices_bare (provider_id, partner, service_id, amount, currency) FROM STDIN"
        async with cursor.copy(into) as copy:
            for partner in PARTNERS:
                for n in range(1, ROWS + 1):
                    await copy.write_row((provider_id, partner, f"{provider_id}-{n}", Decimal(120), "RON"))
    await plain.commit()
    took = time.perf_counter() - begun
    await plain.execute("DROP TABLE prices_bare")
    await plain.commit()
    return took


def in_a_process_of_its_own() -> dict[str, Any]:
    """:func:`measure` on a fresh cluster, so that its memory is its own."""
    ran = subprocess.run(
        [sys.executable, "-m", "bench.prices"], stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def main() -> None:
    with temporary() as server:
        upgraded(server.url)
        print(json.dumps(measure(server.url)))


def upgraded(postgres_url: str) -> None:
    """Brings the empty database to the product's own schema."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = postgres_url.replace("postgresql://", "postgresql+psycopg://", 1)
    command.upgrade(config, "head")


if __name__ == "__main__":
    main()
