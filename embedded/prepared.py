"""Remembers which version of the program last prepared the stores, so that a start need not do it again.

The marks lie in the stores' own folders: with a store that is deleted, its mark is gone.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from embedded.home import PROJECT

SOURCES = ("adapters", "domain", "migrations", "partners", "requirements", "cli.py", "pyproject.toml")
MARK = "prepared"


class Prepared:
    """Whether all of ``stores`` were prepared by the program as it is now."""

    def __init__(self, *stores: Path) -> None:
        self._stores = stores
        self._version = version()

    def holds(self) -> bool:
        return all(store.exists() and _read(store / MARK) == self._version for store in self._stores)

    def mark(self) -> None:
        """To be called after the stores were prepared."""
        for store in self._stores:
            (store / MARK).write_text(self._version)


def version() -> str:
    """Differs when a source file was added, removed or changed."""
    digest = hashlib.sha256()
    for path in _files():
        state = path.stat()
        digest.update(f"{path.relative_to(PROJECT)} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _files() -> Iterator[Path]:
    for name in SOURCES:
        source = PROJECT / name
        found = sorted(source.rglob("*")) if source.is_dir() else [source]
        yield from (path for path in found if path.is_file() and "__pycache__" not in path.parts)


def _read(mark: Path) -> str | None:
    try:
        return mark.read_text()
    except FileNotFoundError:
        return None
