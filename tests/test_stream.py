"""News of onboardings as it happens, over a real connection (server-sent events)."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI

from adapters.database.access import create_api_key
from tests.playbooks import EVIDENCE
from tests.stack import PATIENCE
from tests.test_api_onboardings import journey
from tests.test_journey import Journey

__all__ = ["journey"]
REASON = {"reason": "The clinic moves house."}


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[str]:
    """The app behind a real server: its address."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        server = uvicorn.Server(
            uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
        )
        serving = asyncio.create_task(server.serve([door]))
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        server.should_exit = True
        await serving


async def news(address: str, key: str) -> AsyncGenerator[dict[str, Any], None]:
    """What the stream tells, from the moment it is open; the first item only says that it is."""
    headers = {"authorization": f"Bearer {key}"}
    async with (
        httpx2.AsyncClient(base_url=address, headers=headers, trust_env=False) as http,
        http.stream("GET", "/api/v1/events/stream") as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            if line.startswith(":"):
                yield {}
            elif line.startswith("data:"):
                yield json.loads(line.removeprefix("data:"))


async def test_open_pages_hear_of_a_change_as_it_happens(journey: Journey) -> None:
    async with (
        listening(journey.stack.app) as address,
        asyncio.timeout(PATIENCE),
        aclosing(news(address, journey.stack.key)) as heard,
    ):
        assert await anext(heard) == {}
        await journey.stack.call("POST", f"/onboardings/{journey.id}/steps/contract/complete", json=EVIDENCE)
        assert await anext(heard) == {"onboarding": journey.id, "revision": 2}
        assert await anext(heard) == {"onboarding": journey.id, "revision": 3}


async def test_a_limited_key_hears_of_its_own_provider_only(journey: Journey) -> None:
    stack = journey.stack
    other = await Journey(stack, "europ-assistance").begin()
    async with stack.database.transaction() as session:
        key = await create_api_key(session, "theirs", "provider", other.provider)
    async with (
        listening(stack.app) as address,
        asyncio.timeout(PATIENCE),
        aclosing(news(address, key)) as heard,
    ):
        assert await anext(heard) == {}
        await stack.call("POST", f"/onboardings/{journey.id}/hold", json=REASON)
        await stack.call("POST", f"/onboardings/{other.id}/hold", json=REASON)
        assert await anext(heard) == {"onboarding": other.id, "revision": 2}
