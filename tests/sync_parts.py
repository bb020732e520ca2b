"""What runs beside a story: the worker and the relay, which stop, start again, and die."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from adapters.relay import Relay, running
from tests.stack import Stack
from tests.test_outages import WorkerProcess
from worker import make_worker


@dataclass
class Parts:
    """``spawn`` starts the worker as a process of its own, which is killed in the middle of what it does; without it
    the worker is in this one, and only ever stops in order.
    """

    stack: Stack
    spawn: Callable[[], WorkerProcess] | None = None
    _process: WorkerProcess | None = None
    _worker: AsyncExitStack | None = None
    _relay: AsyncExitStack | None = None

    @property
    def work(self) -> bool:
        return self._relay is not None and (self._worker is not None or self._process is not None)

    async def worker(self) -> None:
        """Stops, or starts again."""
        if self._process is not None:
            self.kill()
        elif self._worker is not None:
            await self._worker.aclose()
            self._worker = None
        elif self.spawn is not None:
            self._process = self.spawn()
        else:
            self._worker = AsyncExitStack()
            made = make_worker(self.stack.settings, self.stack.database, self.stack.temporal)
            await self._worker.enter_async_context(made)

    def kill(self) -> None:
        """SIGKILL, where it is a process and runs."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    async def relay(self) -> None:
        """Stops, or starts again."""
        if self._relay is not None:
            await self._relay.aclose()
            self._relay = None
        else:
            self._relay = AsyncExitStack()
            made = running(Relay(self.stack.settings, self.stack.database, self.stack.temporal))
            await self._relay.enter_async_context(made)

    async def all_on(self) -> None:
        if self._worker is None and self._process is None:
            await self.worker()
        if self._relay is None:
            await self.relay()

    async def all_off(self) -> None:
        self.kill()
        for part in (self._worker, self._relay):
            if part is not None:
                await part.aclose()
