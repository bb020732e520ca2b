"""One run of the bench: what is measured in which order, and the figures that come of it."""

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bench import memory, stages, trace
from bench.history import Cost, cost
from bench.journey import PARTNERS, Journey
from bench.load import Bare, Contestant, Racord
from bench.memory import Memory
from bench.stack import Stack
from bench.stages import Stage
from bench.turns import Latency, Ratio, Throughput, latency, marked, ratio, throughput, warm_up


@dataclass(frozen=True)
class Size:
    """How much is measured: onboardings a turn, and rounds."""

    rounds: int = 3
    one_by_one: int = 30
    side_by_side: int = 128
    traced: int = 12
    parked: int = 1000


QUICK = Size(rounds=1, one_by_one=3, side_by_side=32, traced=2, parked=40)


@dataclass(frozen=True)
class Figures:
    """Everything that a run found; lists have one entry a round."""

    machine: dict[str, str] = field(default_factory=dict)
    one_by_one: dict[str, list[Latency]] = field(default_factory=dict)
    side_by_side: dict[str, list[Throughput]] = field(default_factory=dict)
    stages: dict[str, list[Stage]] = field(default_factory=dict)
    costs: list[Cost] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def ratios(self) -> dict[str, Ratio]:
        """Racord ÷ bare within each round."""
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


async def measure(stack: Stack, size: Size, say: Callable[[str], None]) -> Figures:
    """All of it, on one running stack, in turns."""
    figures = Figures(machine=machine())
    clock = Clock(figures.seconds)
    stack.work()
    async with stack.reached() as ways:
        bare = Bare(ways, stack)
        contestants: tuple[Contestant, Contestant] = (Racord(ways), bare)
        say("warming up")
        for each in contestants:
            await warm_up(stack, each)
        clock.lap("warm-up")
        for turn in range(size.rounds):
            for each in contestants:
                say(f"round {turn + 1} of {size.rounds}: {each.name}, one by one")
                figures.one_by_one.setdefault(each.name, []).append(
                    await latency(stack, each, size.one_by_one)
                )
                say(f"round {turn + 1} of {size.rounds}: {each.name}, side by side")
                figures.side_by_side.setdefault(each.name, []).append(
                    await throughput(stack, each, size.side_by_side)
                )
        clock.lap("turns")
        await bare.close()
        say("three partners from contract to live")
        for partner in PARTNERS:
            figures.costs.append(await cost(ways, partner, await Journey(stack, ways, partner).go_live()))
        clock.lap("journeys")
    await _where_time_goes(stack, size, figures, say)
    clock.lap("stages")
    say(f"{size.parked} parked onboardings")
    stack.work()
    async with stack.reached() as ways:
        figures.memory.append(await memory.memory(stack, ways, size.parked))
    clock.lap("memory")
    return figures


async def _where_time_goes(stack: Stack, size: Size, figures: Figures, say: Callable[[str], None]) -> None:
    """With other processes than those that were timed: these write marks."""
    say("where the time goes")
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


class Clock:
    """Seconds that each part took."""

    def __init__(self, laps: dict[str, float]) -> None:
        self._laps = laps
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._laps[name], self._last = round(now - self._last, 1), now
