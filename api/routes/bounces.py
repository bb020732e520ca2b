"""Messages that came back: reports taken in from mail servers that pipe, and the list of marked addresses."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from adapters.database import bounce_lists
from adapters.database import bounces as store
from adapters.database.bounce_lists import Chosen
from adapters.mail.delivery_report import read_report
from api.access import Policy, Principal, Reader, allow
from api.context import Context
from api.paging import Cursor, Limit, cursor_of, read_cursor
from api.schemas.bounces import BouncePage, BounceView, ReportTaken
from api.schemas.catalogue import ID

router = APIRouter(tags=["bounces"])

Reporter = Annotated[Principal, Depends(allow(Policy.REPORT_BOUNCE))]
_REPORT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"message/rfc822": {"schema": {"type": "string", "title": "The report as it came"}}},
    }
}


@router.post("/bounces", openapi_extra=_REPORT)
async def report(request: Request, context: Context, principal: Reporter) -> ReportTaken:
    """Takes in a delivery report (RFC 3464). Whatever else comes is answered with 200 too: a mail server need not retry.

    Idempotent by itself: a message comes back from an address once.
    """
    said = await asyncio.to_thread(read_report, await request.body())
    if said is None:
        return ReportTaken(verdict="not_a_bounce", items=[])
    async with context.database.transaction() as session:
        ids = await store.take(session, said, datetime.now(UTC), provider_id=principal.provider_id)
        marks = await bounce_lists.some(session, ids)
    return ReportTaken(verdict="taken" if marks else "not_ours", items=[BounceView.of(one) for one in marks])


@router.get("/bounces")
async def listing(
    context: Context,
    principal: Reader,
    onboarding: Annotated[str | None, Query(pattern=ID, description="of one onboarding")] = None,
    provider: Annotated[str | None, Query(pattern=ID, description="of one provider")] = None,
    unresolved: Annotated[bool, Query(description="only what is still to be corrected")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> BouncePage:
    """What nobody settled first, the newest of them first."""
    if principal.provider_id is not None and provider not in (None, principal.provider_id):
        return BouncePage(items=[], next_cursor=None)
    chosen = Chosen(onboarding, principal.provider_id or provider, unresolved)
    after = read_cursor(cursor, bool, datetime, str)
    async with context.database.transaction() as session:
        rows = await bounce_lists.listed(
            session, chosen, limit=limit + 1, after=after and (after[0], after[1], after[2])
        )
    last = rows[limit - 1].row if len(rows) > limit else None
    return BouncePage(
        items=[BounceView.of(found) for found in rows[:limit]],
        next_cursor=cursor_of(last.resolved_at is not None, last.received_at, last.id) if last else None,
    )
