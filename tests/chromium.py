"""A real Chromium for tests of the pages, and the working stack served where it can reach it."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

import uvicorn
from playwright.async_api import Browser, Page, expect

from api.access import session_cookie
from tests.stack import PATIENCE, Stack
from tests.visitor import sign_in, visiting

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or ""
DESK = 1440
expect.set_options(timeout=PATIENCE * 1000)
Scheme = Literal["light", "dark"]


@asynccontextmanager
async def served(stack: Stack) -> AsyncIterator[str]:
    """Serves the stack on a free port of this machine; its address."""
    # No log settings: uvicorn's are the process's, and another test reads what is logged.
    config = uvicorn.Config(stack.app, port=0, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    with suppress(asyncio.CancelledError):
        await serving


@asynccontextmanager
async def opened(
    browser: Browser,
    stack: Stack,
    address: str,
    *,
    width: int = DESK,
    scheme: Scheme = "light",
    role: str = "manager",
    **more: Any,
) -> AsyncIterator[Page]:
    """A signed-in browser; at the end nothing may have been said on its console that is wrong."""
    context = await browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        base_url=address,
        timezone_id="Europe/Bucharest",
        **more,
    )
    async with visiting(stack) as visitor:
        await sign_in(stack, visitor, role)
        token = visitor.http.cookies[session_cookie(False)]
    await context.add_cookies([{"name": session_cookie(False), "value": token, "url": address}])
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    await context.close()
    # The browser itself notes each answer that is an error, though a page came with it.
    assert [one for one in complaints if "status of 4" not in one] == []
