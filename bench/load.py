"""The two that are compared, driven alike: Racord over HTTP, and the bare workflow through Temporal's client."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any, Protocol

import httpx2
import psycopg

from bench.bare_workflow import BARE_QUEUE, BareWorkflow
from bench.stack import Stack, Ways

BODY = {"evidence": {"document": "Contract 118/2026", "date": "2026-02-27"}, "note": "Signed in Cluj"}
HANDS = 16


class NotShownError(RuntimeError):
    """A command was answered before what it did could be seen: the figures would be worth nothing."""


class Contestant(Protocol):
    """Something that is carried through eight steps, one command each."""

    name: str

    async def open(self, count: int) -> Sequence[str]:
        """Starts that many runs; their ids."""
        ...

    async def command(self, run: str, step: int) -> None:
        """Does one step (1 to 8); answers when it is done and written."""
        ...

    async def check(self, run: str, step: int) -> None:
        """Raises :class:`NotShownError` unless Postgres shows that the step is done."""
        ...


class Racord:
    """Onboardings of the bench playbook, through the public API."""

    name = "racord"

    def __init__(self, ways: Ways) -> None:
        self._http = ways.http

    async def open(self, count: int, partner: str = "bench") -> Sequence[str]:
        return await gathered([self._start(partner) for _ in range(count)])

    async def command(self, run: str, step: int) -> None:
        answer = await self._http.post(
            f"/api/v1/onboardings/{run}/steps/step_{step}/complete",
            json=BODY,
            headers={"Idempotency-Key": secrets.token_hex(16)},
        )
        if answer.status_code != 200:
            raise NotShownError(f"step {step} of {run} was answered with {answer.status_code}: {answer.text}")

    async def check(self, run: str, step: int) -> None:
        seen = (await self._http.get(f"/api/v1/onboardings/{run}")).json()
        if [one["state"] for one in seen["steps"][:step]] != ["done"] * step:
            raise NotShownError(f"step {step} of {run} is not shown as done: {seen}")

    async def _start(self, partner: str) -> str:
        """A provider of its own for each: one that is open or live at a partner already is refused."""
        body = {"name": "Clinica Armonia", "email": "contact@armonia.example"}
        provider = await post(self._http, "/providers", body)
        start = {"provider_id": provider["id"], "partner": partner}
        return str((await post(self._http, "/onboardings", start))["id"])


class Bare:
    """Bare workflows."""

    name = "bare"

    def __init__(self, ways: Ways, stack: Stack) -> None:
        self._client = ways.temporal
        self._database_url = stack.database_url
        self._connection: psycopg.AsyncConnection[tuple[Any, ...]] | None = None

    async def open(self, count: int) -> Sequence[str]:
        return await gathered([self._start() for _ in range(count)])

    async def command(self, run: str, step: int) -> None:
        handle = self._client.get_workflow_handle(run)
        await handle.execute_update(BareWorkflow.step, f"step_{step}", id=secrets.token_hex(16))

    async def check(self, run: str, step: int) -> None:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(self._database_url, autocommit=True)
        found = await self._connection.execute("SELECT count(*) FROM bench_rows WHERE run = %s", [run])
        row = await found.fetchone()
        if row is None or row[0] != step:
            raise NotShownError(f"step {step} of {run} is not in the database: {row}")

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def _start(self) -> str:
        run = f"bench:{secrets.token_hex(8)}"
        await self._client.start_workflow(BareWorkflow.run, id=run, task_queue=BARE_QUEUE)
        return run


async def gathered(work: Sequence[Any]) -> list[Any]:
    """All results in order, :data:`HANDS` at a time."""
    hands = asyncio.Semaphore(HANDS)

    async def one(task: Any) -> Any:
        async with hands:
            return await task

    return await asyncio.gather(*(one(task) for task in work))


async def post(http: httpx2.AsyncClient, path: str, body: object) -> Any:
    """A call that prepares the ground; anything but success ends the measurement."""
    answer = await http.post(f"/api/v1{path}", json=body)
    answer.raise_for_status()
    return answer.json()
