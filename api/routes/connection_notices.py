"""Notices of a live connection: listed, sent again, acknowledged on the partner's behalf (R14, R16).

Whoever changes one locks its connection first, and then the notice.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Response
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import connection_lists, notice_order, notices
from adapters.database.connection_tables import ConnectionRow, NoticeRow
from api import connection_view as view
from api.access import Principal, Reader, not_found
from api.context import AppContext, Context
from api.evidence import must_be_proved, must_be_the_partners
from api.paging import Cursor, Limit, cursor_of, read_cursor
from api.routes.connections import read_connection
from api.schemas.catalogue import ID
from api.schemas.connections import AcknowledgeOnBehalf, ConnectionNotice, NoticePage, RemindNotice
from api.steered_connection import ConnectionId, Steered
from domain.connection import ConnectionStatus, LineNow, NoticeState
from domain.errors import N_, Conflict

router = APIRouter(tags=["connections"])

NoticeId = Annotated[str, Path(pattern=ID, examples=["ntc_3k9d0m2x7q4w8z1v5b6n"])]
HERE = "/connections/{connection_id}/notices"
REMIND_AFTER = timedelta(hours=1)
LIVE = (ConnectionStatus.ACTIVE, ConnectionStatus.PAUSED)
STATES = {
    NoticeState.WAITING: N_("about to be sent"),
    NoticeState.SENT: N_("sent"),
    NoticeState.ACKNOWLEDGED: N_("acknowledged"),
    NoticeState.REJECTED: N_("rejected"),
    NoticeState.WITHDRAWN: N_("withdrawn"),
}


@router.get(HERE)
async def listing(
    connection_id: ConnectionId, context: Context, principal: Reader, limit: Limit = 50, cursor: Cursor = None
) -> NoticePage:
    """Newest first."""
    before = read_cursor(cursor, int)
    async with context.database.transaction() as session:
        await read_connection(session, principal, connection_id)
        rows = await connection_lists.notices(
            session, connection_id, limit=limit + 1, before=before[0] if before else None
        )
    return NoticePage(
        items=[view.notice(row) for row in rows[:limit]],
        next_cursor=cursor_of(rows[limit - 1].number) if len(rows) > limit else None,
    )


@router.get(f"{HERE}/{{notice_id}}")
async def one(
    connection_id: ConnectionId, notice_id: NoticeId, context: Context, principal: Reader
) -> ConnectionNotice:
    """With all of its lines, as its link shows them while it is open."""
    async with context.database.transaction() as session:
        connection = await read_connection(session, principal, connection_id)
        found = _of(connection, await session.get(NoticeRow, notice_id), notice_id)
        return await _whole(session, found, connection, context, principal)


async def without_lines(
    connection_id: str, notice_id: str, context: AppContext, principal: Principal
) -> ConnectionNotice:
    """How it stands and what can be done about it: there may be 20,000 lines."""
    async with context.database.transaction() as session:
        connection = await read_connection(session, principal, connection_id)
        found = _of(connection, await session.get(NoticeRow, notice_id), notice_id)
        held_by = await notice_order.holder(session, notice_id)
        return view.whole_notice(found, (), held_by, connection, principal)


@router.post(f"{HERE}/{{notice_id}}/remind", response_model=ConnectionNotice)
async def remind(notice_id: NoticeId, body: RemindNotice, steering: Steered) -> Response:
    """Sends it once more, with a fresh link: at most once an hour, unless it came back."""

    async def work(session: AsyncSession, connection: ConnectionRow) -> ConnectionNotice:
        row, now = _of(connection, await notices.locked(session, notice_id), notice_id), datetime.now(UTC)
        _must_be_due(row, now)
        await notices.again(session, row, steering.principal.actor, now)
        return await _whole(session, row, connection, steering.context, steering.principal)

    return await steering.answer(work, ConnectionStatus.ACTIVE)


@router.post(f"{HERE}/{{notice_id}}/acknowledge", response_model=ConnectionNotice)
async def acknowledge(notice_id: NoticeId, body: AcknowledgeOnBehalf, steering: Steered) -> Response:
    """Records that the partner acknowledged it by another way, with what proves it; both names are kept."""
    must_be_the_partners(body.on_behalf_of)
    by = steering.principal.actor
    recorded = body.model_dump(mode="json", exclude_none=True)

    async def work(session: AsyncSession, connection: ConnectionRow) -> ConnectionNotice:
        row = _of(connection, await notices.locked(session, notice_id), notice_id)
        if not NoticeState(row.state).is_open:
            raise _not_now(row)
        await must_be_proved(session, connection.onboarding_id, recorded)
        await notices.acknowledge(session, row, by, datetime.now(UTC), recorded)
        return await _whole(session, row, connection, steering.context, steering.principal)

    return await steering.answer(work, *LIVE)


async def _whole(
    session: AsyncSession,
    row: NoticeRow,
    connection: ConnectionRow,
    context: AppContext,
    principal: Principal,
) -> ConnectionNotice:
    """With the lines that its link shows; once it is settled, with those that were written."""
    await session.flush()
    held_by = await notice_order.holder(session, row.id)
    if NoticeState(row.state).is_open:
        is_priced = connection.partner in view.priced(context.playbooks)
        lines = await notice_order.lines_now(session, row, is_priced=is_priced)
    else:
        lines = tuple(map(LineNow.model_validate, row.lines))
    return view.whole_notice(row, lines, held_by, connection, principal)


def _of(connection: ConnectionRow, found: NoticeRow | None, notice_id: str) -> NoticeRow:
    if found is None or found.connection_id != connection.id:
        raise not_found("notice", notice_id)
    return found


def _must_be_due(row: NoticeRow, now: datetime) -> None:
    if not view.can_be_sent_again(row):
        raise _not_now(row)
    if row.state == NoticeState.SENT and row.sent_at and now - row.sent_at < REMIND_AFTER:
        raise Conflict(
            "The notice was sent less than an hour ago, at {at}.",
            mend="Give the partner an hour, or call them.",
            code="reminded-lately",
            at=row.sent_at.isoformat(timespec="minutes"),
        )


def _not_now(row: NoticeRow) -> Conflict:
    return Conflict(
        "The notice is {state}: this cannot be done now.",
        mend="Read the notice again: its “actions” say what can be done.",
        code="notice-state",
        state=STATES[NoticeState(row.state)],
    )
