"""`python -m bench [--quick] [--json FILE]`: measures on a stack of its own and prints what it found."""

import argparse
import asyncio
import json
import signal
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from bench import live
from bench.dead_partner import Load
from bench.figures import QUICK, Figures, Size, machine, measure
from bench.prices import in_a_process_of_its_own
from bench.report import report
from bench.stack import Stack, started

LONGEST = 330.0


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run: the figures mean little")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser.parse_args(arguments)


async def run(size: Size, console: Console) -> tuple[Figures, bool]:
    """One measurement, and whether it came to its end within :data:`LONGEST`. Nothing is left running."""
    figures = Figures(machine())
    with console.status("starting Postgres and Temporal") as status:
        async with started(Stack) as stack:
            try:
                async with asyncio.timeout(LONGEST):
                    await measure(stack, size, figures, status.update)
            except TimeoutError:
                return figures, False
    return figures, True


def main() -> None:
    asked = options()
    # Asked to end, it tidies up as it does after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console()
    figures, complete = asyncio.run(run(QUICK if asked.quick else Size(), console))
    console.print(report(figures))
    prices = None if asked.quick else in_a_process_of_its_own()
    if prices:
        console.print(
            f"An edit of {prices['rows']:,} prices on three channels: {prices['first']:.2f} s, "
            f"{prices['ratio']:.1f}× a bare COPY of them (aim ≤ 5×); peak memory {prices['memory_mb']:.0f} MB (aim < 300)."
        )
    connections = live.run(console, live.QUICK if asked.quick else Load())
    if asked.json:
        ratios = {name: asdict(one) for name, one in figures.ratios().items()}
        asked.json.write_text(
            json.dumps(
                {**asdict(figures), "ratios": ratios, "prices": prices, "connections": connections},
                indent=2,
                ensure_ascii=False,
            )
            + "\n"
        )
    if not complete:
        raise SystemExit(
            f"Stopped after {LONGEST:.0f} s: the machine is too busy. What was measured is above."
        )


if __name__ == "__main__":
    main()
