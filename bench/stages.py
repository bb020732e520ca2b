"""Where the time of a command goes: what lies between two neighbouring marks is one stage."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean, median

from bench.trace import Mark

# By the mark that ends the stage and, where that is not enough, the mark that begins it.
STAGES: dict[tuple[str, str], str] = {
    ("sent", "app<"): "request: client, socket, server",
    ("app<", "who<"): "request: routing",
    ("who<", "who>"): "who is it: key looked up in Postgres",
    ("who>", "ask<"): "request: body, command",
    ("ask<", "turn<"): "Temporal: command to the worker",
    ("sent", "turn<"): "Temporal: command to the worker",
    ("turn<", "turn>"): "workflow's turn",
    ("turn>", "write<"): "worker: to the local activity",
    ("write<", "write>"): "local activity: Postgres",
    ("write>", "turn<"): "worker: back to the workflow",
    ("turn>", "turn<"): "worker: between turns",
    ("turn>", "ask>"): "Temporal: answer to the caller",
    ("turn>", "got"): "Temporal: answer to the caller",
    ("ask>", "app>"): "response: made",
    ("app>", "got"): "response: server, socket, client",
}


@dataclass(frozen=True)
class Stage:
    """One stage in milliseconds a command: the median, and the mean (the means add up to the whole)."""

    name: str
    median: float
    mean: float


def stages(marks: Sequence[Mark], contestant: str) -> list[Stage]:
    """The stages of a contestant's commands, in the order of their first appearance, then the whole."""
    commands = list(_commands(marks, contestant))
    names = list(dict.fromkeys(name for command in commands for name in command))
    taken = {name: [command.get(name, 0.0) for command in commands] for name in names}
    taken["all of it"] = [sum(command.values()) for command in commands]
    return [Stage(name, median(each), mean(each)) for name, each in taken.items() if commands]


def _commands(marks: Sequence[Mark], contestant: str) -> Iterator[dict[str, float]]:
    """Milliseconds by stage, for each command from its ``sent`` to its ``got``."""
    inside: list[Mark] | None = None
    for at, name in marks:
        if name == f"sent {contestant}":
            inside = []
        if inside is not None:
            inside.append((at, name.split(" ")[0]))
        if name == f"got {contestant}" and inside is not None:
            yield _split(inside)
            inside = None


def _split(marks: Sequence[Mark]) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for (begun, first), (ended, second) in pairwise(marks):
        found[STAGES.get((first, second), "else: turns that nobody waits for")] += (ended - begun) / 1e6
    return dict(found)
