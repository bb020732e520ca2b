"""The sandbox's partners beside the stack: the real process, and what it holds, as the test of truth."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.test_sandbox import NEW, Process

SLUGS = ("generali", "europ-assistance", "global-assistance")


@dataclass
class Sandbox:
    """A running `racord sandbox` and orders to it."""

    process: Process
    http: httpx2.AsyncClient

    async def order(self, slug: str, what: str, **fields: Any) -> None:
        """One of behave, forget, tamper, prices."""
        answer = await self.http.post(f"/{slug}/{what}", json=fields)
        assert answer.is_success, answer.text

    async def held(self, slug: str, connection: str) -> dict[str, Any]:
        """What it holds of that connection, by the services' code; empty where it never heard of it."""
        answer = await self.http.get(f"/{slug}/held")
        assert answer.is_success, answer.text
        found = next((one for one in answer.json()["items"] if one["connection"] == connection), None)
        return {one["code"]: one for one in found["services"]} if found else {}

    async def deliveries(self, slug: str, connection: str) -> list[dict[str, Any]]:
        """What arrived, oldest first."""
        answer = await self.http.get(f"/{slug}/deliveries", params={"connection": connection})
        assert answer.is_success, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return sorted(items, key=lambda one: one["sequence"])


@contextmanager
def sandbox_process(folder: Path) -> Iterator[Process]:
    made = Process(folder, list(SLUGS))
    made.start()
    try:
        yield made
    finally:
        made.end()


@asynccontextmanager
async def sandbox_of(process: Process) -> AsyncIterator[Sandbox]:
    async with httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{process.port}", trust_env=False, timeout=30
    ) as http:
        yield Sandbox(process, http)


def variables(process: Process) -> dict[str, str]:
    """The same, as a process of its own gets them."""
    led = endpoints(process)
    return {
        "RACORD_PARTNER_ENDPOINTS": json.dumps(led["partner_endpoints"]),
        "RACORD_PARTNER_PRIVATE_HOSTS": ",".join(led["partner_private_hosts"]),
    }


def endpoints(process: Process) -> dict[str, Any]:
    """The settings that lead every partner to it."""
    return {
        "partner_private_hosts": ("127.0.0.1",),
        "partner_endpoints": {
            slug: {"url": f"http://127.0.0.1:{process.port}/{slug}", "secrets": [NEW]} for slug in SLUGS
        },
    }
