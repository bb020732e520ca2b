"""Calendars: when a provider's physicians receive patients, and for which services (R6)."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import catalogue_calendars as store
from adapters.database.changes import Author
from adapters.database.tables import Calendar
from api.access import CatalogueEditor, Reader, not_found
from api.concurrency import IfMatch, etag
from api.context import Context, Language
from api.paging import Cursor, Limit, cursor_of, read_cursor
from api.preview import DryRun, previewed
from api.routes.providers import ProviderId, change_provider, read_provider
from api.routes.services import must_exist
from api.schemas.calendars import CalendarBody, CalendarPage, CalendarView
from api.schemas.catalogue import ID
from api.schemas.preview import Preview

router = APIRouter(tags=["calendars"])

CalendarId = Annotated[str, Path(pattern=ID, description="chosen by you", examples=["cal_dr-andrei-pop"])]


async def _find(session: AsyncSession, provider_id: str, calendar_id: str) -> Calendar:
    found = await store.calendar(session, provider_id, calendar_id)
    if found is None:
        raise not_found("calendar", calendar_id)
    return found


@router.get("/providers/{provider_id}/calendars")
async def listing(
    provider_id: ProviderId, context: Context, principal: Reader, limit: Limit = 50, cursor: Cursor = None
) -> CalendarPage:
    """By physician."""
    after = read_cursor(cursor, str, str)
    async with context.database.transaction() as session:
        await read_provider(session, principal, provider_id)
        rows = await store.list_calendars(
            session, provider_id, limit=limit + 1, after=after and (after[0], after[1])
        )
    shown = rows[:limit]
    more = len(rows) > limit
    return CalendarPage(
        items=[CalendarView.of(row) for row in shown],
        next_cursor=cursor_of(shown[-1].physician, shown[-1].id) if more else None,
    )


@router.get("/providers/{provider_id}/calendars/{calendar_id}")
async def one(
    provider_id: ProviderId, calendar_id: CalendarId, context: Context, principal: Reader, response: Response
) -> CalendarView:
    async with context.database.transaction() as session:
        await read_provider(session, principal, provider_id)
        found = await _find(session, provider_id, calendar_id)
    response.headers["ETag"] = etag(found.version)
    return CalendarView.of(found)


@router.put("/providers/{provider_id}/calendars/{calendar_id}", responses={201: {"model": CalendarView}})
async def put(
    provider_id: ProviderId,
    calendar_id: CalendarId,
    wanted: CalendarBody,
    context: Context,
    principal: CatalogueEditor,
    language: Language,
    if_match: IfMatch,
    response: Response,
    dry_run: DryRun = False,
) -> CalendarView | Preview:
    """Makes the calendar, or puts this in its place. 201 where it is new."""
    by = Author(principal.actor, "PUT /providers/{provider_id}/calendars/{calendar_id}")

    async def work(session: AsyncSession) -> tuple[bool, Calendar]:
        await change_provider(session, principal, provider_id)
        known = await store.calendar(session, provider_id, calendar_id)
        if_match.must_be(known.version if known else None)
        await must_exist(session, provider_id, wanted.service_ids)
        kept = await store.put_calendar(session, provider_id, calendar_id, wanted.stored(), by=by)
        return known is None, kept

    if dry_run:
        return (await previewed(context, provider_id, language, work))[1]
    async with context.database.transaction() as session:
        is_new, kept = await work(session)
    response.status_code = 201 if is_new else 200
    response.headers["ETag"] = etag(kept.version)
    return CalendarView.of(kept)


@router.delete(
    "/providers/{provider_id}/calendars/{calendar_id}",
    status_code=204,
    response_model=None,
    responses={200: {"model": Preview, "description": "with `dry_run=true`"}},
)
async def delete(
    provider_id: ProviderId,
    calendar_id: CalendarId,
    context: Context,
    language: Language,
    principal: CatalogueEditor,
    if_match: IfMatch,
    dry_run: DryRun = False,
) -> Response:
    """Takes the calendar away; its services stay."""
    by = Author(principal.actor, "DELETE /providers/{provider_id}/calendars/{calendar_id}")

    async def work(session: AsyncSession) -> None:
        await change_provider(session, principal, provider_id)
        found = await _find(session, provider_id, calendar_id)
        if_match.must_be(found.version)
        await store.delete_calendar(session, found, by=by)

    if dry_run:
        _, preview = await previewed(context, provider_id, language, work)
        return JSONResponse(preview.model_dump(mode="json"))
    async with context.database.transaction() as session:
        await work(session)
    return Response(status_code=204)
