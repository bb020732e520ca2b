"""What `make run` tells the person in front of it."""

import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from rich.console import Console
from rich.text import Text

from embedded.home import Home, public_url, sandbox_url
from embedded.ports import API, DEFAULT_API_PORT, LOOPBACK, SANDBOX

# rich answers a closed pipe with SystemExit, after it has put /dev/null in the output's place
CLOSED_OUTPUT = (OSError, ValueError, SystemExit)


class Voice:
    """Prints lines without wrapping, so that addresses can be copied; a closed output is no failure."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or (
            Console(soft_wrap=True, highlight=False) if sys.stdout else Console(quiet=True)
        )

    def say(self, line: str, style: str = "") -> None:
        with suppress(*CLOSED_OUTPUT):
            self._console.print(Text(line, style=style))

    def event(self, line: str) -> None:
        self.say(f"{datetime.now().astimezone():%H:%M:%S} {line}", "yellow")

    def problem(self, line: str) -> None:
        self.say(line, "bold red")

    def pairs(self, pairs: Mapping[str, str]) -> None:
        width = max(map(len, pairs)) + 2
        with suppress(*CLOSED_OUTPUT):
            for label, value in pairs.items():
                self._console.print(Text(f"  {label:<{width}}", style="dim").append(value, style="not dim"))

    def summary(
        self, home: Home, ports: Mapping[str, int], login_link: str | None, seconds: float | None
    ) -> None:
        """Every address, the login link and where things lie."""
        address = public_url(ports)
        since = "" if seconds is None else f" after {seconds:.1f} s"
        self.say("")
        self.say(f"Racord is ready{since}.", "bold green")
        self.pairs(
            {
                "Log in (works once)": login_link or "no link could be made: run `racord login-link`",
                "Dashboard": f"{address}/",
                "API": f"{address}/docs",
                "Temporal": f"http://{LOOPBACK}:{ports['temporal_ui']}/",
                "Mails": f"{address}/dev/mail and {home.mail}/*.eml; server {LOOPBACK}:{ports['smtp']}",
                **({"Sandbox partners": f"{sandbox_url(ports)}/"} if SANDBOX in ports else {}),
                "Postgres": f"{LOOPBACK}:{ports['postgres']}",
                "API key": str(home.api_key),
                "Logs": f"{home.logs}/",
            }
        )
        if seconds is not None:
            self.say("Ctrl-C stops everything; the data stays.", "dim")

    def other_port(self, ports: Mapping[str, int]) -> None:
        self.event(f"port {DEFAULT_API_PORT} is taken, so this is port {ports[API]}; PORT=... chooses one")
