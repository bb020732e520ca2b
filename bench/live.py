"""(e) and (f): live connections, on a stack of their own. `python -m bench.live [--json FILE]`"""

import argparse
import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.database.session import Database
from adapters.mail.render import TEMPLATES
from adapters.playbooks import load_playbooks
from bench.dead_partner import STATES, Bench, Delays, Load
from bench.live_connections import clinic
from bench.live_stack import HEALTHY, SLUGS, LiveStack
from bench.stack import started
from bench.turns import Ratio, ratio
from domain.messages import SyncStart

AIM = 1.2
FIGURES = ("p50", "p95")
QUICK = Load(blocks=1, clinics=6, changes=6, large=500)
QUIET = SyncStart(connection_id="", partner="").quiet.total_seconds()


async def measure(load: Load, found: Delays, say: Callable[[str], None]) -> None:
    """All of it; ``found`` is filled as it is found. Nothing is left running."""
    say("starting Postgres, Temporal and two sandboxes")
    async with started(LiveStack) as stack:
        url = stack.database_url.replace("postgresql://", "postgresql+psycopg://", 1)
        database = Database(create_async_engine(url))
        try:
            await _measured(stack, database, load, found, say)
        finally:
            await database.close()


async def _measured(
    stack: LiveStack, database: Database, load: Load, found: Delays, say: Callable[[str], None]
) -> None:
    playbooks = load_playbooks(stack.playbooks, TEMPLATES)
    say(f"{len(SLUGS) * load.clinics} live connections")
    clinics = [await clinic(database, playbooks, SLUGS, 5) for _ in range(load.clinics)]
    stack.begin()
    bench = Bench(stack, database, clinics, load)
    await bench.caught_up()
    await bench.round("healthy")  # warms up
    for block in range(load.blocks):
        # Each state comes first, second and third.
        for state in (*STATES[block % 3 :], *STATES[: block % 3]):
            say(f"block {block + 1} of {load.blocks}: the third partner is {state}")
            found.rounds[state].append(await bench.round(state))
    say(f"an edit of {load.large:,} prices")
    large = await clinic(database, playbooks, HEALTHY[:1], load.large)
    await bench.caught_up()
    for amount in (Decimal(120), Decimal(125), Decimal(130)):
        found.large.append(await bench.large(large, amount))


def ratios(found: Delays, state: str, name: str) -> tuple[Ratio, Ratio] | None:
    """With ÷ without a dead partner, within each block; the second one leaves the quiet second out of both."""
    pairs = list(zip(found.rounds[state], found.rounds["healthy"], strict=False))
    if state == "healthy" or not pairs:
        return None
    dead, well = ([getattr(pair[side], name) for pair in pairs] for side in (0, 1))
    return ratio(dead, well), ratio([one - QUIET for one in dead], [one - QUIET for one in well])


def report(found: Delays, load: Load) -> Table:
    title = f"(e) {len(SLUGS) * load.clinics} live connections, one partner dies: commit to acknowledgement at the others"
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("third partner")
    for name in ("", "seconds", "÷ healthy", "beyond the quiet second"):
        table.add_column(name, justify="right")
    for state, rounds in found.rounds.items():
        for name in FIGURES if rounds else ():
            shown = ratios(found, state, name)
            told = (_verdict(shown[0]), _told(shown[1])) if shown else ("", "")
            table.add_row(state, name, _span([getattr(one, name) for one in rounds]), *told)
    if found.large:
        table.caption = (
            f"(f) {load.large:,} prices in one edit: {_span(found.large)} s until the partner has them"
        )
    return table


def _span(seconds: list[float]) -> str:
    return f"{min(seconds):.2f}–{max(seconds):.2f}"


def _told(one: Ratio) -> str:
    return f"{one.median:.2f} ({one.lowest:.2f}–{one.highest:.2f})"


def _verdict(one: Ratio) -> str:
    return f"[bold {'green' if one.median <= AIM else 'red'}]{_told(one)}[/] aim ≤ {AIM}"


def run(console: Console, load: Load) -> dict[str, object]:
    """Measures and prints; the figures as JSON takes them."""
    found = Delays()
    try:
        with console.status("") as status:
            asyncio.run(measure(load, found, status.update))
    except TimeoutError:
        console.print("[red]Stopped: a change did not arrive in time.[/] What was measured is below.")
    console.print(report(found, load))
    return {**asdict(found), "load": asdict(load), "ratios": _as_json(found)}


def _as_json(found: Delays) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    return {
        state: {
            name: {"all": asdict(shown[0]), "beyond_quiet": asdict(shown[1])}
            for name in FIGURES
            if (shown := ratios(found, state, name))
        }
        for state in STATES[1:]
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.live", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run: the figures mean little")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    asked = parser.parse_args()
    figures = run(Console(), QUICK if asked.quick else Load())
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
