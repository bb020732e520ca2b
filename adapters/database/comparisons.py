"""What a partner's system says that it holds: compared with what we thought, and the proof of an end (R15–R17).

Nothing here commits. The connection's row is locked by the caller.
"""

from collections.abc import Mapping
from datetime import datetime
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


async def take_in(
    session: AsyncSession, found: ConnectionRow, said: Compared, held: Held | None, now: datetime
) -> None:
    """Keeps the partner's answer, and takes its word for what it holds; its history tells each other answer once.

    What it still holds after the end is withdrawn again when ``end_again_at`` has come: ever later, whoever nudges.
    """
    is_news = await _keep(session, found, said, now)
    if held is None:
        return
    found.sequence = max(found.sequence, held.sequence)
    wrong = await heal(session, found, {one.id: one.told for one in held.services})
    if found.status == ConnectionStatus.ENDING:
        taken_at = await deliveries.end_taken_at(session, found.id) or found.since
        found.end_again_at = now + pause_after(now - taken_at) if said.held else None
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
    session: AsyncSession, found: ConnectionRow, held: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Takes the partner's own word for what it has, by service id; the services of which we thought otherwise."""
    asked = select(ConnectionServiceRow).where(ConnectionServiceRow.connection_id == found.id)
    rows = {row.service_id: row for row in await session.scalars(asked)}
    living = select(Service.id).where(Service.provider_id == found.provider_id, Service.id.in_(list(held)))
    for id in set(await session.scalars(living)) - rows.keys():
        rows[id] = ConnectionServiceRow(connection_id=found.id, service_id=id)
        session.add(rows[id])
    wrong = []
    for row in rows.values():
        ours, theirs = row.acknowledged, held.get(row.service_id)
        if ours is not None and theirs is not None:
            # What is not pushed, such as a price typed in after a notice (R16), is not compared.
            theirs = {name: value for name, value in theirs.items() if name in ours}
        if not _same(ours, theirs):
            wrong.append(row.service_id)
            row.acknowledged = {**(ours or {}), **theirs} if theirs is not None else None
        if row.rejection is not None and row.rejection["content"] is None:
            row.rejection = None  # a withdrawal that was not taken is tried again each day
    await session.flush()
    return wrong


def _same(ours: Content | None, theirs: Mapping[str, Any] | None) -> bool:
    if ours is None or theirs is None:
        return ours is None and theirs is None
    return all(ours.get(name) == value for name, value in theirs.items())
