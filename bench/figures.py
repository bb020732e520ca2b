"""One run of the bench: what is measured in which order, and the figures that come of it."""

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from bench import memory, stages, trace
from bench.history import Cost, cost
from bench.journey import PARTNERS, Journey
from bench.load import Bare, Contestant, Racord
from bench.memory import Memory
from bench.stack import Stack
from bench.stages import Stage
from bench.turns import Latency, Ratio, Throughput, latencies, marked, ratio, throughputs, warm_up

T = TypeVar("T")


@dataclass(frozen=True)
class Size:
    """How much is measured: rounds, and in each so many onboardings one by one, and waves of 32.

    ``fresh``: new processes for the marked commands and for the memory; without it, marked ones do for all.
    """

    rounds: int = 3
    one_by_one: int = 24
    waves: int = 3
    traced: int = 12
    parked: int = 1000
    fresh: bool = True


QUICK = Size(rounds=1, one_by_one=3, waves=1, traced=2, parked=40, fresh=False)


@dataclass(frozen=True)
class Figures:
    """Everything that a run found; lists have one entry a round."""

    machine: dict[str, str]
    one_by_one: dict[str, list[Latency]] = field(default_factory=dict)
    side_by_side: dict[str, list[Throughput]] = field(default_factory=dict)
    stages: dict[str, list[Stage]] = field(default_factory=dict)
    costs: list[Cost] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def ratios(self) -> dict[str, Ratio]:
        """Racord ÷ bare within each round; nothing where no round came to its end."""
        if not self.side_by_side:
            return {}
        ours, bare = self.one_by_one["racord"], self.one_by_one["bare"]
        fast, yardstick = self.side_by_side["racord"], self.side_by_side["bare"]
        return {
            "p50": ratio([one.p50 for one in ours], [one.p50 for one in bare]),
            "p95": ratio([one.p95 for one in ours], [one.p95 for one in bare]),
            "per_second": ratio([one.per_second for one in fast], [one.per_second for one in yardstick]),
        }


def machine() -> dict[str, str]:
    """Where and when: figures of two machines cannot be compared, ratios can."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "processors": str(os.cpu_count()),
        "memory": f"{pages / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": " ".join(f"{one:.2f}" for one in os.getloadavg()),
    }


async def measure(stack: Stack, size: Size, figures: Figures, say: Callable[[str], None]) -> None:
    """All of it, on one running stack, in turns; ``figures`` are filled as they are found."""
    clock = Clock(figures.seconds)
    stack.work(traced=not size.fresh)
    async with stack.reached() as ways:
        bare = Bare(ways, stack)
        contestants: tuple[Contestant, Contestant] = (Racord(ways), bare)
        say("warming up")
        for each in contestants:
            await warm_up(stack, each)
        clock.lap("warm-up")
        for number in range(1, size.rounds + 1):
            say(f"round {number} of {size.rounds}: one by one")
            _add(figures.one_by_one, await latencies(stack, contestants, size.one_by_one))
            say(f"round {number} of {size.rounds}: side by side")
            _add(figures.side_by_side, await throughputs(stack, contestants, size.waves))
        clock.lap("turns")
        await bare.close()
        say("three partners from contract to live")
        for partner in PARTNERS:
            figures.costs.append(await cost(ways, partner, await Journey(stack, ways, partner).go_live()))
        clock.lap("journeys")
    await _where_time_goes(stack, size, figures, say)
    clock.lap("stages")
    say(f"{size.parked} parked onboardings")
    if size.fresh:
        stack.work()
    async with stack.reached() as ways:
        figures.memory.append(await memory.memory(stack, ways, size.parked))
    clock.lap("memory")


async def _where_time_goes(stack: Stack, size: Size, figures: Figures, say: Callable[[str], None]) -> None:
    """With other processes than those that were timed: these write marks."""
    say("where the time goes")
    if size.fresh:
        stack.work(traced=True)
    trace.to(stack.trace)
    async with stack.reached() as ways:
        bare = Bare(ways, stack)
        contestants: tuple[Contestant, Contestant] = (Racord(ways), bare)
        for each in contestants:
            await warm_up(stack, each)
        for each in contestants:
            await marked(stack, each, size.traced)
        await bare.close()
    marks = trace.read(stack.trace)
    for each in contestants:
        figures.stages[each.name] = stages.stages(marks, each.name)


def _add(rounds: dict[str, list[T]], found: dict[str, T]) -> None:
    for name, one in found.items():
        rounds.setdefault(name, []).append(one)


class Clock:
    """Seconds that each part took."""

    def __init__(self, laps: dict[str, float]) -> None:
        self._laps = laps
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._laps[name], self._last = round(now - self._last, 1), now
