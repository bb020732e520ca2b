"""The services of the zero-set-up stack and what each of them needs."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from embedded.home import Home, default_folder, public_url
from embedded.ports import API, SANDBOX, answers, listens
from embedded.postgres import Postgres
from embedded.prepared import Prepared
from embedded.services import Command, Service
from embedded.temporal import TemporalServer


@dataclass(frozen=True)
class Stack:
    """The services of one start, and what is to be remembered of it."""

    services: tuple[Service, ...]
    home: Home
    prepared: Prepared

    def came_up(self) -> None:
        """Remember that migrations and sample data need not be run again."""
        self.prepared.mark()
        self.home.sample_loaded.touch()


def stack(home: Home, ports: Mapping[str, int]) -> Stack:
    """Postgres, Temporal, the mail catcher and the sandbox side by side; then the migrations; then API and worker.

    Migrations are run where the stores were not prepared by this very version, sample data once.
    """
    postgres = Postgres(home.folder / "postgres", ports["postgres"], log=home.log("postgres"))
    temporal = TemporalServer(
        home.folder / "temporal",
        ports["temporal"],
        ui_port=ports["temporal_ui"],
        http_port=ports["temporal_http"],
        log=home.log("temporal"),
    )
    prepared = Prepared(home.folder / "postgres", temporal.store)
    is_prepared = prepared.holds() and (home.folder / "postgres" / "data").exists() and home.api_key.exists()
    stores = ("postgres", "temporal")
    ground = stores if is_prepared else (*stores, "migrate")

    def racord(
        name: str,
        *arguments: str,
        needs: tuple[str, ...] = ground,
        once: bool = False,
        ready: Callable[[], bool] | None = None,
        log: Path | None = None,
    ) -> Command:
        return Command(
            name=name,
            argv=cli(name, *arguments),
            log=log or home.log(name),
            environment=lambda: home.environment(ports, postgres.url),
            needs=needs,
            once=once,
            ready=ready,
        )

    migrate = racord("migrate", "--api-key-file", str(home.api_key), needs=stores, once=True)
    sample = racord("sample-data", "--api-key-file", str(home.api_key), needs=("api", "worker"), once=True)
    services = (
        postgres,
        temporal,
        Command(
            name="catcher",
            argv=catcher(ports["smtp"], home.mail),
            log=home.log("catcher"),
            environment=lambda: {"PYTHONUNBUFFERED": "1"},
            ready=lambda: listens(ports["smtp"]),
        ),
        Command(
            name=SANDBOX,
            argv=cli(SANDBOX, "--port", str(ports[SANDBOX]), "--dir", str(home.sandbox)),
            log=home.log(SANDBOX),
            environment=home.sandbox_environment,
            ready=lambda: listens(ports[SANDBOX]),
        ),
        *(() if is_prepared else (migrate,)),
        racord("api", "--port", str(ports[API]), ready=lambda: answers(f"{public_url(ports)}/readyz")),
        racord("worker"),
        racord("login-link", once=True, log=home.login_link),
        *(() if home.sample_loaded.exists() else (sample,)),
    )
    return Stack(services, home, prepared)


def cli(*arguments: str) -> tuple[str, ...]:
    """The command line of a `racord` command, run by this very interpreter."""
    return (sys.executable, "-m", "cli", *arguments)


def catcher(port: int, folder: Path) -> tuple[str, ...]:
    """The command line of the mail catcher."""
    return (sys.executable, "-m", "embedded.catcher", "--port", str(port), "--dir", str(folder))


def environment_of_running() -> Mapping[str, str]:
    """The settings of the stack that runs in the default home; none where nothing runs there."""
    home = Home(default_folder())
    if not home.running.exists():
        return {}
    ports: dict[str, int] = json.loads(home.running.read_text())
    return home.environment(ports, Postgres(home.folder / "postgres", ports["postgres"]).url)
