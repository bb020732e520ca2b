"""The demo's two tables: onboardings step by step, and live connections stage by stage with what the call centre sees."""

from rich.table import Table

from embedded.demo_connection import Connection, tell
from embedded.demo_life import STAGES
from embedded.demo_onboarding import Walk

MARKS = {
    "done": "[green]✔ done",
    "waiting": "[yellow]… waits",
    "running": "[cyan]⚙ works",
    "stale": "[magenta]↻ again",
    "pending": "[dim]· later",
}


def of_onboardings(walks: list[Walk], saying: str) -> Table:
    table = _table("Three partners, one engine" if len(walks) > 1 else None, saying)
    table.add_column("Step")
    for walk in walks:
        head = f"{walk.seen.get('partner_name', walk.partner)}\n{walk.seen.get('status', '')}"
        table.add_column(head, ratio=1)
    longest = max(walks, key=lambda walk: len(walk.seen.get("steps", ())), default=None)
    for key in [step["key"] for step in longest.seen.get("steps", ())] if longest else ():
        table.add_row(key.replace("_", " ").capitalize(), *(_step(walk, key) for walk in walks))
    return table


def of_life(connections: list[Connection], done: list[int], saying: str) -> Table:
    table = _table("After the activation: both sides say the same", saying)
    table.add_column("Stage")
    for one in connections:
        table.add_column(f"{one.partner}\n{one.seen.get('status', '')}", ratio=1)
    for number, stage in enumerate(STAGES):
        cells = [_stage(one, number, place) for one, place in zip(connections, done, strict=False)]
        table.add_row(stage.title, *cells, end_section=number == len(STAGES) - 1)
    codes = dict.fromkeys(code for one in connections for code in (*one.ours, *one.theirs))
    for code in codes:
        table.add_row(f"Call centre: {code}", *(_offer(one, code) for one in connections))
    return table


def _table(title: str | None, saying: str) -> Table:
    return Table(title=title, caption=saying, caption_justify="left", expand=True)


def _step(walk: Walk, key: str) -> str:
    step = next((s for s in walk.seen.get("steps", []) if s["key"] == key), None)
    if step is None:
        return "[dim]—"
    whom = f" for {step['waiting_on']}" if step["state"] == "waiting" else ""
    return MARKS[step["state"]] + whom


def _stage(one: Connection, number: int, done: int) -> str:
    if number < done:
        return MARKS["done"]
    if number > done:
        return MARKS["pending"]
    whom = one.seen.get("waiting_on")
    return f"{MARKS['waiting']} for {whom}" if whom not in (None, "system") else MARKS["running"]


def _offer(one: Connection, code: str) -> str:
    has, ought = one.theirs.get(code), one.ours.get(code)
    return tell(has) if has == ought else f"[yellow]{tell(has)} (Racord: {tell(ought)})"
