"""The inbox: every step that waits on somebody, and what live connections wait for, longest first."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from adapters.database import tasks as store
from adapters.database.onboardings import Found
from adapters.database.tasks import Waits
from api.access import Reader as Reading
from api.context import Context, Language
from api.pages.listing import PARTIES, ROWS
from api.pages.rendering import render
from api.paging import Cursor, cursor_of, read_cursor
from api.routes.tasks import title_of

router = APIRouter(include_in_schema=False)


@router.get("/tasks")
async def tasks(
    request: Request,
    context: Context,
    language: Language,
    principal: Reading,
    waiting_on: Annotated[str, Query(max_length=20)] = "",
    cursor: Cursor = None,
) -> Response:
    """What is to be done, by whom, and where to do it."""
    party = waiting_on if waiting_on in PARTIES else ""
    after: tuple[datetime, str, str] | None = read_cursor(cursor, datetime, str, str)
    now = datetime.now(UTC)
    async with context.database.transaction() as session:
        found = await store.waiting(
            session,
            waiting_on=party or None,
            provider_id=principal.provider_id,
            limit=ROWS + 1,
            after=after,
            now=now,
        )
        counts = await store.counted(session, provider_id=principal.provider_id, now=now)
    last = found[ROWS - 1][0] if len(found) > ROWS else None
    return render(
        request,
        "tasks.html",
        tasks=[_task(waits, one, language) for waits, one in found[:ROWS]],
        party=party,
        counts={"": sum(counts.values()), **counts},
        parties=PARTIES,
        is_first=cursor is None,
        next_cursor=cursor_of(last.since, last.onboarding_id, last.key) if last else None,
    )


def _task(waits: Waits, found: Found, language: str) -> dict[str, Any]:
    is_step = waits.connection_id is None
    return {
        "href": f"/onboardings/{waits.onboarding_id}#step-{waits.key}"
        if is_step
        else f"/connections/{waits.connection_id}",
        "provider": found.provider_name,
        "partner": found.case.playbook.name,
        "title": title_of(waits, found, language),
        "waits": waits,
        "blocker": found.progress.steps[waits.key].blocker if is_step else None,
    }
