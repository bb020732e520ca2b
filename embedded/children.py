"""A record of the processes started, so that a start after a kill ends those that survived, and no others."""

import json
import os
import signal
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from embedded import process


@dataclass(frozen=True)
class _Started:
    pid: int
    born: str
    stop_signal: int

    def lives(self) -> bool:
        return process.born(self.pid) == self.born


class Children:
    """The record kept in ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._started: dict[str, _Started] = {}

    def note(self, name: str, pid: int, stop_signal: signal.Signals) -> None:
        """Remember that ``pid`` is the service ``name``."""
        if born := process.born(pid):
            self._started[name] = _Started(pid, born, int(stop_signal))
            half = self._path.with_suffix(".new")
            half.write_text(json.dumps({name: asdict(started) for name, started in self._started.items()}))
            half.rename(self._path)

    def end_leftovers(self, patience: float = 2) -> None:
        """End the recorded processes that still live; after ``patience`` seconds kill them."""
        left = [started for started in self._read() if started.lives()]
        for started in left:
            with suppress(ProcessLookupError):
                os.kill(started.pid, started.stop_signal)
        if not process.wait_until(lambda: not any(started.lives() for started in left), patience):
            for started in left:
                if started.lives():
                    process.kill_session(started.pid)
            process.wait_until(lambda: not any(started.lives() for started in left), patience)
        self.forget()

    def forget(self) -> None:
        self._started = {}
        self._path.unlink(missing_ok=True)

    def _read(self) -> list[_Started]:
        try:
            return [_Started(**fields) for fields in json.loads(self._path.read_text()).values()]
        except (FileNotFoundError, json.JSONDecodeError, TypeError):
            return []
