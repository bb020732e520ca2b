"""What a parked onboarding costs: one that waits for its contract, cached by the worker, all others at rest."""

from dataclasses import dataclass

from bench import processes
from bench.journey import PARTNERS
from bench.load import Racord
from bench.stack import Stack, Ways

WARM = 20


@dataclass(frozen=True)
class Memory:
    """Resident bytes of the worker process before and after, with ``parked`` onboardings between."""

    parked: int
    before: int
    after: int

    @property
    def each(self) -> float:
        """Bytes for one."""
        return (self.after - self.before) / self.parked


async def memory(stack: Stack, ways: Ways, parked: int) -> Memory:
    """In a fresh worker that has seen a few already, so that what is loaded once is not counted."""
    await _park(ways, WARM)
    await stack.quiet()
    before = processes.resident(stack.pid("worker"))
    count = await _park(ways, parked)
    await stack.quiet()
    return Memory(count, before, processes.resident(stack.pid("worker")))


async def _park(ways: Ways, count: int) -> int:
    """Starts at least that many, the same number for each partner; says how many."""
    racord = Racord(ways)
    started = [await racord.open(-(-count // len(PARTNERS)), partner) for partner in PARTNERS]
    return sum(map(len, started))
