"""Saved views of the inbox: whose they are, and who sees them. Nothing here commits."""

from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.inbox_tables import TaskViewRow


async def listed(session: AsyncSession, owner: str, *, with_shared: bool) -> Sequence[TaskViewRow]:
    """The owner's, with those that others share, by name."""
    seen = TaskViewRow.owner == owner
    ask = select(TaskViewRow).where(or_(seen, TaskViewRow.is_shared) if with_shared else seen)
    return (await session.scalars(ask.order_by(TaskViewRow.name, TaskViewRow.id))).all()


async def one(session: AsyncSession, view_id: str, owner: str, *, with_shared: bool) -> TaskViewRow | None:
    """The view, where this owner may see it."""
    found = await session.get(TaskViewRow, view_id)
    if found is None or (found.owner != owner and not (found.is_shared and with_shared)):
        return None
    return found
