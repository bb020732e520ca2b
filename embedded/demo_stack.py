"""The Racord that the demo walks through: the one that runs in the home, or one started for the time of the demo."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from rich.console import Console

from embedded.home import Home, public_url, sandbox_url
from embedded.lock import AlreadyLockedError, Lock
from embedded.ports import SANDBOX
from embedded.stack import cli

PATIENCE = 120.0
LOOK_AGAIN_AFTER = 0.1


@contextmanager
def stack(home: Home, console: Console) -> Iterator[str]:
    """The address of the running stack, or of one started for the time of the demo."""
    started = None if _is_running(home) else _start(home, console)
    try:
        yield public_url(_ports(home))
    finally:
        if started is not None and started.poll() is None:
            console.print("This Racord stops now; `make run` brings it back, with all that was done.")
            started.terminate()
            started.wait()


def sandbox_of(home: Home) -> str | None:
    """Where the running stack's sandbox is; None beside a stack of before there was one."""
    ports = _ports(home)
    return sandbox_url(ports) if SANDBOX in ports else None


def _start(home: Home, console: Console) -> subprocess.Popen[bytes] | None:
    """Waits for a Racord that is starting here, or starts one; None where it was somebody else's."""
    lock, started = Lock(home.lock), None
    try:
        lock.acquire()
    except AlreadyLockedError:
        console.print("Racord is starting here; waiting for it …")
    else:
        lock.release()
        console.print("No Racord runs here; starting one for the time of the demo …")
        started = subprocess.Popen(cli("run"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE
    while not _is_running(home):
        if (started is not None and started.poll()) or time.monotonic() > deadline:
            raise SystemExit(f"Racord did not start; see {home.logs}, or run `racord run` yourself.")
        time.sleep(LOOK_AGAIN_AFTER)
    return started


def _is_running(home: Home) -> bool:
    return home.running.exists() and _answers(public_url(_ports(home)))


def _ports(home: Home) -> dict[str, int]:
    ports: dict[str, int] = json.loads(home.running.read_text())
    return ports


def _answers(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/readyz", timeout=5, trust_env=False).status_code == httpx2.codes.OK
    except httpx2.HTTPError:
        return False
