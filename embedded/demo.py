"""`racord demo`: one onboarding per partner from contract to activation, and then what a connection lives through.

Everything goes through the public API and the links in the mails; what partners see is asked of the sandbox.
"""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx2
from rich.console import Console
from rich.live import Live
from rich.table import Table

from embedded.demo_connection import Connection
from embedded.demo_desk import Desk
from embedded.demo_life import STAGES, Life
from embedded.demo_onboarding import Walk
from embedded.demo_partner import CallCentre
from embedded.demo_stack import LOOK_AGAIN_AFTER, PATIENCE, sandbox_of, stack
from embedded.demo_tables import of_life, of_onboardings
from embedded.home import Home, default_folder

TOO_OLD = "The Racord that runs here is an earlier one, without a sandbox: stop it, and run the demo again."


@dataclass
class Screen:
    """A live table with what is being said below it; where there is no terminal, what is said line by line."""

    console: Console
    table: Callable[[str], Table]
    line: str = ""

    def __post_init__(self) -> None:
        self._live = Live(
            console=self.console, auto_refresh=False, get_renderable=lambda: self.table(self.line)
        )

    def __enter__(self) -> "Screen":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def shows(self) -> None:
        self._live.refresh()

    def says(self, line: str) -> None:
        self.line = line
        self.shows()
        if not self.console.is_terminal:
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)
        elif "RACORD_DEMO_PACE" in os.environ:
            time.sleep(float(os.environ["RACORD_DEMO_PACE"]))


def show_all(home: Home, address: str, partners: tuple[str, ...], console: Console) -> int:
    """0 when all onboardings got live and both sides agreed at every stage after it; else 1."""
    sandbox = sandbox_of(home)
    if sandbox is None:
        console.print(f"[red]{TOO_OLD}[/]")
        return 1
    key = home.api_key.read_text().strip()
    with (
        httpx2.Client(
            base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False
        ) as api,
        httpx2.Client(base_url=sandbox, timeout=30, trust_env=False) as systems,
    ):
        desk = Desk(api, home)
        # Whether a partner takes recorded prices, by its slug (R16).
        known = {
            one["slug"]: one["sync"]["price"] == "push"
            for one in desk.ask("GET", "/api/v1/partners")["items"]
        }
        if unknown := [slug for slug in partners if slug not in known]:
            console.print(f"[red]There is no partner “{unknown[0]}”.[/] Known: {', '.join(known)}.")
            return 2
        walks = go_live(desk, partners or tuple(known), console)
        works = all(walk.live for walk in walks)
        if works:
            centres = [CallCentre(systems, walk.partner, known[walk.partner]) for walk in walks]
            works = live_on(desk, walks, centres, console)
    _close(walks, address, sandbox, console)
    return 0 if works else 1


def go_live(desk: Desk, partners: tuple[str, ...], console: Console) -> list[Walk]:
    """The onboardings, live if that was possible within the patience."""
    walks: list[Walk] = []
    with Screen(console, lambda line: of_onboardings(walks, line)) as screen:
        walks += [Walk(desk, slug, screen.says) for slug in partners]
        for walk in walks:
            walk.begin(time.strftime("%H:%M:%S"))
        deadline = time.monotonic() + PATIENCE
        while not all(walk.live for walk in walks) and time.monotonic() < deadline:
            moved = [walk.move() for walk in walks if not walk.live]
            if not any(moved):
                time.sleep(LOOK_AGAIN_AFTER)
        screen.says("All are live." if all(walk.live for walk in walks) else "Not all got live in time.")
    return walks


def live_on(desk: Desk, walks: list[Walk], centres: list[CallCentre], console: Console) -> bool:
    """Whether both sides agreed at every stage."""
    connections: list[Connection] = []
    done = [0] * len(walks)
    with Screen(console, lambda line: of_life(connections, done, line)) as screen:
        connections += [
            Connection(desk, walk, centre, screen.says) for walk, centre in zip(walks, centres, strict=True)
        ]
        stuck = Life(connections, done, screen.says, screen.shows).live()
        if stuck is None:
            screen.says(f"All {len(STAGES)} stages: the call centres see what Racord says is bookable.")
    for one, number in zip(connections, done, strict=True):
        if stuck is not None and STAGES[number] is stuck:
            found = (
                "; ".join(one.differences()) or f"Racord says “{one.seen['status']}”, and more was expected"
            )
            console.print(f"[red]{stuck.title}: {one.partner}:[/] {found}", highlight=False, soft_wrap=True)
    return stuck is None


def _close(walks: list[Walk], address: str, sandbox: str, console: Console) -> None:
    places = {walk.seen["partner_name"]: f"{address}/onboardings/{walk.id}" for walk in walks}
    places |= {"Connections": f"{address}/connections", "Mails": f"{address}/dev/mail"}
    console.print("Where to look:")
    for name, place in (places | {"Partners' systems": f"{sandbox}/"}).items():
        console.print(f"  {name}: {place}", highlight=False, soft_wrap=True)


def main(partners: tuple[str, ...]) -> int:
    """The command; its exit code is 0 only when every connection shown went well from contract to end."""
    console = Console(file=sys.stdout)
    home = Home.open(default_folder())
    with stack(home, console) as address:
        return show_all(home, address, partners, console)
