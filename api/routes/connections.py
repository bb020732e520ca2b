"""Live connections: what the partner has and lacks, pause, resume, everything again (R14–R17)."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import connection_lists as store
from adapters.database import deliveries
from adapters.database.connection_tables import ConnectionRow
from api import connection_view as view
from api.access import Principal, Reader, not_found
from api.context import Context
from api.paging import Cursor, Limit, cursor_of, read_cursor
from api.routes.feed import catch_up
from api.schemas.catalogue import ID
from api.schemas.connections import (
    ConnectedServicePage,
    ConnectionEventPage,
    ConnectionPage,
    ConnectionState,
    ConnectionView,
    DeliveryPage,
)
from api.steered_connection import ConnectionId

router = APIRouter(tags=["connections"])

Words = Annotated[str | None, Query(max_length=100, description="in a name or code, or an id")]
Drift = Annotated[
    bool | None, Query(description="only where the partner has something else, or only where not")
]


async def read_connection(session: AsyncSession, principal: Principal, connection_id: str) -> ConnectionRow:
    """The connection, or NotFound where there is none that this principal may see."""
    found = await session.get(ConnectionRow, connection_id)
    if found is None:
        raise not_found("connection", connection_id)
    principal.must_reach(found.provider_id, "connection", connection_id)
    return found


@router.get("/connections")
async def listing(
    context: Context,
    principal: Reader,
    partner: Annotated[str | None, Query(max_length=64)] = None,
    status: ConnectionState | None = None,
    provider_id: Annotated[str | None, Query(pattern=ID)] = None,
    drift: Drift = None,
    q: Words = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ConnectionPage:
    """Those begun last first."""
    chosen = store.Filter(
        partner=_plain(partner),
        status=status,
        provider_id=provider_id,
        drift=drift,
        q=_plain(q),
        reach=principal.provider_id,
    )
    after = read_cursor(cursor, datetime, str)
    async with context.database.transaction() as session:
        rows = await store.listed(
            session,
            chosen,
            view.priced(context.playbooks),
            limit=limit + 1,
            after=after and (after[0], after[1]),
        )
    last, now = rows[limit - 1].row if len(rows) > limit else None, datetime.now(UTC)
    return ConnectionPage(
        items=[view.brief(found, now) for found in rows[:limit]],
        next_cursor=cursor_of(last.started_at, last.id) if last else None,
    )


@router.get("/connections/{connection_id}")
async def one(connection_id: ConnectionId, context: Context, principal: Reader) -> ConnectionView:
    """With its `actions`, and after the end what proves it."""
    async with context.database.transaction() as session:
        await read_connection(session, principal, connection_id)
        found = await store.one(session, connection_id, view.priced(context.playbooks))
    assert found is not None
    return view.whole(found, context.playbooks, principal, datetime.now(UTC))


@router.get("/connections/{connection_id}/services")
async def services(
    connection_id: ConnectionId,
    context: Context,
    principal: Reader,
    drift: Drift = None,
    q: Words = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ConnectedServicePage:
    """Each service on both sides, by code; ours as it is at this moment."""
    after = read_cursor(cursor, str, str)
    async with context.database.transaction() as session:
        found = await read_connection(session, principal, connection_id)
    sync = context.playbooks.get(found.partner).sync
    await catch_up(context, found.partner, found.provider_id, datetime.now(UTC))
    async with context.database.transaction() as session:
        rows = await store.services(
            session,
            connection_id,
            view.priced(context.playbooks),
            drift=drift,
            q=_plain(q),
            limit=limit + 1,
            after=after and (after[0], after[1]),
        )
    shown = rows[:limit]
    return ConnectedServicePage(
        items=[view.service(row, code, name, sync) for row, code, name in shown],
        next_cursor=cursor_of(shown[-1][1], shown[-1][0].service_id) if len(rows) > limit else None,
    )


@router.get("/connections/{connection_id}/deliveries")
async def sent(
    connection_id: ConnectionId, context: Context, principal: Reader, limit: Limit = 50, cursor: Cursor = None
) -> DeliveryPage:
    """What went to the partner's system, newest first."""
    before = read_cursor(cursor, int)
    async with context.database.transaction() as session:
        await read_connection(session, principal, connection_id)
        rows = await deliveries.listed(
            session, connection_id, limit=limit + 1, before=before[0] if before else None
        )
    return DeliveryPage(
        items=[view.delivery(row) for row in rows[:limit]],
        next_cursor=cursor_of(rows[limit - 1].sequence) if len(rows) > limit else None,
    )


@router.get("/connections/{connection_id}/events")
async def events(
    connection_id: ConnectionId, context: Context, principal: Reader, limit: Limit = 50, cursor: Cursor = None
) -> ConnectionEventPage:
    """The history, newest first."""
    before = read_cursor(cursor, int)
    async with context.database.transaction() as session:
        await read_connection(session, principal, connection_id)
        rows = await store.events(
            session, connection_id, limit=limit + 1, before=before[0] if before else None
        )
    return ConnectionEventPage(
        items=[view.event(row) for row in rows[:limit]],
        next_cursor=cursor_of(rows[limit - 1].id) if len(rows) > limit else None,
    )


def _plain(words: str | None) -> str | None:
    return words.replace("\0", "") if words else None
