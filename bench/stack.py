"""One stack of real parts for one measurement: started in a folder of its own, stopped and removed after it."""

import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx2
from temporalio.client import Client

from bench import processes
from bench.trace import VARIABLE
from embedded import process
from embedded.home import PROJECT, Home, public_url
from embedded.ports import answers, any_free, listens
from embedded.postgres import Postgres
from embedded.stack import catcher, cli
from embedded.temporal import TemporalServer

PATIENCE = 40.0
PARTNERS = PROJECT / "partners"
BENCH_PARTNERS = Path(__file__).with_name("partners")


class DidNotStartError(RuntimeError):
    """A part did not come up; the text names it and ends with the tail of its log."""


@dataclass(frozen=True)
class Ways:
    """How the load reaches the stack: HTTP as a manager, HTTP as anybody, Temporal."""

    http: httpx2.AsyncClient
    anybody: httpx2.AsyncClient
    temporal: Client


class Stack:
    """Postgres (durable) and Temporal (on file) run all the time; API and workers can be started anew."""

    def __init__(self, folder: Path) -> None:
        self._home = Home.open(folder)
        names = ("api", "postgres", "temporal", "temporal_http", "smtp")
        self._ports = {name: any_free() for name in names}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._postgres = Postgres(folder / "postgres", self._ports["postgres"])
        self._temporal = TemporalServer(
            folder / "temporal", self._ports["temporal"], http_port=self._ports["temporal_http"]
        )
        self.trace = folder / "trace"
        self.settings: dict[str, str] = {}

    def start(self) -> None:
        """Stores, mail catcher, migrations. Raises :class:`DidNotStartError`."""
        self._children["postgres"] = self._started(self._postgres)
        self._children["temporal"] = self._started(self._temporal)
        self._spawn(
            "catcher", catcher(self._ports["smtp"], self._home.mail), lambda: listens(self._ports["smtp"])
        )
        self._lay_out_partners()
        migrate = self._spawn("migrate", cli("migrate", "--api-key-file", str(self._home.api_key)))
        if migrate.wait(PATIENCE) != 0:
            raise DidNotStartError(self._story("migrate"))

    def work(self, *, traced: bool = False) -> None:
        """API, worker and the yardstick's worker, as fresh processes; ``traced``: with marks of time."""
        self.rest()
        module = (sys.executable, "-m")
        port = str(self._ports["api"])
        api = (*module, "bench.traced", "api", port) if traced else cli("api", "--port", port)
        worker = (*module, "bench.traced", "worker") if traced else cli("worker")
        bare = (*module, "bench.bare_worker", self._temporal.address, self._postgres.url)
        self._spawn("worker", worker, traced=traced)
        self._spawn("bare", bare, traced=traced)
        self._spawn("api", api, lambda: answers(f"{public_url(self._ports)}/readyz"), traced=traced)

    def rest(self) -> None:
        """Ends API and workers."""
        for name in ("api", "worker", "bare"):
            if child := self._children.pop(name, None):
                process.end(child, signal.SIGTERM, patience=6)

    def stop(self) -> None:
        """Ends everything that was started."""
        self.rest()
        if child := self._children.pop("catcher", None):
            process.end(child, signal.SIGTERM, patience=2)
        self._temporal.stop()
        self._postgres.remove()

    @asynccontextmanager
    async def reached(self) -> AsyncIterator[Ways]:
        """Kept connections; enough of them for 32 lanes and some more."""
        key = self._home.api_key.read_text().strip()
        # Shorter than the server keeps a resting connection: else both may give it up at the same moment.
        limits = httpx2.Limits(max_connections=64, max_keepalive_connections=64, keepalive_expiry=3)
        url = public_url(self._ports)
        async with (
            httpx2.AsyncClient(
                base_url=url, limits=limits, timeout=30, headers={"Authorization": f"Bearer {key}"}
            ) as http,
            httpx2.AsyncClient(base_url=url, limits=limits, timeout=30) as anybody,
        ):
            yield Ways(http, anybody, await Client.connect(self._temporal.address))

    @property
    def database_url(self) -> str:
        return self._postgres.url

    @property
    def mail(self) -> Path:
        """Where the caught messages lie."""
        return self._home.mail

    def pid(self, name: str) -> int:
        return self._children[name].pid

    def processor_seconds(self) -> dict[str, float]:
        """Processor time that each part has used so far, and the load (this process) too."""
        return {
            name: processes.seconds(self.pid(name))
            for name in ("api", "worker", "bare", "temporal", "postgres")
        } | {"load": processes.own_seconds()}

    async def quiet(self) -> None:
        """Waits until both workers have nothing left to do; raises TimeoutError when they never rest."""
        async with asyncio.timeout(120):
            calm = 0
            while calm < 2:
                before = processes.seconds(self.pid("worker")) + processes.seconds(self.pid("bare"))
                await asyncio.sleep(0.25)
                used = processes.seconds(self.pid("worker")) + processes.seconds(self.pid("bare")) - before
                calm = calm + 1 if used <= 0.02 else 0

    @property
    def _partners(self) -> Path:
        return self._home.folder / "partners"

    def _lay_out_partners(self) -> None:
        shutil.copytree(PARTNERS, self._partners)
        shutil.copytree(BENCH_PARTNERS, self._partners, dirs_exist_ok=True)

    def _started(self, server: Postgres | TemporalServer) -> subprocess.Popen[bytes]:
        server.prepare()
        child = server.spawn()
        if not process.wait_until(server.is_ready, PATIENCE):
            raise DidNotStartError(f"{server.name} did not start: see {server.log}")
        return child

    def _spawn(
        self,
        name: str,
        argv: tuple[str, ...],
        ready: Callable[[], bool] | None = None,
        *,
        traced: bool = False,
    ) -> subprocess.Popen[bytes]:
        own = {"RACORD_PARTNERS_DIR": str(self._partners), "RACORD_MAIL_DIR": str(self._home.mail)}
        own |= self.settings
        environment = self._home.environment(self._ports, self._postgres.url) | own
        if traced:
            environment[VARIABLE] = str(self.trace)
        child = process.spawn(argv, log=self._home.log(name), env=environment, cwd=PROJECT)
        self._children[name] = child
        if ready and not (
            process.wait_until(lambda: child.poll() is not None or ready(), PATIENCE) and ready()
        ):
            raise DidNotStartError(self._story(name))
        return child

    def _story(self, name: str) -> str:
        return f"{name} did not start:\n{self._home.log(name).read_text()[-3000:]}"


S = TypeVar("S", bound=Stack)


@asynccontextmanager
async def started(kind: type[S]) -> AsyncIterator[S]:
    """A stack that leaves nothing behind. Its folder is made where ``TMPDIR`` says."""
    folder = Path(tempfile.mkdtemp(prefix="racord-bench-"))
    stack = kind(folder)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
        shutil.rmtree(folder, ignore_errors=True)
