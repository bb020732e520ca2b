"""Ports on loopback: the ones wanted, and others where somebody has taken them."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

LOOPBACK = "127.0.0.1"
API = "api"
SANDBOX = "sandbox"
DEFAULT_API_PORT = 8000
PREFERRED: Mapping[str, int] = {
    "postgres": 15432,
    "temporal": 7233,
    "temporal_ui": 8233,
    "temporal_http": 7243,
    "smtp": 1025,
    SANDBOX: 8090,
}


class PortTakenError(RuntimeError):
    """The port that was asked for by number belongs to another program."""


def is_free(port: int) -> bool:
    """Whether a server could listen on ``port`` of loopback now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def next_free(port: int, avoid: frozenset[int] = frozenset()) -> int:
    """The first free port from ``port`` upwards that is not in ``avoid``."""
    for candidate in range(port, 65536):
        if candidate not in avoid and is_free(candidate):
            return candidate
    raise PortTakenError(f"no free port from {port} upwards")


def any_free() -> int:
    """A free port of the system's choice."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def answers(address: str) -> bool:
    """Whether ``address`` is answered with 200."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def choose(memory: Path, asked: int | None) -> dict[str, int]:
    """A port for every server: those of last time (kept in ``memory``) while free, and the API's.

    The API gets ``asked``, or :class:`PortTakenError` if that is taken; else 8000 or the next free one.
    """
    if asked is not None and not is_free(asked):
        raise PortTakenError(f"port {asked} is taken by another program; choose another one with PORT=...")
    remembered = _read(memory)
    chosen = {API: asked or next_free(DEFAULT_API_PORT)}
    for name, preferred in PREFERRED.items():
        chosen[name] = next_free(remembered.get(name, preferred), frozenset(chosen.values()))
    memory.write_text(json.dumps(chosen, indent=2) + "\n")
    return chosen


def _read(memory: Path) -> dict[str, int]:
    try:
        known = json.loads(memory.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return {name: port for name, port in known.items() if name in PREFERRED and isinstance(port, int)}
