"""`racord demo`: one onboarding per partner from contract to activation, through the public API and the links in the mails.

Nothing is known here of a partner's order: each round looks at what waits and does what its `actions`, or the mail, offer.
"""

import email
import email.policy
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

import httpx2
from rich.console import Console
from rich.live import Live
from rich.table import Table

from embedded.home import Home, default_folder, public_url
from embedded.lock import AlreadyLockedError, Lock
from embedded.stack import cli

PATIENCE = 120.0
LOOK_AGAIN_AFTER = 0.1
LINK = re.compile(r"https?://\S+(/l/[^\s>]+)")
MARKS = {
    "done": "[green]✔ done",
    "waiting": "[yellow]… waits",
    "running": "[cyan]⚙ works",
    "stale": "[magenta]↻ again",
    "pending": "[dim]· later",
}
EVIDENCE = {"document": "Contract 118/2026", "date": "2026-02-27"}
PERSON = {"name": "Mihai Pop", "role": "Integration lead"}
PROVIDER = {"name": "Dr. Ana Ionescu", "role": "Administrator", "email": "ana@clinica-demo.example"}
SERVICES = (
    ("CARD", "Consultație cardiologie", 30),
    ("ECO", "Ecografie abdominală", 25),
    ("EKG", "Electrocardiogramă", 15),
    ("DERM", "Dermatoscopie", 20),
)


@dataclass
class Walk:
    """One onboarding on its way; ``says`` tells what is being done."""

    api: httpx2.Client
    home: Home
    partner: str
    says: Callable[[str], None]
    id: str = ""
    seen: dict[str, Any] = field(default_factory=dict)

    def begin(self, run: str) -> None:
        """Registers a fresh clinic with a few examinations and starts its onboarding."""
        self.says(f"{self.partner}: a clinic with {len(SERVICES)} examinations; the onboarding starts")
        clinic = {
            "name": f"Clinica Demo {run}",
            "email": "contact@clinica-demo.example",
            "locale": "ro",
            "time_zone": "Europe/Bucharest",
        }
        provider = self._do("POST", "/api/v1/providers", clinic)["id"]
        for code, name, minutes in SERVICES:
            self._do(
                "POST",
                f"/api/v1/providers/{provider}/services",
                {"code": code, "name": name, "duration_minutes": minutes},
            )
        self.id = self._do("POST", "/api/v1/onboardings", {"provider_id": provider, "partner": self.partner})[
            "id"
        ]
        self.look()

    def look(self) -> None:
        self.seen = self._do("GET", f"/api/v1/onboardings/{self.id}")

    @property
    def live(self) -> bool:
        return bool(self.seen["status"] == "live")

    def move(self) -> bool:
        """Does the first thing that somebody can do now; False where everything waits for Racord itself."""
        self.look()
        open_steps = (step for step in self.seen["steps"] if step["waiting_on"] not in (None, "system"))
        return any(self._by_action(step) or self._by_mail(step) for step in open_steps)

    def _by_action(self, step: dict[str, Any]) -> bool:
        for action in step["actions"]:
            body = _body(action)
            if body is not None:
                self.says(f"{self.partner}: {step['title']}: {action['method']} {action['href']}")
                self._do(action["method"], action["href"], body)
                return True
        return False

    def _by_mail(self, step: dict[str, Any]) -> bool:
        """Answers the step's signed links that are still good, as their holders would."""
        for message in self._mails(step):
            path = LINK.search(_text(message))
            asked = self.api.get(path[1], headers={"accept": "application/json"}) if path else None
            if (
                path
                and asked is not None
                and asked.status_code == httpx2.codes.OK
                and asked.json()["actions"]
            ):
                self.says(
                    f"{self.partner}: {step['title']}: {message['To']} opens the link in “{message['Subject']}”"
                )
                schema = next(a["schema"] for a in asked.json()["actions"] if a["name"] == "complete")
                scenarios = schema.get("$defs", {}).get("Scenarios", {}).get("properties", {})
                answers = {"scenarios": dict.fromkeys(scenarios, "passed")} if scenarios else {}
                self._do("POST", path[1], {"action": "complete", **PERSON, **answers})
                return True
        return False

    def _mails(self, step: dict[str, Any]) -> Iterator[EmailMessage]:
        ledger = self._do("GET", f"/api/v1/onboardings/{self.id}/mails")["items"]
        wanted = {
            row["message_id"]
            for row in ledger
            if row["step"] == step["key"] and row["attempt"] == step["attempt"]
        }
        for path in sorted(self.home.mail.glob("*.eml")) if wanted else ():
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if message["Message-ID"] in wanted:
                yield message

    def _do(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.api.request(method, path, json=body, headers={"accept": "application/json"})
        if answer.is_error:
            problem = answer.json()
            raise SystemExit(
                f"{method} {path}: {answer.status_code}: {problem.get('detail')} {problem.get('mend')}"
            )
        return answer.json()


def _body(action: dict[str, Any]) -> dict[str, Any] | None:
    """What to send for an action of the account manager's; None for those that this walk leaves to others."""
    match action["name"]:
        case "complete" if "on_behalf_of" not in action["schema"].get("required", []):
            return {"evidence": EVIDENCE, "note": "Recorded by the demo"}
        case "put_calendar":
            hours = [
                {"day": day, "from": "09:00", "to": "17:00"} for day in ("mon", "tue", "wed", "thu", "fri")
            ]
            services = [
                choice["const"] for choice in action["schema"]["properties"]["service_ids"]["items"]["oneOf"]
            ]
            return {
                "physician": "Dr. Ana Ionescu",
                "weekly_hours": hours,
                "exceptions": [],
                "service_ids": services,
            }
        case "enable_channel":
            return {"enabled": True}
        case "publish_services":
            return {"service_ids": action["schema"]["properties"]["service_ids"]["default"]}
        case "set_prices":
            return {
                "prices": [
                    {**row, "amount": "250.00"} for row in action["schema"]["properties"]["prices"]["default"]
                ]
            }
        case "accept_consent":
            return {"version": action["schema"]["properties"]["version"]["const"], "accepted_by": PROVIDER}
    return None


def _text(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    return str(part.get_content()) if part else ""


def _table(walks: list[Walk], saying: str) -> Table:
    table = Table(
        title="Three partners, one engine" if len(walks) > 1 else None,
        caption=saying,
        caption_justify="left",
        expand=True,
    )
    table.add_column("Step")
    for walk in walks:
        table.add_column(
            f"{walk.seen.get('partner_name', walk.partner)}\n{walk.seen.get('status', '')}", ratio=1
        )
    longest = max(walks, key=lambda walk: len(walk.seen.get("steps", ())), default=None)
    for key in [step["key"] for step in longest.seen.get("steps", ())] if longest else ():
        table.add_row(key.replace("_", " ").capitalize(), *(_cell(walk, key) for walk in walks))
    return table


def _cell(walk: Walk, key: str) -> str:
    step = next((s for s in walk.seen.get("steps", []) if s["key"] == key), None)
    if step is None:
        return "[dim]—"
    whom = f" for {step['waiting_on']}" if step["state"] == "waiting" else ""
    return MARKS[step["state"]] + whom


def walk_all(home: Home, address: str, partners: tuple[str, ...], console: Console) -> int:
    """0 when every onboarding is live, 1 where one is not within the patience."""
    key = home.api_key.read_text().strip()
    with httpx2.Client(
        base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False
    ) as api:
        known = [partner["slug"] for partner in api.get("/api/v1/partners").json()["items"]]
        unknown = [slug for slug in partners if slug not in known]
        if unknown:
            console.print(f"[red]There is no partner “{unknown[0]}”.[/] Known: {', '.join(known)}.")
            return 2
        walks: list[Walk] = []
        with Live(console=console, auto_refresh=False) as live:

            def says(line: str) -> None:
                live.update(_table(walks, line), refresh=True)
                if not console.is_terminal:
                    console.print(line, markup=False, highlight=False)
                elif "RACORD_DEMO_PACE" in os.environ:
                    time.sleep(float(os.environ["RACORD_DEMO_PACE"]))

            walks += [Walk(api, home, slug, says) for slug in partners or known]
            for walk in walks:
                walk.begin(time.strftime("%H:%M:%S"))
            deadline = time.monotonic() + PATIENCE
            while not all(walk.live for walk in walks) and time.monotonic() < deadline:
                moved = [walk.move() for walk in walks if not walk.live]
                if not any(moved):
                    time.sleep(LOOK_AGAIN_AFTER)
            says("All are live." if all(walk.live for walk in walks) else "Not all got live in time.")
        return _close(walks, address, console)


def _close(walks: list[Walk], address: str, console: Console) -> int:
    console.print("Where to look:")
    for walk in walks:
        console.print(
            f"  {walk.seen['partner_name']}: {walk.seen['status']}: {address}/onboardings/{walk.id}",
            highlight=False,
            soft_wrap=True,
        )
    console.print(f"  Mails: {address}/dev/mail", highlight=False, soft_wrap=True)
    return 0 if all(walk.live for walk in walks) else 1


@contextmanager
def _stack(home: Home, console: Console) -> Iterator[str]:
    """The address of the running stack, or of one started for the time of the demo."""
    started = None if _is_running(home) else _start(home, console)
    try:
        yield _address(home)
    finally:
        if started is not None and started.poll() is None:
            console.print("This Racord stops now; `make run` brings it back, with all that was done.")
            started.terminate()
            started.wait()


def _is_running(home: Home) -> bool:
    return home.running.exists() and _answers(_address(home))


def _start(home: Home, console: Console) -> subprocess.Popen[bytes] | None:
    """Waits for a Racord that is starting here, or starts one; None where it was somebody else's."""
    lock, started = Lock(home.lock), None
    try:
        lock.acquire()
    except AlreadyLockedError:
        console.print("Racord is starting here; waiting for it …")
    else:
        lock.release()
        console.print("No Racord runs here; starting one for the time of the demo …")
        started = subprocess.Popen(cli("run"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE
    while not _is_running(home):
        if (started is not None and started.poll()) or time.monotonic() > deadline:
            raise SystemExit(f"Racord did not start; see {home.logs}, or run `racord run` yourself.")
        time.sleep(LOOK_AGAIN_AFTER)
    return started


def _address(home: Home) -> str:
    ports: dict[str, int] = json.loads(home.running.read_text())
    return str(public_url(ports))


def _answers(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/readyz", timeout=5, trust_env=False).status_code == httpx2.codes.OK
    except httpx2.HTTPError:
        return False


def main(partners: tuple[str, ...]) -> int:
    """The command; its exit code is 0 only when every onboarding walked is live."""
    console = Console(file=sys.stdout)
    home = Home.open(default_folder())
    with _stack(home, console) as address:
        return walk_all(home, address, partners, console)
