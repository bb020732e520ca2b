"""Turns: one contestant at a time is timed, one command after another and then many onboardings side by side."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from bench.bare_workflow import STEPS
from bench.load import Contestant, gathered
from bench.stack import Stack
from bench.trace import mark

LANES = 32
CHAIN = range(1, STEPS + 1)
WARM_UP = 12


@dataclass(frozen=True)
class Latency:
    """Of single commands, in milliseconds."""

    p50: float
    p95: float
    commands: int


@dataclass(frozen=True)
class Throughput:
    """Commands per second, and milliseconds of processor time that each part used per command."""

    per_second: float
    commands: int
    processor: dict[str, float]


@dataclass(frozen=True)
class Ratio:
    """Racord ÷ bare: the median of the rounds, and the lowest and highest of them."""

    median: float
    lowest: float
    highest: float


def ratio(ours: Sequence[float], bare: Sequence[float]) -> Ratio:
    each = [mine / theirs for mine, theirs in zip(ours, bare, strict=True)]
    return Ratio(median(each), min(each), max(each))


async def warm_up(stack: Stack, contestant: Contestant) -> None:
    """Opens connections, fills caches, compiles what is compiled at first use. Not timed."""
    runs = await contestant.open(WARM_UP)
    await stack.quiet()
    await asyncio.gather(*(_chain(contestant, run) for run in runs[1:]))
    await _timed(contestant, runs[0])


async def latency(stack: Stack, contestant: Contestant, runs: int) -> Latency:
    """One command at a time; whether Postgres shows it is looked up after each, outside the timing."""
    opened = await contestant.open(runs)
    await stack.quiet()
    taken = [one for run in opened for one in await _timed(contestant, run)]
    return Latency(median(taken) * 1000, quantiles(taken, n=20)[-1] * 1000, len(taken))


async def throughput(stack: Stack, contestant: Contestant, runs: int) -> Throughput:
    """:data:`LANES` runs side by side, the commands of each one after another, until all are through."""
    opened = await contestant.open(runs)
    await stack.quiet()
    waiting = list(opened)
    before = stack.processor_seconds()
    begun = time.perf_counter()

    async def lane() -> None:
        while waiting:
            await _chain(contestant, waiting.pop())

    async with asyncio.TaskGroup() as lanes:
        for _ in range(LANES):
            lanes.create_task(lane())
    taken = time.perf_counter() - begun
    after = stack.processor_seconds()
    await gathered([contestant.check(run, STEPS) for run in opened])
    commands = runs * STEPS
    used = {part: 1000 * (after[part] - before[part]) / commands for part in after}
    return Throughput(commands / taken, commands, used)


async def marked(stack: Stack, contestant: Contestant, runs: int) -> None:
    """As :func:`latency`, each command between a mark ``sent`` and a mark ``got`` that name the contestant."""
    opened = await contestant.open(runs)
    await stack.quiet()
    for run in opened:
        for step in CHAIN:
            mark(f"sent {contestant.name}")
            await contestant.command(run, step)
            mark(f"got {contestant.name}")
            await contestant.check(run, step)
            await asyncio.sleep(0.01)


async def _chain(contestant: Contestant, run: str) -> None:
    for step in CHAIN:
        await contestant.command(run, step)


async def _timed(contestant: Contestant, run: str) -> list[float]:
    """Seconds that each command of the run took."""
    taken = []
    for step in CHAIN:
        begun = time.perf_counter()
        await contestant.command(run, step)
        taken.append(time.perf_counter() - begun)
        await contestant.check(run, step)
    return taken
