"""What a partner's system says that it holds: compared with what we thought, and the proof of an end (R15–R17).

Nothing here commits. The connection's row is locked by the caller.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import connections, deliveries
from adapters.database.connection_tables import ConnectionRow, ConnectionServiceRow
from adapters.database.tables import Service
from domain.connection import Comparison, ConnectionEvent, ConnectionStatus, Content
from domain.delivery import Held, pause_after
from domain.messages import Compared
from domain.model import SYSTEM, Actor

# A partner that holds on to what a snapshot does not name is told again with the next daily comparison, not at once.
WHOLE_AGAIN_AFTER = timedelta(hours=12)


async def take_in(
    session: AsyncSession, found: ConnectionRow, said: Compared, held: Held | None, now: datetime
) -> None:
    """Keeps the partner's answer, and takes its word for what it holds; its history tells each other answer once.

    What it still holds after the end is withdrawn again when ``end_again_at`` has come: ever later, whoever nudges.
    """
    is_news = await _keep(session, found, said, now)
    is_ending = found.status == ConnectionStatus.ENDING
    if is_ending:
        taken_at = await deliveries.end_taken_at(session, found.id) or found.since
        found.end_again_at = now + pause_after(now - taken_at) if said.held else None
    if held is None:
        return
    found.sequence = max(found.sequence, held.sequence)
    wrong = await heal(session, found, {one.id: one.told for one in held.services}, now)
    if is_ending:
        wrong = [one.id for one in held.services] if is_news else []
    if wrong:
        about = {"services": len(wrong), "ids": wrong[:50]}
        await connections.tell(session, found.id, ConnectionEvent.DRIFT_FOUND, data=about, now=now)


async def _keep(session: AsyncSession, found: ConnectionRow, said: Compared, now: datetime) -> bool:
    """Whether it is another answer than the last one."""
    before = Comparison.model_validate(found.comparison) if found.comparison else None
    after = Comparison(**said.model_dump(), since=now)
    if before is not None and after == before.model_copy(update={"since": now}):
        return False
    found.comparison = after.model_dump(mode="json")
    if said.detail:
        about = {"detail": said.detail}
        await connections.tell(session, found.id, ConnectionEvent.COMPARISON_FAILED, data=about, now=now)
    elif before is not None and before.detail:
        await connections.tell(session, found.id, ConnectionEvent.COMPARISON_WORKS, now=now)
    return True


async def close(
    session: AsyncSession, found: ConnectionRow, proof: dict[str, Any], now: datetime, by: Actor = SYSTEM
) -> None:
    """Writes down the end with its proof (R17)."""
    await deliveries.over(session, found.id, now)
    found.ended_at, found.proof = now, proof
    said = {"cause": found.cause, **proof}
    ended = (ConnectionStatus.ENDED, ConnectionEvent.ENDED)
    await connections.move(session, found, *ended, by=by, data=said, now=now)


async def heal(
    session: AsyncSession, found: ConnectionRow, held: Mapping[str, Mapping[str, Any]], now: datetime
) -> list[str]:
    """Takes the partner's own word for what it has, by service id; the services of which we thought otherwise.

    Of those that we do not know at all it is rid by being told everything.
    """
    asked = select(ConnectionServiceRow).where(ConnectionServiceRow.connection_id == found.id)
    rows = {row.service_id: row for row in await session.scalars(asked)}
    living = select(Service.id).where(Service.provider_id == found.provider_id, Service.id.in_(list(held)))
    for id in set(await session.scalars(living)) - rows.keys():
        rows[id] = ConnectionServiceRow(connection_id=found.id, service_id=id)
        session.add(rows[id])
    wrong = [row.service_id for row in rows.values() if not _corrected(row, held.get(row.service_id))]
    if unknown := sorted(held.keys() - rows.keys()):
        told_at = await deliveries.told_whole_at(session, found.id)
        found.send_all = found.send_all or told_at is None or now - told_at >= WHOLE_AGAIN_AFTER
    await session.flush()
    return wrong + unknown


def _corrected(row: ConnectionServiceRow, theirs: Mapping[str, Any] | None) -> bool:
    """Takes the partner's word for one service; whether we thought so."""
    ours = row.acknowledged
    if ours == {} and row.rejection is not None:
        ours = row.rejection["content"]  # of which it was not known whether the partner took it
        if ours and theirs is not None and ours.keys() - theirs.keys():
            return True  # what it does not name stays in doubt
    if ours and theirs is not None:
        # What is not pushed, such as a price typed in after a notice (R16), is not compared.
        theirs = {name: value for name, value in theirs.items() if name in ours}
    is_same = _same(ours, theirs)
    if not is_same or row.acknowledged == {}:
        row.acknowledged = {**(ours or {}), **theirs} if theirs is not None else None
    return is_same


def _same(ours: Content | None, theirs: Mapping[str, Any] | None) -> bool:
    if ours is None or theirs is None:
        return ours is None and theirs is None
    return all(ours.get(name) == value for name, value in theirs.items())
