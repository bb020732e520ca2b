"""Racord's API and worker with marks of time: `python -m bench.traced api PORT`, `python -m bench.traced worker`.

The product's own code, wired as its own commands wire it; only a few seams are wrapped.
"""

import asyncio
import functools
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from temporalio.client import Client

import api.access
import worker
from adapters.settings import Settings
from adapters.temporal import Temporal
from api.app import create_app
from bench import trace

P = ParamSpec("P")
R = TypeVar("R")


def between(name: str, wrapped: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """The same, with a mark before and after."""

    @functools.wraps(wrapped)
    async def marked(*args: P.args, **kwargs: P.kwargs) -> R:
        trace.mark(f"{name}<")
        try:
            return await wrapped(*args, **kwargs)
        finally:
            trace.mark(f"{name}>")

    return marked


def marked_app() -> ASGIApp:
    """Racord's app; its requests' beginning and end are marked."""
    app = create_app()

    async def outermost(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                trace.mark("app>")
            await send(message)

        if scope["type"] == "http":
            trace.mark("app<")
        await app(scope, receive, sending)

    return outermost


def serve(port: int) -> None:
    """As `racord api` does."""
    api.access._identify = between("who", api.access._identify)
    setattr(Temporal, "command", between("ask", Temporal.command))  # noqa: B010 - mypy refuses to assign a method
    uvicorn.run(
        "bench.traced:marked_app",
        factory=True,
        host="127.0.0.1",
        port=port,
        timeout_graceful_shutdown=2,
        log_config=None,
        server_header=False,
    )


def work() -> None:
    """As `racord worker` does."""
    connect = Client.connect

    async def with_plugins(*args: Any, **kwargs: Any) -> Client:
        return await connect(*args, **kwargs, plugins=trace.plugins())

    setattr(Client, "connect", with_plugins)  # noqa: B010
    asyncio.run(worker.run(Settings()))


if __name__ == "__main__":
    if sys.argv[1] == "api":
        serve(int(sys.argv[2]))
    else:
        work()
