"""`racord run` and `racord demo` as a newcomer types them: one stack in a folder of its own, started, killed, started again."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.test_embedded import folder  # noqa: F401 - a fixture: a folder that Postgres's user may enter

PROJECT = Path(__file__).resolve().parent.parent
PATIENCE = 120.0


class Command:
    """The commands, in one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        kept = {
            name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH", "LANG") if name in os.environ
        }
        self.environment = {**kept, "RACORD_HOME": str(home)}

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._line("run"),
            cwd=PROJECT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )

    def once(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._line(*arguments), cwd=PROJECT, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip

    def wait_until_ready(self, running: subprocess.Popen[str]) -> str:
        """The address, once the stack says that it is ready."""
        assert running.stdout is not None
        for line in running.stdout:
            if "Racord is ready" in line:
                ports = json.loads((self.home / "running.json").read_text())
                return f"http://127.0.0.1:{ports['api']}"
        raise AssertionError(f"it ended with {running.wait()}")

    def _line(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "cli", *arguments]


def ended(running: subprocess.Popen[str], how: signal.Signals) -> int:
    running.send_signal(how)
    code = running.wait(timeout=PATIENCE)
    assert running.stdout is not None
    running.stdout.close()
    return code


@pytest.mark.timeout(300)
def test_run_demo_kill_and_run_again(folder: Path) -> None:  # noqa: F811 - the fixture
    command = Command(folder / "home")
    first = command.start()
    address = command.wait_until_ready(first)
    key = (command.home / "api-key").read_text().strip()
    headers = {"Authorization": f"Bearer {key}"}
    sample = httpx2.get(f"{address}/api/v1/onboardings", headers=headers, trust_env=False).json()["items"]
    assert {one["waiting_on"] for one in sample} == {"us", "provider", "partner"}

    second = command.once("run")
    assert second.returncode == 0
    assert "already runs" in second.stdout
    assert address in second.stdout

    demo = command.once("demo")
    assert demo.returncode == 0, demo.stdout
    assert "All are live." in demo.stdout
    assert "All 9 stages: the call centres see what Racord says is bookable." in demo.stdout

    assert ended(first, signal.SIGKILL) == -signal.SIGKILL
    again = command.start()
    address = command.wait_until_ready(again)
    kept = httpx2.get(f"{address}/api/v1/onboardings", headers=headers, trust_env=False).json()["items"]
    assert [one["status"] for one in kept].count("live") == 3
    assert len(kept) == 6
    assert ended(again, signal.SIGINT) == 0
