"""Notices to a partner, each acknowledged by link: new examinations (R14), and price edits one by one (R16).

Settled once. Which of them are needed is said by ``notice_needs``, in which order they go out by ``notice_order``.
Nothing here commits; whoever changes one holds its row, and before that its connection's.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import connections
from adapters.database.connection_tables import ConnectionRow, NoticeRow
from domain.connection import ConnectionEvent, NoticeKind, NoticeState
from domain.model import Actor

COPIES_WITHIN = timedelta(days=30)
OPEN = tuple(state for state in NoticeState if state.is_open)
_ADMIT = text(
    """
    INSERT INTO connection_services (connection_id, service_id, admitted_at)
    SELECT :connection, unnest(CAST(:services AS text[])), :now
    ON CONFLICT (connection_id, service_id) DO UPDATE SET admitted_at = excluded.admitted_at
    """
)
_COPIES = text(
    """
    SELECT n.id FROM notices n
    WHERE n.connection_id = :connection AND n.state <> 'withdrawn'
        AND (n.settled_at IS NULL OR n.created_at > :since) AND NOT EXISTS (
        SELECT FROM mails m WHERE m.onboarding_id = :onboarding
            AND m.order_key = n.id || ':' || n.attempt || :suffix AND m.state IN ('sent', 'refused', 'unknown', 'bounced'))
    ORDER BY n.number
    """
)
_KNOW = text(
    """
    INSERT INTO connection_services (connection_id, service_id, known_price, known_price_at, known_price_number)
    SELECT :connection, line ->> 'service_id', nullif(line -> 'new', 'null'::jsonb), :now, :number
    FROM jsonb_array_elements((SELECT lines FROM notices WHERE id = :notice)) line
    ON CONFLICT (connection_id, service_id) DO UPDATE SET
        known_price = excluded.known_price, known_price_at = excluded.known_price_at,
        known_price_number = excluded.known_price_number
    WHERE connection_services.known_price_number <= excluded.known_price_number
    """
)


async def copies_due(session: AsyncSession, found: ConnectionRow, now: datetime) -> Sequence[str]:
    """Ids of the notices of which support's copy has no outcome yet, in order; of settled ones those of the last weeks."""
    given = {
        "connection": found.id,
        "onboarding": found.onboarding_id,
        "since": now - COPIES_WITHIN,
        "suffix": ":support",
    }
    return (await session.scalars(_COPIES, given)).all()


async def locked(session: AsyncSession, notice_id: str) -> NoticeRow | None:
    ask = select(NoticeRow).where(NoticeRow.id == notice_id).with_for_update()
    return (await session.scalars(ask.execution_options(populate_existing=True))).one_or_none()


async def went_out(session: AsyncSession, row: NoticeRow, trouble: str | None, now: datetime) -> None:
    """What became of its message: ``trouble`` is the mail server's no, or doubt, which a person must settle."""
    if row.state != NoticeState.WAITING:
        return
    if trouble is None:
        row.state, row.sent_at, row.trouble = NoticeState.SENT, now, None
        await connections.tell(
            session, row.connection_id, ConnectionEvent.NOTICE_SENT, data=described(row), now=now
        )
        return
    row.trouble = trouble
    said = {**described(row), "detail": trouble}
    await connections.tell(session, row.connection_id, ConnectionEvent.NOTICE_TROUBLE, data=said, now=now)


async def came_back(session: AsyncSession, row: NoticeRow, trouble: str, now: datetime) -> None:
    """The partner never got it: it waits for us, as one that did not go out. A settled one stays as it is."""
    if row.state in (NoticeState.SENT, NoticeState.WAITING):
        row.state = NoticeState.WAITING
        await went_out(session, row, trouble, now)


async def again(session: AsyncSession, row: NoticeRow, by: Actor, now: datetime) -> None:
    """Sends it once more, with a fresh link: reminded by a person, or after a no or trouble was settled."""
    row.state, row.attempt, row.trouble, row.reason = NoticeState.WAITING, row.attempt + 1, None, None
    await connections.tell(
        session, row.connection_id, ConnectionEvent.NOTICE_REMINDED, by=by, data=described(row), now=now
    )
    await connections.nudge(session, [row.connection_id])


async def acknowledge(
    session: AsyncSession,
    row: NoticeRow,
    by: Actor,
    now: datetime,
    recorded: Mapping[str, Any] | None = None,
) -> None:
    """The partner has taken it over: new services become bookable, prices are known to it.

    ``recorded`` is what somebody of ours who records the partner's word says of it: for whom, with which evidence.
    """
    row.state, row.settled_at = NoticeState.ACKNOWLEDGED, now
    row.settled_by = {**by.model_dump(mode="json"), **(recorded or {})}
    row.trouble = None
    given = {"connection": row.connection_id, "notice": row.id, "number": row.number, "now": now}
    await session.flush()
    if row.kind == NoticeKind.NEW_SERVICES:
        ids = [line["service_id"] for line in row.lines]
        await session.execute(_ADMIT, {"connection": row.connection_id, "services": ids, "now": now})
        found = await session.get_one(ConnectionRow, row.connection_id)
        found.planned_version = found.derived_version = -1
    await session.execute(_KNOW, given)
    said = {**described(row), **(recorded or {})}
    await connections.tell(
        session, row.connection_id, ConnectionEvent.NOTICE_ACKNOWLEDGED, by=by, data=said, now=now
    )
    await connections.nudge(session, [row.connection_id])


async def reject(session: AsyncSession, row: NoticeRow, reason: str, by: Actor, now: datetime) -> None:
    """The partner says no, with a reason; we settle it and send the notice again, or take the services back."""
    row.state, row.reason = NoticeState.REJECTED, reason
    said = {**described(row), "reason": reason}
    await connections.tell(
        session, row.connection_id, ConnectionEvent.NOTICE_REJECTED, by=by, data=said, now=now
    )


async def withdraw_open(session: AsyncSession, connection_id: str, now: datetime) -> None:
    """The connection ended: nobody is asked anything any more."""
    await session.execute(
        update(NoticeRow)
        .where(NoticeRow.connection_id == connection_id, NoticeRow.state.in_(OPEN))
        .values(state=NoticeState.WITHDRAWN, settled_at=now)
    )


def described(row: NoticeRow) -> dict[str, object]:
    """What the history says of a notice."""
    said: dict[str, object] = {
        "notice": row.id,
        "number": row.number,
        "kind": row.kind,
        "services": len(row.lines),
    }
    return {**said, "edit": row.edit_id} if row.edit_id else said
