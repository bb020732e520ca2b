"""What processes use of the machine, read from `/proc`; zero where the system has none (only Linux has)."""

import os
import resource
from contextlib import suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def seconds(pid: int) -> float:
    """Processor time used by a process and by all it started, in seconds."""
    total = 0
    for one in _family(pid):
        with suppress(OSError):
            fields = _stat(one)
            total += sum(int(fields[place]) for place in (11, 12, 13, 14))
    return total / TICKS


def own_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def resident(pid: int) -> int:
    """Bytes of memory that a process holds (its resident set)."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    return 0


def _family(pid: int) -> list[int]:
    """The process and its direct children (Postgres has one for each connection)."""
    children = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int(_stat(int(entry.name))[1]) == pid:
                children.append(int(entry.name))
    return [pid, *children]


def _stat(pid: int) -> list[str]:
    """Fields of `/proc/PID/stat` from the state on: the parent at 1, four processor times from 11."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
