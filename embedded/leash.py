"""Runs a program that the kernel ends with its parent: `leash.py PARENT SIGNAL OWNER PROGRAM [ARGUMENT ...]`.

Linux only. It is a program of its own because the request must be made in the child, after the change of user
that would void it, and running Python between fork and exec is unsafe with threads.
"""

import ctypes
import os
import sys

SET_PARENT_DEATH_SIGNAL = 1


def main(parent: int, death_signal: int, owner: int, argv: list[str]) -> None:
    """Become ``argv``, as user and group ``owner`` unless that is negative."""
    if owner >= 0:
        os.setgroups([])
        os.setgid(owner)
        os.setuid(owner)
    ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, death_signal)
    if os.getppid() == parent:  # otherwise it died before the request
        os.execv(argv[0], argv)  # noqa: S606 - that is the whole purpose


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
