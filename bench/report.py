"""The figures as tables for people."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.figures import Figures
from bench.turns import Ratio

LATENCY_AIM = 1.15
THROUGHPUT_AIM = 0.85
EVENTS_AIM = 90
TOO_SHORT = 0.02


def report(figures: Figures) -> RenderableType:
    """All tables, one below the other."""
    return Group(*_tables(figures))


def _tables(figures: Figures) -> Iterator[RenderableType]:
    yield Text("  ".join(f"{name} {value}" for name, value in figures.machine.items()), style="dim")
    if figures.side_by_side:
        yield _commands(figures)
        yield _processor(figures)
    if figures.stages:
        yield _stages(figures)
    if figures.costs:
        yield _costs(figures)
    if figures.memory:
        yield _memory(figures)


def _commands(figures: Figures) -> Table:
    table = _table(
        "(a) one step command after another, (b) at 32 onboardings side by side",
        "round",
        "racord",
        "bare",
        "ratio",
    )
    ratios = figures.ratios()
    rows = (
        ("p50", "ms", figures.one_by_one, LATENCY_AIM, True),
        ("p95", "ms", figures.one_by_one, LATENCY_AIM, True),
        ("per_second", "/s", figures.side_by_side, THROUGHPUT_AIM, False),
    )
    for name, unit, found, aim, low in rows:
        pairs = zip(found["racord"], found["bare"], strict=True)
        for number, (ours, bare) in enumerate(pairs, 1):
            mine, theirs = getattr(ours, name), getattr(bare, name)
            label = f"{name.replace('_', ' ')}, round {number}"
            table.add_row(label, f"{mine:.1f} {unit}", f"{theirs:.1f} {unit}", f"{mine / theirs:.2f}")
        table.add_row(
            f"{name.replace('_', ' ')}, median",
            "",
            "",
            _verdict(ratios[name], aim, low=low),
            end_section=True,
        )
    return table


def _verdict(ratio: Ratio, aim: float, *, low: bool) -> str:
    met = ratio.median <= aim if low else ratio.median >= aim
    sign = "≤" if low else "≥"
    spread = f"{ratio.median:.2f} ({ratio.lowest:.2f}–{ratio.highest:.2f})"
    return f"[bold {'green' if met else 'red'}]{spread}[/] aim {sign} {aim}"


def _stages(figures: Figures) -> Table:
    table = _table(
        "Where the time of one command goes, ms (median; separate, marked processes)",
        "stage",
        "racord",
        "bare",
    )
    bare = {stage.name: stage.median for stage in figures.stages["bare"]}
    for stage in figures.stages["racord"]:
        if stage.mean < TOO_SHORT:
            continue
        theirs = f"{bare[stage.name]:.2f}" if stage.name in bare else ""
        table.add_row(stage.name, f"{stage.median:.2f}", theirs)
    return table


def _processor(figures: Figures) -> Table:
    table = _table("Processor time of one command at 32 side by side, ms", "process", "racord", "bare")
    ours, bare = (figures.side_by_side[name][-1].processor for name in ("racord", "bare"))
    for part in ours:
        table.add_row(part, f"{ours[part]:.2f}", f"{bare[part]:.2f}")
    table.add_row("all", f"{sum(ours.values()):.2f}", f"{sum(bare.values()):.2f}")
    return table


def _costs(figures: Figures) -> Table:
    table = _table(
        f"(c) Temporal events (aim ≤ {EVENTS_AIM}) and actions, contract to live",
        "",
        *(one.partner for one in figures.costs),
    )
    for what in ("events", "actions"):
        counted = [getattr(one, what) for one in figures.costs]
        for kind in dict.fromkeys(kind for each in counted for kind in each):
            table.add_row(kind, *(str(each.get(kind, 0)) for each in counted))
        table.add_row(
            f"[bold]{what}[/]", *(f"[bold]{sum(each.values())}[/]" for each in counted), end_section=True
        )
    table.add_row("history, bytes", *(str(one.size) for one in figures.costs))
    return table


def _memory(figures: Figures) -> Table:
    table = _table("(d) Memory of the worker", "parked onboardings", "before", "after", "for each")
    for one in figures.memory:
        table.add_row(
            str(one.parked),
            f"{one.before / 2**20:.0f} MiB",
            f"{one.after / 2**20:.0f} MiB",
            f"{one.each / 1024:.0f} KiB",
        )
    return table


def _table(title: str, first: str, *numbers: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column(first)
    for name in numbers:
        table.add_column(name, justify="right")
    return table
