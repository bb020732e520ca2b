"""Child processes that do not outlive their parent; proof that a process id still means the same process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_LEASH = Path(__file__).with_name("leash.py")


def spawn(
    argv: Sequence[str],
    *,
    log: Path | None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    owner: int | None = None,
    keep: Sequence[int] = (),
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start ``argv`` (an absolute path first) in its own session, where its parent's Ctrl-C does not reach.

    On Linux it gets ``death_signal`` when the calling *thread* ends. ``owner`` is a user and group id to run
    as; ``keep`` are file descriptors it inherits (a lock among them lasts as long as the child). Output is
    appended to ``log``.
    """
    leashed = sys.platform == "linux"
    with log.open("ab") if log else open(os.devnull, "wb") as output:
        return subprocess.Popen(
            [*_leash(death_signal, owner), *argv] if leashed else argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            user=None if leashed else owner,
            group=None if leashed else owner,
            extra_groups=None if leashed or owner is None else [],
            pass_fds=keep,
            start_new_session=True,
        )


def _leash(death_signal: signal.Signals, owner: int | None) -> list[str]:
    arguments = (os.getpid(), int(death_signal), -1 if owner is None else owner)
    return [sys.executable, "-I", "-S", str(_LEASH), *map(str, arguments)]


def end(process: subprocess.Popen[bytes], how: signal.Signals, patience: float) -> None:
    """Ask ``process`` to end by ``how``; after ``patience`` seconds kill its whole session."""
    with suppress(ProcessLookupError):
        process.send_signal(how)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        kill_session(process.pid)
        process.wait()


def kill_session(leader: int) -> None:
    """Kill every process of the session that ``leader`` started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def born(pid: int) -> str | None:
    """When ``pid`` started, as an opaque text; ``None`` if no such process lives. Only ids are reused."""
    if sys.platform != "linux":
        found = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        return found.stdout.strip() or None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, ticks = fields[0], fields[19]
    return None if state in "ZX" else f"{boot}:{ticks}"


def working_in(folder: Path) -> list[int]:
    """Ids of the processes whose working folder is ``folder``; empty where the system does not tell."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (entry / "cwd").readlink() == folder:
                found.append(int(entry.name))
    return found


def wait_until(condition: Callable[[], bool], seconds: float, step: float = 0.02) -> bool:
    """Whether ``condition`` came true within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(step)
    return True
