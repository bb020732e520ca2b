"""Of many who want somebody reminded at the same moment, one gets through. Nothing here commits.

A claim counts until its command shows in the history, where the engine's own record takes over, or until it is given
back. One whose end nobody learned (no worker answered, the process died) counts until it is too old.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.inbox_tables import RemindClaimRow
from adapters.database.tables import EventRow


async def lock(session: AsyncSession, onboarding_id: str) -> None:
    """Until the transaction ends nobody else claims a reader of this onboarding."""
    key = func.hashtextextended(f"remind {onboarding_id}", 0)
    await session.execute(select(func.pg_advisory_xact_lock(key)))


async def under_way(
    session: AsyncSession, onboarding_id: str, step: str, *, since: datetime, but: str
) -> Mapping[str, datetime]:
    """Role → when it was claimed, by another command than ``but``, after ``since``, with an outcome not known yet.

    Asked before the onboarding is read: what is missing here is in what is read then.
    """
    carried_out = select(EventRow.id).where(
        EventRow.onboarding_id == onboarding_id, EventRow.command_id == RemindClaimRow.command_id
    )
    ask = select(RemindClaimRow.role, RemindClaimRow.at).where(
        RemindClaimRow.onboarding_id == onboarding_id,
        RemindClaimRow.step == step,
        RemindClaimRow.at > since,
        RemindClaimRow.command_id != but,
        ~carried_out.exists(),
    )
    return {row.role: row.at for row in await session.execute(ask)}


async def claim(
    session: AsyncSession, onboarding_id: str, step: str, roles: Iterable[str], command_id: str, now: datetime
) -> None:
    """The caller has the lock, and found none of these roles under way."""
    for role in roles:
        made = insert(RemindClaimRow).values(
            onboarding_id=onboarding_id, step=step, role=role, command_id=command_id, at=now
        )
        again = {"command_id": made.excluded.command_id, "at": made.excluded.at}
        await session.execute(made.on_conflict_do_update(constraint="remind_claims_pkey", set_=again))


async def give_back(session: AsyncSession, onboarding_id: str, command_id: str) -> None:
    """The command was refused: nobody was reminded."""
    await session.execute(
        delete(RemindClaimRow).where(
            RemindClaimRow.onboarding_id == onboarding_id, RemindClaimRow.command_id == command_id
        )
    )
