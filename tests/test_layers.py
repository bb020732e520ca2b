"""The layers point one way, and workflows load nothing that does I/O (DESIGN, "The house")."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
CONTRACTS = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
HEAVY = {
    "adapters", "aiosmtplib", "alembic", "api", "babel", "css_inline", "embedded", "fastapi", "holidays", "httpx2", "jinja2",
    "psycopg", "sqlalchemy", "starlette", "structlog", "uvicorn", "yaml",
}  # fmt: skip


def run(program: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter in the project's folder."""
    return subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=False
    )


def loaded_by(*modules: str) -> set[str]:
    """Top-level names of what a fresh interpreter has loaded after importing ``modules``."""
    show = "print(*{name.partition('.')[0] for name in sys.modules})"
    done = run(f"import sys, {', '.join(modules)}; {show}")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_every_contract_of_the_layers_is_kept() -> None:
    done = run(CONTRACTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("module", ["workflows.onboarding", "workflows.options", "activities.contract"])
def test_what_the_sandbox_loads_is_light(module: str) -> None:
    heavy = loaded_by(module) & HEAVY
    assert not heavy, (
        f"{module} loads {sorted(heavy)}: every workflow would pay for it, and could do I/O by it"
    )


def test_the_domain_loads_the_standard_library_and_pydantic_only() -> None:
    files = (path for path in (PROJECT / "domain").rglob("*.py") if path.name != "__init__.py")
    names = [".".join(path.relative_to(PROJECT).with_suffix("").parts) for path in files]
    ours = loaded_by(*sorted(names)) - loaded_by("pydantic") - sys.stdlib_module_names
    assert {name for name in ours if not name.startswith("_")} <= {"domain", "annotated_types"}


@pytest.mark.parametrize("module", ["adapters.settings", "api.app", "worker", "cli"])
def test_importing_needs_no_setting_and_opens_no_connection(module: str) -> None:
    guard = "import socket\ndef no(*a): raise SystemExit('it connects')\nsocket.socket.connect = no"
    done = run(f"import os; os.environ.clear()\n{guard}\nimport {module}")
    assert done.returncode == 0, done.stderr
