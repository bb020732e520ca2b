"""Keeps services running: starts them as their needs allow, restarts what dies, stops all in order."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from embedded import process
from embedded.children import Children
from embedded.services import Service

STARTS_BEFORE_GIVING_UP = 3
SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
STEADY_AFTER = 30.0
PATIENCE = 2.4


class StartFailedError(RuntimeError):
    """A service ended again and again before all were up together."""

    def __init__(self, service: Service, code: int) -> None:
        super().__init__(f"{service.name} did not start: it ended with {describe(code)}")
        self.service = service


def describe(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


@dataclass
class _Child:
    service: Service
    prepared: Future[None]
    process: subprocess.Popen[bytes] | None = None
    ready: bool = False
    deaths: int = 0
    started: float = 0.0
    not_before: float = field(default_factory=time.monotonic)

    @property
    def age(self) -> float:
        return time.monotonic() - self.started

    @property
    def may_be_asked(self) -> bool:
        return not self.service.once and self.age >= self.service.settling

    @property
    def finished(self) -> bool:
        return self.ready and self.process is None


class Watch:
    """Runs ``services`` from one thread: call :meth:`step` often. What happens is told to ``say``."""

    def __init__(self, services: Sequence[Service], children: Children, say: Callable[[str], None]) -> None:
        self._children = children
        self._say = say
        self._was_up = False
        self._pool = ThreadPoolExecutor(max_workers=max(1, len(services)))
        self._all = {
            service.name: _Child(service, self._pool.submit(service.prepare)) for service in services
        }

    @property
    def ready(self) -> bool:
        return all(child.ready for child in self._all.values())

    def step(self) -> None:
        """Do what is due. Raises :class:`StartFailedError`, and what a service's preparation raised."""
        for child in self._all.values():
            if child.process is None:
                self._start_if_due(child)
            elif (code := child.process.poll()) is not None:
                self._ended(child, code)
            elif not child.ready:
                child.ready = child.may_be_asked and child.service.is_ready()
            elif child.age > STEADY_AFTER:
                child.deaths = 0
        self._was_up |= self.ready

    def stop(self, hurry: Callable[[], bool]) -> None:
        """End those that need others, then the others: :data:`PATIENCE` seconds each, none in a ``hurry``."""
        for wave in ([c for c in self._all.values() if c.service.needs], list(self._all.values())):
            self._stop(wave, hurry)
        self._pool.shutdown(cancel_futures=True)
        for child in self._all.values():
            child.service.release()
        self._children.forget()

    def _start_if_due(self, child: _Child) -> None:
        if child.finished or time.monotonic() < child.not_before or not child.prepared.done():
            return
        child.prepared.result()
        if all(self._all[name].ready for name in child.service.needs):
            child.process = child.service.spawn()
            child.started = time.monotonic()
            self._children.note(child.service.name, child.process.pid, child.service.stop_signal)

    def _ended(self, child: _Child, code: int) -> None:
        child.process = None
        child.ready = child.service.once and code == 0
        if child.ready:
            return
        child.deaths += 1
        refused = child.service.once and code > 0
        if refused or (not self._was_up and child.deaths >= STARTS_BEFORE_GIVING_UP):
            raise StartFailedError(child.service, code)
        child.not_before = time.monotonic() + min(SHORTEST_PAUSE * 2 ** (child.deaths - 1), LONGEST_PAUSE)
        self._say(
            f"{child.service.name} ended with {describe(code)}; starting it again (log: {child.service.log})"
        )

    def _stop(self, wave: list[_Child], hurry: Callable[[], bool]) -> None:
        living = [
            (child.process, child.service.stop_signal)
            for child in wave
            if child.process and child.process.poll() is None
        ]
        for running, how in living:
            with suppress(ProcessLookupError):
                os.kill(running.pid, how)
        process.wait_until(
            lambda: hurry() or all(running.poll() is not None for running, _ in living), PATIENCE
        )
        for running, _ in living:
            if running.poll() is None:
                process.kill_session(running.pid)
                running.wait()
