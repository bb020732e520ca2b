"""What a partner's answer to a delivery makes of what we think it has: taken, rejected, or not known (R15–R17).

What may be there, and nobody knows what, is `{}` in ``acknowledged``: it equals nothing that could be wanted. Nothing
here commits; the connection's row is locked by the caller.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import DateTime, cast, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.connection_tables import ConnectionServiceRow, DeliveryRow
from domain.connection import DeliveryState, Side
from domain.delivery import DeliveryType, PushAnswer, Verdict
from domain.errors import N_

WITHDRAWN_AGAIN_AFTER = timedelta(days=1)
ABOUT_OTHERS = N_("its answer rejects services that were not told: {n}")
_TAKE = text(
    """
    UPDATE connection_services SET
        acknowledged = CASE
            WHEN NOT jsonb_exists(CAST(:rejected AS jsonb), service_id) THEN sent
            WHEN tried_before <> coalesce(sent, 'null'::jsonb) THEN CAST('{}' AS jsonb)
            WHEN acknowledged = sent THEN acknowledged
            WHEN service_id = ANY(CAST(:unread AS text[])) THEN CAST('{}' AS jsonb)
            ELSE acknowledged END,
        acknowledged_at = CASE WHEN jsonb_exists(CAST(:rejected AS jsonb), service_id) THEN acknowledged_at
            ELSE :now END,
        rejection = (CAST(:rejected AS jsonb) -> service_id)
            || jsonb_build_object('content', coalesce(sent, 'null'::jsonb)),
        delivery_id = NULL, sent = NULL, tried_before = NULL
    WHERE connection_id = :connection AND delivery_id = :delivery
    """
)


async def settle(session: AsyncSession, made: DeliveryRow, answer: PushAnswer, now: datetime) -> int:
    """The partner took it: what it held is what the partner has, but for what was rejected; how many those are.

    Where the answer cannot be read, or rejects what was not told, nothing that it does not name is known to be taken:
    that is rejected for this reason. An end that was rejected in part proves nothing (R17).
    """
    in_it = select(ConnectionServiceRow.service_id).where(
        ConnectionServiceRow.connection_id == made.connection_id, ConnectionServiceRow.delivery_id == made.id
    )
    told = set(await session.scalars(in_it))
    rejected = {
        one.id: {"code": one.code, "detail": one.detail, "at": now.isoformat()} for one in answer.rejected
    }
    doubt = answer.detail or _about_others(len(rejected.keys() - told))
    unread = told - rejected.keys() if doubt and answer.verdict is Verdict.TAKEN else set()
    rejected |= {id: {"code": "", "detail": doubt, "at": now.isoformat()} for id in unread}
    made.state, made.settled_at, made.next_try_at, made.body = DeliveryState.TAKEN, now, None, None
    made.verdict, made.status, made.answer = Verdict.TAKEN, answer.status, doubt or None
    given = {
        "connection": made.connection_id,
        "delivery": made.id,
        "rejected": json.dumps(rejected),
        "unread": sorted(unread),
        "now": now,
    }
    await session.execute(_TAKE, given)
    if made.type == DeliveryType.ENDED and not rejected:
        await holds_nothing(session, made.connection_id, now)
    return len(rejected)


def _about_others(others: int) -> str:
    return ABOUT_OTHERS.format(n=others) if others else ""


async def holds_nothing(session: AsyncSession, connection_id: str, now: datetime) -> None:
    await session.execute(
        update(ConnectionServiceRow)
        .where(ConnectionServiceRow.connection_id == connection_id)
        .values(acknowledged=None, acknowledged_at=now, delivery_id=None, rejection=None)
        .values(sent=None, tried_before=None)
    )


async def rejected_in(session: AsyncSession, connection_id: str) -> int:
    """How many services the partner did not take, or let go, when it was told of them last."""
    row = ConnectionServiceRow
    ask = select(func.count()).where(row.connection_id == connection_id, row.rejection.is_not(None))
    return await session.scalar(ask) or 0


async def unread_at(session: AsyncSession, connection_id: str) -> datetime | None:
    """When the newest delivery that was taken left in doubt what of it was; None where it did not."""
    row = DeliveryRow
    newest = select(row.settled_at, row.answer).where(
        row.connection_id == connection_id, row.state == DeliveryState.TAKEN
    )
    found = (await session.execute(newest.order_by(row.sequence.desc()).limit(1))).one_or_none()
    return found.settled_at if found and found.answer else None


async def forget_rejections(session: AsyncSession, connection_id: str, settled: Sequence[Side]) -> None:
    """What the partner did not take is not wanted any more: there is nothing left to settle."""
    if settled:
        await session.execute(
            update(ConnectionServiceRow)
            .where(ConnectionServiceRow.connection_id == connection_id)
            .where(ConnectionServiceRow.service_id.in_([side.service_id for side in settled]))
            .values(rejection=None)
        )


async def withdraw_again(session: AsyncSession, connection_id: str, now: datetime) -> None:
    """A withdrawal that was not taken is tried again once a day: what is not bookable must not be offered."""
    rejection = ConnectionServiceRow.rejection
    rejected_at = cast(rejection["at"].astext, DateTime(timezone=True))
    await session.execute(
        update(ConnectionServiceRow)
        .where(ConnectionServiceRow.connection_id == connection_id, rejection.is_not(None))
        .where(rejection["content"].astext.is_(None), rejected_at <= now - WITHDRAWN_AGAIN_AFTER)
        .values(rejection=None)
    )
