"""What a parked onboarding costs: one that waits for its contract, cached by the worker, all others at rest."""

from dataclasses import dataclass

from bench import processes
from bench.load import Racord
from bench.stack import Stack, Ways

WARM = 20
PARKED_PARTNER = "generali"


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
    await Racord(ways).open(WARM, PARKED_PARTNER)
    await stack.quiet()
    before = processes.resident(stack.pid("worker"))
    await Racord(ways).open(parked, PARKED_PARTNER)
    await stack.quiet()
    return Memory(parked, before, processes.resident(stack.pid("worker")))
