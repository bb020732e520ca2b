"""Who could not be told that a connection ended, and telling them again (R17). Nothing here commits.

Each party has one letter, of which the ledger says what became of it. To tell somebody again is a further attempt, which
waits in the ledger: whoever sends finds it there.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import connections, ledger
from adapters.database.connection_tables import ConnectionRow
from adapters.database.ledger import FAREWELL, ON_THE_WAY
from adapters.database.tables import MailRow
from domain.connection import ConnectionEvent
from domain.model import SYSTEM, Actor
from domain.steps.base import MailOrder

# Of `mails`, those of the end of `connections` that reached nobody, of which nobody has taken care since.
IS_UNTOLD = """
    mails.step = 'ended' AND mails.state IN ('refused', 'unknown', 'bounced') AND NOT EXISTS (
        SELECT FROM connection_events heeded
        WHERE heeded.connection_id = connections.id AND heeded.type IN ('farewell.repeated', 'farewell.told')
            AND heeded.at >= mails.settled_at)
"""
_role = func.split_part(MailRow.order_key, ":", 2)
_NOT_THE_PARTNERS = ("provider", "support")


def order_of(role: str, attempt: int) -> MailOrder:
    """The order of the letter; its key is idempotent by (connection, role, attempt)."""
    key = f"{FAREWELL}:{role}" if attempt == 1 else f"{FAREWELL}:{role}:{attempt}"
    return MailOrder(key=key, step=FAREWELL, attempt=attempt, template="ended", to=role)


async def attempt_of(session: AsyncSession, onboarding_id: str, role: str) -> int:
    """The newest attempt to tell this role; 1 where there was none."""
    ask = select(func.max(MailRow.attempt)).where(
        MailRow.onboarding_id == onboarding_id, MailRow.step == FAREWELL, _role == role
    )
    return await session.scalar(ask) or 1


async def owed_at_partner(session: AsyncSession, onboarding_id: str) -> str | None:
    """The role at the partner to whom a letter is on its way, whoever gets the notices by now."""
    ask = select(_role).where(
        MailRow.onboarding_id == onboarding_id,
        MailRow.step == FAREWELL,
        MailRow.state.in_(ON_THE_WAY),
        _role.not_in(_NOT_THE_PARTNERS),
    )
    role: str | None = await session.scalar(ask.order_by(MailRow.order_key).limit(1))
    return role


async def are_on_the_way(session: AsyncSession, found: ConnectionRow) -> bool:
    """Whether somebody is still being told, or is to be told again."""
    return bool(await session.scalar(select(ledger.owes_farewell(found.onboarding_id))))


async def untold(session: AsyncSession, found: ConnectionRow) -> Sequence[MailRow]:
    """The letters that reached nobody."""
    ask = (
        select(MailRow)
        .join(ConnectionRow, ConnectionRow.onboarding_id == MailRow.onboarding_id)
        .where(ConnectionRow.id == found.id, text(IS_UNTOLD))
    )
    return (await session.scalars(ask.order_by(MailRow.created_at, MailRow.id))).all()


async def failed(session: AsyncSession, mail: MailRow, now: datetime) -> None:
    """Writes down that this letter did not get through: somebody must act."""
    ask = select(ConnectionRow.id).where(ConnectionRow.onboarding_id == mail.onboarding_id)
    connection_id = (await session.scalars(ask)).one()
    whom = mail.recipients[0]["email"] if mail.recipients else mail.order_key.split(":")[1]
    said = {"to": whom, "detail": mail.answer or mail.state}
    await connections.tell(session, connection_id, ConnectionEvent.FAREWELL_TROUBLE, data=said, now=now)


async def again(session: AsyncSession, found: ConnectionRow, by: Actor, now: datetime) -> bool:
    """Has everybody be told who was not; False where everybody was. The connection is locked by the caller."""
    letters = await untold(session, found)
    for mail in letters:
        order = order_of(mail.order_key.split(":")[1], mail.attempt + 1)
        domain = mail.message_id.rpartition("@")[2].removesuffix(">")
        await ledger.prepare(session, found.onboarding_id, order, domain=domain, now=now)
    if letters:
        await connections.tell(session, found.id, ConnectionEvent.FAREWELL_REPEATED, by=by, now=now)
        await connections.nudge(session, [found.id])
    return bool(letters)


async def corrected(session: AsyncSession, mail: MailRow, now: datetime) -> bool:
    """Tells again, to a corrected address; False where the message is about no end."""
    if mail.step != FAREWELL:
        return False
    ask = select(ConnectionRow.id).where(ConnectionRow.onboarding_id == mail.onboarding_id)
    found = await connections.locked(session, (await session.scalars(ask)).one())
    assert found is not None
    await again(session, found, SYSTEM, now)
    return True


async def told(session: AsyncSession, found: ConnectionRow, reason: str, by: Actor, now: datetime) -> bool:
    """They know by another way, as ``reason`` says; False where everybody was told."""
    if not await untold(session, found):
        return False
    said = {"reason": reason}
    await connections.tell(session, found.id, ConnectionEvent.FAREWELL_TOLD, by=by, data=said, now=now)
    return True
