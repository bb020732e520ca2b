"""The stack of the bench of live connections: worker, and partners' systems as two sandboxes, one of which may die."""

import base64
import json
import secrets
import shutil
import signal
from pathlib import Path

import httpx2

from bench import processes
from bench.stack import PARTNERS, PATIENCE, DidNotStartError, Stack
from embedded import process
from embedded.ports import any_free, listens
from embedded.sandbox import keys
from embedded.stack import cli

HEALTHY = ("bench-one", "bench-two")
THIRD = "bench-three"
SLUGS = (*HEALTHY, THIRD)
PLAYBOOK = Path(__file__).with_name("live_partner.yaml")


class LiveStack(Stack):
    """Two partners in one sandbox, the third in another."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._folder = folder
        self._sandboxes = dict.fromkeys(HEALTHY, any_free()) | {THIRD: any_free()}
        self._secrets = {
            slug: ["whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()] for slug in SLUGS
        }
        self.settings = {
            keys.VARIABLE: json.dumps(self._secrets),
            "RACORD_PARTNER_PRIVATE_HOSTS": "127.0.0.1",
            "RACORD_PARTNER_ENDPOINTS": json.dumps(
                {slug: {"url": self._url(slug), "secrets": self._secrets[slug]} for slug in SLUGS}
            ),
        }

    @property
    def playbooks(self) -> Path:
        return self._partners

    def begin(self) -> None:
        """Sandboxes and worker."""
        self._sandbox(HEALTHY[0])
        self._sandbox(THIRD)
        self._spawn("worker", cli("worker"))

    def third_is_killed(self) -> None:
        """Its connections are refused."""
        process.end(self._children.pop(THIRD), signal.SIGKILL, patience=5)

    def third_is_back(self) -> None:
        if THIRD not in self._children:
            self._sandbox(THIRD)
        self.third_behaves("ok")

    def third_behaves(self, mode: str) -> None:
        order = httpx2.post(f"{self._url(THIRD)}/behave", json={"mode": mode}, trust_env=False)
        order.raise_for_status()

    def used(self) -> float:
        """Processor seconds of worker, Temporal and Postgres so far."""
        return sum(processes.seconds(self.pid(name)) for name in ("worker", "temporal", "postgres"))

    def stop(self) -> None:
        for name in (HEALTHY[0], THIRD):
            if child := self._children.pop(name, None):
                process.end(child, signal.SIGTERM, patience=2)
        super().stop()

    def _sandbox(self, slug: str) -> None:
        port = self._sandboxes[slug]
        argv = cli("sandbox", "--port", str(port), "--dir", str(self._folder / slug))
        self._spawn(slug, argv)
        if not process.wait_until(lambda: listens(port), PATIENCE):
            raise DidNotStartError(self._story(slug))

    def _url(self, slug: str) -> str:
        return f"http://127.0.0.1:{self._sandboxes[slug]}/{slug}"

    def _lay_out_partners(self) -> None:
        shutil.copytree(PARTNERS / "declarations", self._partners / "declarations")
        for slug in SLUGS:
            (self._partners / f"{slug}.yaml").write_text(PLAYBOOK.read_text().replace("SLUG", slug))
