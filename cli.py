"""The command `racord`. Wiring only; everything heavy is imported by the command that needs it."""

import asyncio
import os
import secrets
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

app = typer.Typer(
    help="Racord brings medical providers live on partners' booking channels, and keeps the connection true.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
partners_app = typer.Typer(help="Playbooks of partners.", no_args_is_help=True)
app.add_typer(partners_app, name="partners")


@app.command()
def run() -> None:
    """Starts the whole stack on this machine and keeps it running (`make run`). PORT and RACORD_HOME are heeded."""
    from embedded.home import default_folder
    from embedded.supervisor import run as run_stack

    port = os.environ.get("PORT")
    if port is not None and not (port.isdecimal() and 0 < int(port) < 65536):
        _fail(f"PORT={port} is not a port: give a number from 1 to 65535.")
    raise SystemExit(run_stack(default_folder(), int(port) if port else None))


@app.command()
def api(
    port: Annotated[int, typer.Option(help="port")] = 8000,
    host: Annotated[str, typer.Option(help="address")] = "127.0.0.1",
) -> None:
    """Serves the API and the pages."""
    import uvicorn

    uvicorn.run(
        "api.app:create_app",
        factory=True,
        host=host,
        port=port,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=75,  # longer than clients and proxies keep an idle connection
        log_config=None,
        access_log=False,
        server_header=False,
    )


@app.command()
def worker() -> None:
    """Works on onboardings: workflows, mails, the outbox."""
    from worker import main as work

    work()


@app.command()
def migrate(
    api_key_file: Annotated[
        Path | None, typer.Option(help="write a manager's key here unless it holds one that works")
    ] = None,
) -> None:
    """Brings the database and Temporal's namespace to this version's needs. Safe to repeat."""
    from adapters.database.migrate import migrate as migrate_database
    from adapters.settings import Settings

    settings = Settings()
    migrate_database(settings)
    _await(_prepare(settings, api_key_file))


@app.command("login-link")
def login_link(
    name: Annotated[str, typer.Option(help="who signs in")] = "Account manager",
    role: Annotated[str, typer.Option(help="manager, viewer or provider")] = "manager",
    provider: Annotated[str | None, typer.Option(help="limits the session to this provider's id")] = None,
    minutes: Annotated[int, typer.Option(min=1, max=24 * 60, help="how long the link is valid")] = 60,
) -> None:
    """Prints a one-time link that signs a person in."""
    print(_await(_login_link(_settings(), name, _role(role, provider), provider, minutes)))


@app.command("api-key")
def api_key(
    name: Annotated[str, typer.Argument(help="what the key is for")],
    role: Annotated[
        str | None, typer.Option(help="manager, provider or viewer; viewer where nothing is said")
    ] = None,
    provider: Annotated[str | None, typer.Option(help="limits the key to this provider's id")] = None,
    partner: Annotated[
        str | None, typer.Option(help="a key for this partner's feed (its slug), and nothing else")
    ] = None,
) -> None:
    """Makes an API key and prints it once; only its hash is kept."""
    settings = _settings()
    if partner is not None:
        _must_be_partner(settings, partner, role, provider)
    named = "partner" if partner else _role(role or "viewer", provider)
    print(_await(_api_key(settings, name, named, provider, partner)))


@app.command("api-keys")
def api_keys(
    revoke: Annotated[
        str | None, typer.Option(help="revoke the key with this id; it stops working at once")
    ] = None,
) -> None:
    """Lists the API keys: id, role, what for, since when; or revokes one."""
    for line in _await(_api_keys(_settings(), revoke)):
        print(line)


@app.command("new-secret")
def new_secret() -> None:
    """Prints a fresh value for RACORD_SECRET_KEYS."""
    print(secrets.token_hex(32))


@app.command("sample-data")
def sample_data(api_key_file: Annotated[Path, typer.Option(help="a manager's key")]) -> None:
    """Loads two sample clinics and three onboardings at different stages into an empty Racord."""
    from adapters.settings import Settings
    from embedded.sample import load

    _await(load(Settings(), api_key_file.read_text().strip()))


@app.command()
def demo(
    partner: Annotated[list[str] | None, typer.Option(help="only this partner (repeatable)")] = None,
) -> None:
    """Walks one onboarding per partner from contract to activation, and then through the connection's life to its end.

    Uses the Racord that runs in RACORD_HOME, or starts one for the time of the demo. Exit code 0 only when all got live
    and the partners' systems (the sandbox) had what Racord says is bookable after every change.
    """
    from embedded.demo import main as walk

    raise SystemExit(walk(tuple(partner or ())))


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(min=1, max=65535, help="port on this machine's loopback")],
    dir: Annotated[Path, typer.Option(help="folder of its state")],
) -> None:
    """Serves pretend partners to try Racord with; RACORD_SANDBOX_SECRETS names them and their secrets."""
    from embedded.sandbox.keys import VARIABLE
    from embedded.sandbox.server import serve

    try:
        serve(port, dir, os.environ.get(VARIABLE, ""))
    except ValueError as wrong:
        _fail(f"{VARIABLE}: {wrong}. See docs/sandbox.md.")
    except OSError as refused:
        _fail(f"cannot listen on port {port} or keep state in {dir}: {refused.strerror or refused}.")


@partners_app.command("check")
def partners_check(
    files: Annotated[list[Path], typer.Argument(help="playbooks (YAML)", exists=True, dir_okay=False)],
) -> None:
    """Checks playbooks; names file, line, problem and mend."""
    from adapters.mail.render import TEMPLATES
    from adapters.playbooks import check_file

    found = [line for file in files for line in check_file(file, TEMPLATES)]
    for line in found:
        print(line)
    if found:
        raise SystemExit(1)
    print(f"{len(files)} playbook{'s' if len(files) > 1 else ''} in order.")


async def _prepare(settings: Any, api_key_file: Path | None) -> None:
    from adapters.database.access import create_api_key, key_works
    from adapters.database.session import Database
    from adapters.temporal import Temporal
    from adapters.temporal_bootstrap import bootstrap

    temporal = await Temporal.connect(settings, lazy=False)
    await bootstrap(temporal.client)
    if api_key_file is None:
        return
    database = Database.connect(settings)
    async with database.transaction() as session:
        if not await key_works(session, _read_secret(api_key_file)):
            _write_secret(
                api_key_file, await create_api_key(session, "Account manager (set-up key)", "manager")
            )
    await database.close()


async def _login_link(settings: Any, name: str, role: str, provider: str | None, minutes: int) -> str:
    from adapters.database.access import create_login_link
    from adapters.database.session import Database

    database = Database.connect(settings)
    async with database.transaction() as session:
        await _must_exist(session, provider)
        token = await create_login_link(session, name, role, minutes, provider)
    await database.close()
    return f"{settings.public_url}/login/{token}"


async def _api_key(settings: Any, name: str, role: str, provider: str | None, partner: str | None) -> str:
    from adapters.database.access import create_api_key
    from adapters.database.session import Database

    database = Database.connect(settings)
    async with database.transaction() as session:
        await _must_exist(session, provider)
        key = await create_api_key(session, name, role, provider, partner)
    await database.close()
    return key


async def _must_exist(session: Any, provider: str | None) -> None:
    from adapters.database.tables import Provider

    if provider is not None and await session.get(Provider, provider) is None:
        _fail(f"there is no provider “{provider}”.")


async def _api_keys(settings: Any, revoke: str | None) -> list[str]:
    from adapters.database.access import list_api_keys, revoke_api_key
    from adapters.database.session import Database

    database = Database.connect(settings)
    async with database.transaction() as session:
        if revoke is not None and not await revoke_api_key(session, revoke):
            _fail(f"there is no living key “{revoke}”; `racord api-keys` lists them.")
        rows = await list_api_keys(session)
    await database.close()
    return [
        f"{row.id}  {row.role:<8}  {row.created_at:%Y-%m-%d}  {'revoked' if row.revoked_at else 'works':<7}  {row.name}"
        + (f" (only {only})" if (only := row.provider_id or row.partner) else "")
        for row in rows
    ]


def _read_secret(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


def _write_secret(path: Path, text: str) -> None:
    path.touch(0o600)
    path.write_text(text + "\n")


def _settings() -> Any:
    """From the environment; beside a stack that runs in RACORD_HOME, from there."""
    from adapters.settings import Settings

    if "RACORD_DATABASE_URL" not in os.environ:
        from embedded.stack import environment_of_running

        os.environ.update(environment_of_running())
    return Settings()


def _role(named: str, provider: str | None = None) -> str:
    from api.access import Role

    if named == Role.PARTNER:
        _fail("a partner reads its feed with a key: racord api-key NAME --partner SLUG.")
    if named not in list(Role):
        _fail(f"there is no role “{named}”: use one of {', '.join(Role)}.")
    if named == Role.PROVIDER and provider is None:
        _fail("a key with the role “provider” needs --provider ID.")
    return named


def _must_be_partner(settings: Any, slug: str, role: str | None, provider: str | None) -> None:
    from adapters.mail.render import TEMPLATES
    from adapters.playbooks import load_playbooks

    if role not in (None, "partner") or provider is not None:
        _fail("a key with --partner reads that partner's feed only: leave --role and --provider out.")
    known = [playbook.slug for playbook in load_playbooks(settings.partners_dir, TEMPLATES)]
    if slug not in known:
        _fail(f"there is no partner “{slug}”: use one of {', '.join(known)}.")


def _await(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def _fail(message: str) -> NoReturn:
    print(f"racord: {message}", file=sys.stderr)
    raise SystemExit(2)


def main() -> None:
    """Runs the command line; a wrong setting is said in one line, without a traceback."""
    from pydantic import ValidationError

    try:
        app()
    except ValidationError as error:
        wrong = "; ".join(
            f"RACORD_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()
        )
        _fail(f"settings are not right: {wrong}. See docs/operations.md.")


if __name__ == "__main__":
    main()
