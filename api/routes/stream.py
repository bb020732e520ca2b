"""Live events (SSE): which onboarding moved, to which revision."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from adapters.database import onboardings
from api.access import Principal, Reader
from api.context import AppContext, Context
from api.live import Live

router = APIRouter(tags=["events"])
KEEP_ALIVE = 15.0


@router.get("/events/stream", response_class=EventSourceResponse)
async def stream(request: Request, context: Context, principal: Reader) -> AsyncIterator[ServerSentEvent]:
    """`event: onboarding`, `data: {"onboarding": id, "revision": n}` each time one moves. Read the rest from its page."""
    live: Live = request.app.state.live
    with live.subscribed() as news:
        yield ServerSentEvent(comment="open")
        while True:
            try:
                told = await asyncio.wait_for(news.get(), KEEP_ALIVE)
            except TimeoutError:
                yield ServerSentEvent(comment="still here")
                continue
            if await _may_hear(context, principal, str(told["onboarding"])):
                yield ServerSentEvent(event="onboarding", data=told)


async def _may_hear(context: AppContext, principal: Principal, onboarding_id: str) -> bool:
    if principal.provider_id is None:
        return True
    async with context.database.transaction() as session:
        return await onboardings.provider_of(session, onboarding_id) == principal.provider_id
