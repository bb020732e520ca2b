"""What is started is kept running, in order, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from embedded import process
from embedded.children import Children
from embedded.services import Command
from embedded.watch import StartFailedError, Watch

SLEEP = ("/bin/sleep", "60")


def test_a_child_that_dies_comes_back_and_all_end_together(tmp_path: Path) -> None:
    said: list[str] = []
    watch = Watch([_command(tmp_path, "sleeper", SLEEP)], Children(tmp_path / "children"), said.append)
    _step(watch, lambda: watch.ready)
    first = _noted(tmp_path)
    os.kill(first, signal.SIGKILL)
    _step(watch, lambda: _noted(tmp_path) != first)
    second = _noted(tmp_path)
    watch.stop(lambda: False)
    assert process.born(second) is None
    assert "SIGKILL" in said[0]


def test_what_needs_another_waits_for_it(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    before = _command(tmp_path, "before", ("/bin/sh", "-c", f"sleep 0.2; touch {mark}"), once=True)
    after = _command(tmp_path, "after", ("/bin/sh", "-c", f"test -e {mark}"), once=True, needs=("before",))
    watch = Watch([after, before], Children(tmp_path / "children"), print)
    _step(watch, lambda: watch.ready)
    watch.stop(lambda: False)


def test_a_child_that_never_comes_up_ends_the_start(tmp_path: Path) -> None:
    watch = Watch([_command(tmp_path, "broken", ("/bin/false",))], Children(tmp_path / "children"), print)
    with pytest.raises(StartFailedError, match="broken"):
        _step(watch, lambda: False)
    watch.stop(lambda: False)


def test_a_later_start_ends_survivors_and_spares_a_number_that_was_reused(tmp_path: Path) -> None:
    survivor, stranger = (process.spawn(SLEEP, log=None) for _ in range(2))
    children = Children(tmp_path / "children")
    children.note("survivor", survivor.pid, signal.SIGTERM)
    children.note("stranger", stranger.pid, signal.SIGTERM)
    record = json.loads((tmp_path / "children").read_text())
    record["stranger"]["born"] = "long ago"
    (tmp_path / "children").write_text(json.dumps(record))
    Children(tmp_path / "children").end_leftovers()
    assert survivor.wait(60) == -signal.SIGTERM
    assert stranger.poll() is None
    process.end(stranger, signal.SIGKILL, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    script = (
        "from embedded.process import spawn; import os, time;"
        f"print(spawn({SLEEP}, log=None).pid, flush=True); time.sleep(0.3); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert process.wait_until(lambda: process.born(int(ended.stdout)) is None, 60)


def _command(
    folder: Path, name: str, argv: tuple[str, ...], *, once: bool = False, needs: tuple[str, ...] = ()
) -> Command:
    return Command(name, argv, folder / f"{name}.log", environment=lambda: {}, once=once, needs=needs)


def _step(watch: Watch, until: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline
        watch.step()
        time.sleep(0.01)


def _noted(folder: Path) -> int:
    (child,) = json.loads((folder / "children").read_text()).values()
    pid: int = child["pid"]
    return pid
