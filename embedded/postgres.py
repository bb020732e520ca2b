"""A real Postgres of our own: made on first use, on loopback, recovering from any kill."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql

from embedded import postgres_place, process
from embedded.lock import Lock
from embedded.ports import LOOPBACK, any_free
from embedded.postgres_place import Place, PostgresUnavailableError

ROLE = DATABASE = "racord"
SUPERUSER = "postgres"
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "256MB",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
}
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class Postgres:
    """The cluster in ``folder``, started with :meth:`start` or in the pieces that a supervisor wants.

    One process at a time may have it started (:class:`embedded.lock.AlreadyLockedError`). ``durable=False``
    is for tests: a kill loses nothing, a power cut may.
    """

    name = "postgres"
    needs: tuple[str, ...] = ()
    once = False
    settling = 0.0
    stop_signal = signal.SIGINT  # "fast": sessions are ended, data is written

    def __init__(
        self, folder: Path, port: int | None = None, *, durable: bool = True, log: Path | None = None
    ) -> None:
        self.folder = folder.absolute()
        self.port = port or any_free()
        self._settings = SETTINGS if durable else SETTINGS | NOT_DURABLE
        self._durable = durable
        self.log = log or self.folder / "postgres.log"
        self._lock = Lock(self.folder / "lock")
        self._place: Place | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """For the owner of the database ``racord``, who may also create databases."""
        return self._url(ROLE, "password", DATABASE)

    @property
    def admin_url(self) -> str:
        return self._url(SUPERUSER, "admin-password", "postgres")

    def prepare(self) -> None:
        """Take the lock, end what an earlier kill left behind, make the cluster if there is none."""
        self._place = place = postgres_place.resolve(self.folder)
        self._end_leftovers(place.data)
        self._lock.acquire(patience=10)
        if not place.data.exists():
            self._create(place)

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the server; :meth:`prepare` went before."""
        assert self._place is not None
        assert self._lock.descriptor is not None
        self._end_leftovers(self._place.data)
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        self._process = process.spawn(
            [
                str(self._place.programs / "bin" / "postgres"),
                "-D",
                str(self._place.data),
                "-p",
                str(self.port),
                *options,
            ],
            log=self.log,
            cwd=Path("/"),
            owner=self._place.owner,
            keep=[self._lock.descriptor],
            death_signal=signal.SIGINT,
        )
        return self._process

    def is_ready(self) -> bool:
        """Whether the database ``racord`` answers; the first time, it is created."""
        try:
            with psycopg.connect(self.admin_url, connect_timeout=2, autocommit=True) as connection:
                self._provide_database(connection)
        except psycopg.OperationalError:
            return False
        return True

    def start(self, patience: float = 30) -> Self:
        self.prepare()
        server = self.spawn()
        if (
            not process.wait_until(lambda: server.poll() is not None or self.is_ready(), patience)
            or server.poll() is not None
        ):
            self.stop()
            raise PostgresUnavailableError(f"Postgres did not start: see {self.log}")
        return self

    def stop(self) -> None:
        if self._process is not None:
            process.end(self._process, signal.SIGINT, patience=5)
            self._process = None
        self.release()

    def release(self) -> None:
        """Give up the lock."""
        self._lock.release()

    def remove(self) -> None:
        """Stop, and delete all data."""
        self.stop()
        postgres_place.remove(self.folder)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _url(self, role: str, secret: str, database: str) -> str:
        return f"postgresql://{role}:{self._secret(secret)}@{LOOPBACK}:{self.port}/{database}"

    def _secret(self, name: str) -> str:
        return (self.folder / name).read_text()

    def _create(self, place: Place) -> None:
        for half in place.data.parent.glob("data.new-*"):
            shutil.rmtree(half, ignore_errors=True)
        for name in ("password", "admin-password"):
            _write_secret(self.folder / name)
        half = place.data.parent / f"data.new-{secrets.token_hex(4)}"
        half.mkdir(mode=0o700)
        password = half.with_suffix(".password")
        password.touch(0o600)
        password.write_text(self._secret("admin-password"))
        if place.owner is not None:
            for path in (half, password):
                shutil.chown(path, place.owner, place.owner)
        try:
            self._initdb(place, half, password)
        finally:
            password.unlink()
        half.rename(place.data)

    def _initdb(self, place: Place, half: Path, password: Path) -> None:
        initdb = process.spawn(
            [
                *(
                    str(place.programs / "bin" / "initdb"),
                    "-D",
                    str(half),
                    "-U",
                    SUPERUSER,
                    f"--pwfile={password}",
                ),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
                *(() if self._durable else ("--no-sync",)),
            ],
            log=self.log,
            cwd=Path("/"),
            owner=place.owner,
        )
        if initdb.wait() != 0:
            raise PostgresUnavailableError(f"no database could be created: see {self.log}")

    def _end_leftovers(self, data: Path) -> None:
        """End a server that outlived its parent; drop a pid file whose number now belongs to somebody else.

        Server processes work in their data folder and nobody else has a reason to: so they are known. A dead
        one that its parent never collected blocks Postgres too.
        """
        with suppress(FileNotFoundError):
            data = data.resolve(strict=True)
            if leftovers := process.working_in(data):
                _signal(leftovers, signal.SIGINT)
                if not process.wait_until(lambda: not process.working_in(data), 2):
                    _signal(process.working_in(data), signal.SIGKILL)
                    process.wait_until(lambda: not process.working_in(data), 2)
            pid = int((data / "postmaster.pid").read_text().partition("\n")[0])
            if Path(f"/proc/{pid}").exists() and pid not in process.working_in(data):
                (data / "postmaster.pid").unlink()

    def _provide_database(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            return
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
            statement = sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}")
            connection.execute(statement.format(sql.Identifier(ROLE), sql.Literal(self._secret("password"))))
        connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(DATABASE)))


@contextmanager
def temporary() -> Iterator[Postgres]:
    """A cluster for one test session or measurement, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="racord-postgres-"))
    server = Postgres(folder / "cluster", durable=False)
    folder.chmod(0o711)
    try:
        yield server.start()
    finally:
        server.remove()
        shutil.rmtree(folder, ignore_errors=True)


def _write_secret(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.touch(0o600)
    path.write_text(secrets.token_urlsafe(24))


def _signal(pids: list[int], how: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, how)
