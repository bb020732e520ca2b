"""Deliveries to a partner's system: made of what differs, the same in every try, settled once (R15–R17).

At most one waits per connection. What it holds is marked on the services until it is settled, so that whatever may
have arrived is told again with the next one. Nothing here commits; the connection's row is locked by the caller.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import delivery_answers
from adapters.database.connection_tables import ConnectionRow, ConnectionServiceRow, DeliveryRow
from adapters.database.partner_health import Outage
from adapters.database.tables import Provider
from adapters.identifiers import new_id
from domain.connection import Content, DeliveryState, Delta, Side, delta, is_superseded, pushed
from domain.delivery import DeliveryType, Verdict, body_of, pause_after
from domain.playbook import Sync

_MARK = text(
    """
    UPDATE connection_services s SET delivery_id = :delivery, sent = marked.content, tried_before = CASE
        WHEN s.delivery_id IS DISTINCT FROM CAST(:tried AS text) OR s.delivery_id IS NULL
            OR s.sent IS NOT DISTINCT FROM s.acknowledged THEN s.tried_before
        WHEN s.tried_before <> coalesce(s.sent, 'null'::jsonb) THEN CAST('{}' AS jsonb)
        ELSE coalesce(s.sent, 'null'::jsonb) END
    FROM (SELECT key AS service_id, nullif(value, 'null'::jsonb) AS content
        FROM jsonb_each(CAST(:sent AS jsonb))) marked
    WHERE s.connection_id = :connection AND s.service_id = marked.service_id
    """
)


async def sides(session: AsyncSession, connection_id: str, sync: Sync) -> list[Side]:
    """Every service of the connection, as it is here and at the partner; without prices where those are not pushed."""
    row = ConnectionServiceRow
    ask = (
        select(row.service_id, row.content, row.acknowledged, row.delivery_id, row.sent, row.rejection)
        .where(row.connection_id == connection_id)
        .order_by(row.service_id)
    )
    return [
        Side(
            service_id=found.service_id,
            wanted=pushed(found.content, sync),
            acknowledged=found.acknowledged,
            in_doubt=found.delivery_id is not None,
            sent=found.sent,
            is_rejected=found.rejection is not None,
            rejected=found.rejection["content"] if found.rejection else None,
        )
        for found in await session.execute(ask)
    ]


async def waiting(session: AsyncSession, connection_id: str) -> DeliveryRow | None:
    ask = select(DeliveryRow).where(
        DeliveryRow.connection_id == connection_id, DeliveryRow.state == DeliveryState.WAITING
    )
    return (await session.scalars(ask)).one_or_none()


async def plan(session: AsyncSession, found: ConnectionRow, sync: Sync, now: datetime) -> DeliveryRow | None:
    """The delivery that waits to be made, or None where the partner has all that it is to have.

    One that no longer says what must be said gives way to a new one, which keeps its turn among the tries.
    """
    kept = await waiting(session, found.id)
    await delivery_answers.withdraw_again(session, found.id, now)
    seen = await sides(session, found.id, sync)
    settled = [one for one in seen if one.is_rejected and one.is_settled]
    await delivery_answers.forget_rejections(session, found.id, settled)
    # What is to be sent whole stays so, until it has been taken.
    whole = found.send_all or (kept is not None and kept.type == DeliveryType.SNAPSHOT)
    told = delta(seen, everything=whole)
    marked = {side.service_id: side.sent for side in seen if side.in_doubt}
    if kept is not None and not found.send_all and not is_superseded(told, marked):
        return kept
    if not told and not found.send_all:
        return None
    type = DeliveryType.SNAPSHOT if whole or found.sequence == 0 else DeliveryType.CHANGED
    found.send_all = False
    return await _make(session, found, type, told, now, kept)


async def plan_end(session: AsyncSession, found: ConnectionRow, now: datetime) -> DeliveryRow | None:
    """The delivery that says that the connection ended; None where the partner has taken it, or never heard of it.

    Taken, it comes again only where the partner was found to hold on since (``end_again_at``).
    """
    kept = await waiting(session, found.id)
    if kept is not None and kept.type == DeliveryType.ENDED:
        return kept
    if not await _was_ever_tried(session, found.id):
        if kept is not None:
            _give_way(kept, now)
        return None
    if found.end_again_at is None and await end_taken_at(session, found.id):
        return None
    found.end_again_at = None
    row = ConnectionServiceRow
    held = or_(*(column.is_not(None) for column in (row.acknowledged, row.delivery_id, row.rejection)))
    ids = await session.scalars(select(row.service_id).where(row.connection_id == found.id, held))
    gone = tuple(Side(service_id=id, wanted=None, acknowledged=None) for id in sorted(ids))
    return await _make(session, found, DeliveryType.ENDED, Delta((), gone), now, kept, at_once=True)


async def _was_ever_tried(session: AsyncSession, connection_id: str) -> bool:
    """Whether the partner's system may have heard of the connection."""
    ask = select(DeliveryRow.id).where(DeliveryRow.connection_id == connection_id, DeliveryRow.tries > 0)
    return (await session.scalars(ask.limit(1))).first() is not None


async def told_whole_at(session: AsyncSession, connection_id: str) -> datetime | None:
    """When the newest delivery of everything was made; None where there is none."""
    ask = select(func.max(DeliveryRow.created_at)).where(
        DeliveryRow.connection_id == connection_id, DeliveryRow.type == DeliveryType.SNAPSHOT
    )
    return await session.scalar(ask)


async def end_taken_at(session: AsyncSession, connection_id: str) -> datetime | None:
    """When the partner's system first took the end; None where it has not."""
    ask = select(func.min(DeliveryRow.settled_at)).where(
        DeliveryRow.connection_id == connection_id,
        DeliveryRow.type == DeliveryType.ENDED,
        DeliveryRow.state == DeliveryState.TAKEN,
    )
    return await session.scalar(ask)


async def _make(
    session: AsyncSession,
    found: ConnectionRow,
    type: DeliveryType,
    told: Delta,
    now: datetime,
    instead_of: DeliveryRow | None,
    *,
    at_once: bool = False,
) -> DeliveryRow:
    turn, kept_wish = now, None
    if instead_of is not None:
        # What was refused may be mended by what changed since; a partner that does not answer is not asked more often.
        at_once = at_once or instead_of.verdict == Verdict.REFUSED
        if not at_once:
            turn, kept_wish = instead_of.next_try_at or now, instead_of.not_before
        _give_way(instead_of, now)
        await session.flush()
    provider = await session.get_one(Provider, found.provider_id)
    found.sequence += 1
    made = DeliveryRow(
        id=new_id("dlv"),
        connection_id=found.id,
        sequence=found.sequence,
        type=type.value,
        services=len(told.changed),
        withdrawn=len(told.withdrawn),
        body=body_of(
            type,
            found.id,
            {"id": provider.id, "name": provider.name},
            found.sequence,
            [{"id": side.service_id, **(side.wanted or {})} for side in told.changed],
            [] if type is DeliveryType.SNAPSHOT else [side.service_id for side in told.withdrawn],
            now,
        ),
        state=DeliveryState.WAITING,
        tries=0,
        created_at=now,
        next_try_at=turn,
        not_before=kept_wish,
    )
    session.add(made)
    await session.flush()
    sent: dict[str, Content | None] = {s.service_id: s.wanted for s in (*told.changed, *told.withdrawn)}
    # What an earlier try may have brought there counts again, should the partner reject this one (R15, R16).
    tried = instead_of.id if instead_of is not None and instead_of.tries else None
    given = {"connection": found.id, "delivery": made.id, "sent": json.dumps(sent), "tried": tried}
    await session.execute(_MARK, given)
    return made


def _give_way(made: DeliveryRow, now: datetime) -> None:
    made.state, made.settled_at, made.body = DeliveryState.SUPERSEDED, now, None


def payload(made: DeliveryRow) -> bytes:
    """The very same bytes in every try."""
    return json.dumps(made.body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def spread(made: DeliveryRow) -> float:
    """0..1, the same for the same delivery, so that those of many connections do not come back at one moment."""
    return hashlib.sha256(made.id.encode()).digest()[0] / 255


def turn_after(made: DeliveryRow, outage: Outage, now: datetime) -> datetime:
    """When it is this one's turn: the longer the partner has failed, the later, and the more spread out.

    One of them tries for all, a new one sooner than those that failed already; when it gets through, the others are told
    at once.
    """
    pause = outage.pause if made.tries else pause_after(now - made.created_at)
    return outage.until + pause * spread(made)


async def over(session: AsyncSession, connection_id: str, now: datetime) -> None:
    """The partner holds nothing of the connection, on its own word: what waits for its system is not sent any more."""
    if kept := await waiting(session, connection_id):
        _give_way(kept, now)
    await delivery_answers.holds_nothing(session, connection_id, now)


async def listed(
    session: AsyncSession, connection_id: str, *, limit: int, before: int | None
) -> Sequence[DeliveryRow]:
    """At most ``limit`` deliveries, newest first, from behind the sequence ``before``."""
    ask = select(DeliveryRow).where(DeliveryRow.connection_id == connection_id)
    if before is not None:
        ask = ask.where(DeliveryRow.sequence < before)
    return (await session.scalars(ask.order_by(DeliveryRow.sequence.desc()).limit(limit))).all()
