"""A lock on a folder that no crash can leave behind: the kernel drops it with its last holder."""

import fcntl
import os
from pathlib import Path

from embedded.process import wait_until


class AlreadyLockedError(RuntimeError):
    """Somebody else holds the lock."""


class Lock:
    """An exclusive ``flock`` on ``path``; a child that inherits :attr:`descriptor` holds it too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor: int | None = None

    def acquire(self, patience: float = 0) -> int:
        """Take the lock and return its file descriptor.

        Raises :class:`AlreadyLockedError` when another holder keeps it for ``patience`` seconds.
        """
        if self.descriptor is not None:
            return self.descriptor
        if not wait_until(self._try, patience):
            raise AlreadyLockedError(f"{self.path} is locked: another process works in {self.path.parent}")
        assert self.descriptor is not None
        return self.descriptor

    def release(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def _try(self) -> bool:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self.descriptor = descriptor
        return True
