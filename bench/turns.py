"""Turns: the contestants are timed by turns, one command after another and then many onboardings side by side.

The turns are short, so that what else the machine does meets both alike.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import harmonic_mean, mean, median, quantiles

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


async def latencies(stack: Stack, contestants: Sequence[Contestant], runs: int) -> dict[str, Latency]:
    """One command at a time, the contestants in turns, eight commands each.

    Whether Postgres shows what a command did is looked up after each, outside the timing.
    """
    opened = {each.name: await each.open(runs) for each in contestants}
    taken: dict[str, list[float]] = {each.name: [] for each in contestants}
    await stack.quiet()
    for turn in range(runs):
        for each in contestants:
            taken[each.name] += await _timed(each, opened[each.name][turn])
    return {name: _latency(seconds) for name, seconds in taken.items()}


async def throughputs(stack: Stack, contestants: Sequence[Contestant], waves: int) -> dict[str, Throughput]:
    """:data:`LANES` runs side by side make a wave: the contestants in turns, a wave each."""
    opened = {each.name: await each.open(waves * LANES) for each in contestants}
    found: dict[str, list[Throughput]] = {each.name: [] for each in contestants}
    await stack.quiet()
    for turn in range(waves):
        for each in contestants:
            wave = opened[each.name][turn * LANES : (turn + 1) * LANES]
            found[each.name].append(await _wave(stack, each, wave))
    for each in contestants:
        await gathered([each.check(run, STEPS) for run in opened[each.name]])
    return {name: _together(each) for name, each in found.items()}


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


def _latency(seconds: Sequence[float]) -> Latency:
    return Latency(median(seconds) * 1000, quantiles(seconds, n=20)[-1] * 1000, len(seconds))


async def _wave(stack: Stack, contestant: Contestant, runs: Sequence[str]) -> Throughput:
    before, begun = stack.processor_seconds(), time.perf_counter()
    await asyncio.gather(*(_chain(contestant, run) for run in runs))
    taken, after = time.perf_counter() - begun, stack.processor_seconds()
    commands = len(runs) * STEPS
    used = {part: 1000 * (after[part] - before[part]) / commands for part in after}
    return Throughput(commands / taken, commands, used)


def _together(waves: Sequence[Throughput]) -> Throughput:
    """All waves as if they were one: they are of one size."""
    used = {part: mean(wave.processor[part] for wave in waves) for part in waves[0].processor}
    return Throughput(
        harmonic_mean([wave.per_second for wave in waves]), sum(wave.commands for wave in waves), used
    )
