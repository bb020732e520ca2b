"""The yardstick's worker process, with the product's worker options: `python -m bench.bare_worker ADDRESS DATABASE`.

Its activity is as lean as it gets: a kept connection, one statement, committed by itself.
"""

import asyncio
import signal
import sys

import psycopg
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from bench import trace
from bench.bare_workflow import BARE_QUEUE, WRITE_ROW, BareWorkflow
from worker import CACHED_WORKFLOWS, TAKE_OVER_AFTER, workflow_runner

CONNECTIONS = 10
TABLE = "CREATE TABLE IF NOT EXISTS bench_rows (run text, step text, at timestamptz, PRIMARY KEY (run, step))"
INSERT = "INSERT INTO bench_rows VALUES (%s, %s, now()) ON CONFLICT DO NOTHING"


class Rows:
    """One table, a handful of connections."""

    def __init__(self) -> None:
        self._free: asyncio.Queue[psycopg.AsyncConnection[tuple[object, ...]]] = asyncio.Queue()

    async def connect(self, database_url: str) -> None:
        for _ in range(CONNECTIONS):
            connection = await psycopg.AsyncConnection.connect(database_url, autocommit=True)
            await connection.execute(TABLE)
            self._free.put_nowait(connection)

    @activity.defn(name=WRITE_ROW)
    async def write_row(self, run: str, step: str) -> None:
        connection = await self._free.get()
        try:
            await connection.execute(INSERT, [run, step])
        finally:
            self._free.put_nowait(connection)


async def work(address: str, database_url: str) -> None:
    """Works until SIGTERM."""
    rows = Rows()
    await rows.connect(database_url)
    client = await Client.connect(address, plugins=trace.plugins())
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Worker(
        client,
        task_queue=BARE_QUEUE,
        workflows=[BareWorkflow],
        activities=[rows.write_row],
        workflow_runner=workflow_runner(),
        sticky_queue_schedule_to_start_timeout=TAKE_OVER_AFTER,
        max_cached_workflows=CACHED_WORKFLOWS,
    ):
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
