"""What a supervisor runs: the contract of a service, and services that are a mere command."""

import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from embedded import process
from embedded.home import PROJECT


class Service(Protocol):
    """A program to keep running; ``once`` means: to run to its end, successfully, one time."""

    @property
    def name(self) -> str: ...

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the services that must be ready before this one starts."""
        ...

    @property
    def once(self) -> bool: ...

    @property
    def settling(self) -> float:
        """Seconds that it must live before :meth:`is_ready` is worth asking."""
        ...

    @property
    def stop_signal(self) -> signal.Signals: ...

    @property
    def log(self) -> Path | None: ...

    def prepare(self) -> None:
        """Do, before the first start, what may take long; called in a thread."""
        ...

    def spawn(self) -> subprocess.Popen[bytes]: ...

    def is_ready(self) -> bool:
        """Whether the service does its work; asked in short intervals while it lives."""
        ...

    def release(self) -> None:
        """Give back, after the end, what :meth:`prepare` took."""
        ...


SETTLED_AFTER = 1.5


@dataclass(frozen=True)
class Command:
    """A service that is one command line; ``environment`` is asked for when it starts.

    Without a ``ready`` to ask, one that lives :data:`SETTLED_AFTER` seconds passes for ready.
    """

    name: str
    argv: tuple[str, ...]
    log: Path
    environment: Callable[[], Mapping[str, str]]
    needs: tuple[str, ...] = ()
    once: bool = False
    ready: Callable[[], bool] | None = None
    stop_signal: signal.Signals = signal.SIGTERM

    @property
    def settling(self) -> float:
        return 0 if self.ready else SETTLED_AFTER

    def prepare(self) -> None:
        """Nothing takes long."""

    def spawn(self) -> subprocess.Popen[bytes]:
        return process.spawn(self.argv, log=self.log, env=self.environment(), cwd=PROJECT)

    def is_ready(self) -> bool:
        return self.ready is None or self.ready()

    def release(self) -> None:
        """Nothing was taken."""
