"""`racord run`: the whole stack from nothing, kept running until it is told to stop."""

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from embedded import ports as loopback
from embedded.children import Children
from embedded.home import PROJECT, Home, HomeUnusableError
from embedded.lock import AlreadyLockedError, Lock
from embedded.postgres import Postgres
from embedded.postgres_place import PostgresUnavailableError
from embedded.process import wait_until
from embedded.stack import cli, stack
from embedded.temporal import TemporalUnavailableError
from embedded.voice import Voice
from embedded.watch import StartFailedError, Watch

POLL_STARTING, POLL_RUNNING = 0.03, 0.2
TAIL_LINES = 25


class _Stop:
    """Counts the requests to stop: the second one means at once."""

    def __init__(self) -> None:
        self.requests = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._heard)

    def _heard(self, number: int, frame: object) -> None:
        self.requests += 1

    def hurry(self) -> bool:
        return self.requests > 1


def run(folder: Path, port: int | None) -> int:
    """Run the stack whose state is in ``folder`` until a signal; the exit code.

    ``port`` is the API's, asked for explicitly. If that stack runs already, say where and return 0.
    """
    began = time.monotonic()
    voice, stop = Voice(), _Stop()
    try:
        home = Home.open(folder)
        lock = Lock(home.lock)
        if not _ours(lock, home, stop):
            return 0 if stop.requests else _already_running(home, port, voice)
        try:
            return _run(home, port, voice, stop, began)
        finally:
            home.running.unlink(missing_ok=True)
            home.login_link.unlink(missing_ok=True)
            lock.release()
    except (
        HomeUnusableError,
        loopback.PortTakenError,
        PostgresUnavailableError,
        TemporalUnavailableError,
    ) as problem:
        voice.problem(str(problem))
    except AlreadyLockedError as problem:
        voice.problem(f"{problem}; end it first")
    except StartFailedError as failure:
        voice.problem(f"{failure}. The end of its log, {failure.service.log}:")
        voice.say(_tail(failure.service.log))
    return 1


def _run(home: Home, port: int | None, voice: Voice, stop: _Stop, began: float) -> int:
    home.running.unlink(missing_ok=True)
    children = Children(home.children)
    children.end_leftovers()
    ports = loopback.choose(home.ports, port)
    if port is None and ports[loopback.API] != loopback.DEFAULT_API_PORT:
        voice.other_port(ports)
    voice.say("Racord is starting: Postgres, Temporal, mail catcher, sandbox, API, worker ...", "dim")
    planned = stack(home, ports)
    watch = Watch(planned.services, children, voice.event)
    try:
        announced = False
        while not stop.requests:
            watch.step()
            if watch.ready and not announced:
                announced = True
                planned.came_up()
                home.running.write_text(json.dumps(ports))
                voice.summary(home, ports, _read_login_link(home), time.monotonic() - began)
            time.sleep(POLL_RUNNING if announced else POLL_STARTING)
        voice.say("Stopping ...", "dim")
    finally:
        watch.stop(stop.hurry)
    voice.say("Stopped; the data stays.", "dim")
    return 0


def _ours(lock: Lock, home: Home, stop: _Stop) -> bool:
    """Take the lock, unless a stack that is up holds it; one that is starting or stopping is waited for."""

    def settled() -> bool:
        with suppress(AlreadyLockedError):
            lock.acquire()
        return lock.descriptor is not None or home.running.exists() or stop.requests > 0

    if not wait_until(settled, 90, step=0.1):
        raise HomeUnusableError(
            f"another Racord has been starting in {home.folder} for 90 s: see {home.logs}"
        )
    return lock.descriptor is not None


def _already_running(home: Home, port: int | None, voice: Voice) -> int:
    ports = json.loads(home.running.read_text())
    database_url = Postgres(home.folder / "postgres", ports["postgres"]).url
    made = subprocess.run(
        cli("login-link"),
        env=home.environment(ports, database_url),
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    voice.say(f"Racord already runs in {home.folder}.", "bold")
    if port not in (None, ports[loopback.API]):
        voice.event(f"to have it on port {port}, stop it first")
    voice.summary(home, ports, _last_line(made.stdout) if made.returncode == 0 else None, None)
    return 0


def _read_login_link(home: Home) -> str | None:
    """The link that the stack made at its start; it is a credential, so the file goes."""
    with suppress(FileNotFoundError):
        text = home.login_link.read_text()
        home.login_link.unlink()
        return _last_line(text)
    return None


def _last_line(text: str) -> str | None:
    lines = [line.strip() for line in text.splitlines() if "://" in line]
    return lines[-1] if lines else None


def _tail(log: Path | None) -> str:
    if log is None or not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 20_000))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-TAIL_LINES:])
