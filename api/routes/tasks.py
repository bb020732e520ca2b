"""The inbox: every step that waits on somebody."""

from datetime import datetime

from fastapi import APIRouter

from adapters.database import onboardings
from api import onboarding_view as view
from api.access import Reader
from api.context import Context, Language
from api.paging import Cursor, Limit, cursor_of, read_cursor
from api.schemas.onboardings import TaskPage, TaskView, Waiting

router = APIRouter(tags=["tasks"])


@router.get("/tasks")
async def tasks(
    context: Context,
    language: Language,
    principal: Reader,
    waiting_on: Waiting | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> TaskPage:
    """Longest waiting first."""
    after = read_cursor(cursor, datetime, str, str)
    async with context.database.transaction() as session:
        rows = await onboardings.tasks(
            session,
            waiting_on=waiting_on,
            provider_id=principal.provider_id,
            limit=limit + 1,
            after=after,
        )
    items = [
        TaskView(
            onboarding=view.brief(found),
            step=step.key,
            title=found.case.step(step.key).title.in_(language),
            state=found.progress.steps[step.key].state.value,
            waiting_on=step.waiting_on,
            since=step.since,
            due_at=step.due_at,
            attempt=step.attempt,
            href=f"{view.BASE}/onboardings/{found.row.id}",
        )
        for step, found in rows[:limit]
    ]
    last = rows[limit - 1][0] if len(rows) > limit else None
    return TaskPage(
        items=items, next_cursor=cursor_of(last.since, last.onboarding_id, last.key) if last else None
    )
