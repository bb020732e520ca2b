"""The inbox: every step that waits on somebody, and what live connections wait for."""

from datetime import UTC, datetime

from fastapi import APIRouter

from adapters.database import tasks as store
from adapters.database.onboardings import Found
from adapters.database.tasks import Waits
from adapters.i18n import say
from api import onboarding_view as view
from api.access import Reader
from api.context import Context, Language
from api.paging import Cursor, Limit, cursor_of, read_cursor
from api.schemas.onboardings import TaskConnection, TaskPage, TaskView, Waiting
from domain.errors import N_

router = APIRouter(tags=["tasks"])

# What waits on a connection; the keys are stable.
ON_CONNECTIONS = {
    "notice": N_("The partner acknowledges what it was told"),
    "notice_returned": N_("A notice came back: settle it and send it again"),
    "notice_unsent": N_("A notice could not be sent yet"),
    "rejected": N_("The partner's system rejected services"),
    "delivery": N_("The partner's system does not take the changes"),
    "paused": N_("The connection is paused"),
    "ending": N_("Closed here; the partner may not know yet"),
}


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
        rows = await store.waiting(
            session,
            waiting_on=waiting_on,
            provider_id=principal.provider_id,
            limit=limit + 1,
            after=after and (after[0], after[1], after[2]),
            now=datetime.now(UTC),
        )
    last = rows[limit - 1][0] if len(rows) > limit else None
    return TaskPage(
        items=[_shown(waits, found, language) for waits, found in rows[:limit]],
        next_cursor=cursor_of(last.since, last.onboarding_id, last.key) if last else None,
    )


def _shown(waits: Waits, found: Found, language: str) -> TaskView:
    return TaskView(
        onboarding=view.brief(found),
        connection=_connection(waits),
        step=waits.key,
        title=title_of(waits, found, language),
        state=waits.state,
        waiting_on=waits.waiting_on,
        since=waits.since,
        due_at=waits.due_at,
        attempt=waits.attempt,
        href=_href(waits),
    )


def title_of(waits: Waits, found: Found, language: str) -> str:
    """What is to be done, in the reader's language."""
    if waits.connection_id is None:
        return found.case.step(waits.key).title.in_(language)
    return say(language, ON_CONNECTIONS[waits.key])


def _connection(waits: Waits) -> TaskConnection | None:
    if waits.connection_id is None:
        return None
    return TaskConnection(id=waits.connection_id, status=waits.status, count=waits.count)


def _href(waits: Waits) -> str:
    if waits.connection_id is None:
        return f"{view.BASE}/onboardings/{waits.onboarding_id}"
    return f"{view.BASE}/connections/{waits.connection_id}"
