"""Saved views of the inbox, kept on the server: one's own, and those that account managers share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response
from sqlalchemy.exc import IntegrityError

from adapters.database.inbox_tables import TaskViewRow
from adapters.identifiers import new_id
from api import task_items
from api.access import Reader
from api.context import Context, Language
from api.idempotency import Once
from api.schemas.catalogue import ID
from api.schemas.tasks import NewSavedView, SavedView, SavedViewChange, SavedViewPage
from api.task_items import Looking
from domain.errors import Conflict, Forbidden

router = APIRouter(tags=["tasks"])
ViewId = Annotated[str, Path(pattern=ID, examples=["tvw_3k9d0m2x7q4w8z1v5b6n"])]


@router.get("/task-views")
async def listing(context: Context, language: Language, principal: Reader) -> SavedViewPage:
    """By name; with those that others share, for an account manager."""
    looking = Looking(principal, language, datetime.now(UTC))
    async with context.database.transaction() as session:
        return SavedViewPage(items=await task_items.all_saved(session, looking))


@router.post("/task-views", status_code=201, response_model=SavedView)
async def save(
    wanted: NewSavedView, context: Context, language: Language, principal: Reader, once: Once
) -> Response:
    """Keeps filters under a name."""
    looking = Looking(principal, language, datetime.now(UTC))
    _may_share(looking, wanted.is_shared)

    async def work() -> SavedView:
        row = TaskViewRow(
            id=new_id("tvw"),
            owner=principal.owner,
            name=wanted.name,
            filters=task_items.kept(wanted.filters),
            is_shared=wanted.is_shared,
            created_by=principal.name,
            created_at=looking.now,
        )
        session.add(row)
        await session.flush()
        return task_items.shown(looking, row)

    async with _one_of_a_name(wanted.name), context.database.transaction() as session:
        return await once.once(session, principal, work)


@router.patch("/task-views/{view_id}")
async def change(
    view_id: ViewId, changes: SavedViewChange, context: Context, language: Language, principal: Reader
) -> SavedView:
    """Changes one's own, or a shared one."""
    looking = Looking(principal, language, datetime.now(UTC))
    said = changes.model_fields_set
    _may_share(looking, "is_shared" in said and changes.is_shared)
    async with _one_of_a_name(changes.name), context.database.transaction() as session:
        row = await task_items.saved(session, looking, view_id)
        if "name" in said:
            row.name = changes.name
        if "is_shared" in said:
            row.is_shared = changes.is_shared
        if "filters" in said:
            row.filters = task_items.kept(changes.filters)
        await session.flush()
        return task_items.shown(looking, row)


@router.delete("/task-views/{view_id}", status_code=204)
async def delete(view_id: ViewId, context: Context, language: Language, principal: Reader) -> None:
    """Takes one's own away, or a shared one."""
    looking = Looking(principal, language, datetime.now(UTC))
    async with context.database.transaction() as session:
        await session.delete(await task_items.saved(session, looking, view_id))


def _may_share(looking: Looking, is_shared: bool) -> None:
    if is_shared and not looking.sees_shared:
        raise Forbidden(
            "The role “{role}” cannot share a view.",
            mend="Keep it for yourself, with “is_shared” false.",
            role=looking.principal.role,
        )


@asynccontextmanager
async def _one_of_a_name(name: str) -> AsyncIterator[None]:
    try:
        yield
    except IntegrityError as error:
        raise Conflict(
            "There is a view “{name}” already.",
            mend="Take another name, or change that one.",
            code="view-name-taken",
            name=name,
        ) from error
