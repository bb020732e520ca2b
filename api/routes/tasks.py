"""The inbox: every step that waits on somebody, onboardings on hold, and what live connections wait for."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from api import task_items
from api.access import Reader
from api.context import Context, Language
from api.schemas.tasks import TaskPage, TaskQuery
from api.task_items import Looking

router = APIRouter(tags=["tasks"])


@router.get("/tasks")
async def tasks(
    query: Annotated[TaskQuery, Query()], context: Context, language: Language, principal: Reader
) -> TaskPage:
    """Longest waiting first. A filter that is not known is refused, for the answer would show too much."""
    looking = Looking(principal, language, datetime.now(UTC))
    async with context.database.transaction() as session:
        return await task_items.page(session, context, looking, query)
