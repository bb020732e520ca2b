"""Who could not be told that a connection ended, and telling them again (R17). Nothing here commits.

Each party has one letter, of which the ledger says what became of it. To tell somebody again is a further attempt, which
waits in the ledger: whoever sends finds it there; where the letter is being handed over, it is that one's next try.
Whoever settles a letter holds its connection first.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import connections, ledger
from adapters.database.connection_tables import ConnectionEventRow, ConnectionRow
from adapters.database.ledger import FAREWELL, ON_THE_WAY
from adapters.database.tables import MailRow
from domain.connection import FAILING_AFTER, ConnectionEvent
from domain.errors import N_
from domain.model import SYSTEM, Actor
from domain.steps.base import MailOrder

# Of `mails`, those of the end of `connections` that reached nobody, or are put off, and nobody has taken care: the newest
# to each role, where no person said that it knows.
IS_UNTOLD = f"""(
    mails.step = '{FAREWELL}' AND (mails.state IN ('refused', 'unknown', 'bounced') OR mails.state IN ('queued', 'sending')
        AND mails.created_at <= now() - interval '{FAILING_AFTER // timedelta(minutes=1)} minutes')
    AND NOT EXISTS (
        SELECT FROM mails newer
        WHERE newer.onboarding_id = mails.onboarding_id AND newer.step = mails.step AND newer.attempt > mails.attempt
            AND split_part(newer.order_key, ':', 2) = split_part(mails.order_key, ':', 2))
    AND NOT EXISTS (
        SELECT FROM connection_events told
        WHERE told.connection_id = connections.id AND told.type = '{ConnectionEvent.FAREWELL_TOLD.value}'
            AND told.data ->> 'role' = split_part(mails.order_key, ':', 2)))
"""  # noqa: S608 - our own text
# After that, or where the channel is live again, an end that nobody was told of is news to nobody unless a person says so.
TOLD_UNASKED_WITHIN = timedelta(days=30)
LIVE_AGAIN = N_("Not sent: the channel is live again.")
LONG_ENDED = N_("Not sent: the connection ended more than {days} days ago.")
NOT_ENDED = N_("Not sent: the connection has not ended.")
KNOWN = N_("Not sent: its reader knows by another way.")
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


async def role_at_partner(session: AsyncSession, onboarding_id: str) -> str | None:
    """The role at the partner to whom a letter is on its way, or was written, whoever gets the notices by now."""
    ask = (
        select(_role)
        .where(
            MailRow.onboarding_id == onboarding_id,
            MailRow.step == FAREWELL,
            _role.not_in(_NOT_THE_PARTNERS),
        )
        .order_by(MailRow.state.in_(ON_THE_WAY).desc(), MailRow.created_at.desc(), MailRow.id.desc())
    )
    role: str | None = await session.scalar(ask.limit(1))
    return role


async def are_on_the_way(session: AsyncSession, found: ConnectionRow) -> bool:
    """Whether somebody is still being told, or is to be told again."""
    return bool(await session.scalar(select(ledger.owes_farewell(found.onboarding_id))))


async def asked_for(session: AsyncSession, found: ConnectionRow) -> tuple[str, ...]:
    """The parties who are to be told again, and since that was asked for, nothing was tried."""
    said = ConnectionEventRow.data
    ask = select(_role).where(
        MailRow.onboarding_id == found.onboarding_id,
        MailRow.step == FAREWELL,
        MailRow.state.in_(ON_THE_WAY),
        _is_noted(
            found,
            ConnectionEvent.FAREWELL_REPEATED,
            _role,
            said["attempt"].as_integer() == MailRow.attempt,
            said["tries"].as_integer() == MailRow.tries,
        ),
    )
    return tuple(
        role if role in _NOT_THE_PARTNERS else "partner"
        for role in await session.scalars(ask.order_by(_role))
    )


async def untold(session: AsyncSession, found: ConnectionRow) -> Sequence[MailRow]:
    """The letters that reached nobody, locked. The connection is locked by the caller."""
    ask = (
        select(MailRow)
        .join(ConnectionRow, ConnectionRow.onboarding_id == MailRow.onboarding_id)
        .where(ConnectionRow.id == found.id, text(IS_UNTOLD))
        .order_by(MailRow.created_at, MailRow.id)
        .with_for_update(of=MailRow)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(ask)).all()


async def ended_at(session: AsyncSession, found: ConnectionRow) -> datetime:
    """When the end began, as the history has it: the row's own time moves on when the end is proven."""
    ask = select(func.min(ConnectionEventRow.at)).where(
        ConnectionEventRow.connection_id == found.id, ConnectionEventRow.type == ConnectionEvent.ENDING
    )
    return await session.scalar(ask) or found.since


async def no_longer_wanted(
    session: AsyncSession, found: ConnectionRow, order: MailOrder, now: datetime
) -> str | None:
    """Why this letter lost its sense while it waited; None where it is to go out."""
    if await session.scalar(select(_is_noted(found, ConnectionEvent.FAREWELL_TOLD, order.to))):
        return KNOWN
    if await session.scalar(select(_is_noted(found, ConnectionEvent.FAREWELL_REPEATED, order.to))):
        return None
    return await why_not_unasked(session, found, now)


async def why_not_unasked(session: AsyncSession, found: ConnectionRow, now: datetime) -> str | None:
    """Why nobody is told of this end before a person asks for it; None where everybody is."""
    live = await connections.live_on_channel(session, found.provider_id, found.partner)
    if live is not None and live.id != found.id:
        return LIVE_AGAIN
    if await ended_at(session, found) <= now - TOLD_UNASKED_WITHIN:
        return LONG_ENDED.format(days=TOLD_UNASKED_WITHIN.days)
    return None


async def of_letter(session: AsyncSession, mail: MailRow) -> ConnectionRow:
    """The connection whose end the letter tells, ours to change until the transaction ends."""
    ask = select(ConnectionRow.id).where(ConnectionRow.onboarding_id == mail.onboarding_id)
    found = await connections.locked(session, (await session.scalars(ask)).one())
    assert found is not None
    return found


async def failed(session: AsyncSession, mail: MailRow, now: datetime) -> None:
    """Writes down that this letter did not get through, where somebody must act: not of an earlier attempt."""
    found = await of_letter(session, mail)
    if mail.id in [one.id for one in await untold(session, found)]:
        said = {"detail": mail.answer or mail.state}
        await _note(session, found, mail, ConnectionEvent.FAREWELL_TROUBLE, SYSTEM, said, now)


async def again(session: AsyncSession, found: ConnectionRow, by: Actor, now: datetime) -> bool:
    """Has everybody be told who was not; False where everybody was. The connection is locked by the caller."""
    letters = await untold(session, found)
    await _tell_again(session, found, letters, by, now)
    return bool(letters)


async def corrected(session: AsyncSession, mail: MailRow, now: datetime) -> bool | None:
    """Tells the reader of this letter again, whose address was corrected; None where it is about no end.

    False where a person must ask for that first.
    """
    if mail.step != FAREWELL:
        return None
    found = await of_letter(session, mail)
    theirs = [one for one in await untold(session, found) if one.id == mail.id]
    if theirs and await why_not_unasked(session, found, now) is not None:
        return False
    await _tell_again(session, found, theirs, SYSTEM, now)
    return True


async def told(session: AsyncSession, found: ConnectionRow, reason: str, by: Actor, now: datetime) -> bool:
    """Who was not told knows by another way, as ``reason`` says; False where everybody was told."""
    letters = await untold(session, found)
    for mail in letters:
        ledger.give_up(mail, f"Not sent: {reason}", now)
        await _note(session, found, mail, ConnectionEvent.FAREWELL_TOLD, by, {"reason": reason}, now)
    return bool(letters)


async def _tell_again(
    session: AsyncSession, found: ConnectionRow, letters: Sequence[MailRow], by: Actor, now: datetime
) -> None:
    for mail in letters:
        letter = mail
        if not ledger.is_handed_over(mail):  # with a further one they may have it twice
            ledger.give_up(mail, "Not sent: a further letter takes its place.", now)
            order = order_of(_role_of(mail), mail.attempt + 1)
            domain = mail.message_id.rpartition("@")[2].removesuffix(">")
            letter = await ledger.prepare(session, found.onboarding_id, order, domain=domain, now=now)
        said = {"attempt": letter.attempt, "tries": letter.tries}
        await _note(session, found, mail, ConnectionEvent.FAREWELL_REPEATED, by, said, now)
    if letters:
        await connections.nudge(session, [found.id])


def _is_noted(
    found: ConnectionRow,
    event: ConnectionEvent,
    role: str | ColumnElement[str],
    *more: ColumnElement[bool],
) -> ColumnElement[bool]:
    """Whether the history has such a line about this role."""
    return exists().where(
        ConnectionEventRow.connection_id == found.id,
        ConnectionEventRow.type == event,
        ConnectionEventRow.data["role"].astext == role,
        *more,
    )


async def _note(
    session: AsyncSession,
    found: ConnectionRow,
    mail: MailRow,
    event: ConnectionEvent,
    by: Actor,
    said: dict[str, Any],
    now: datetime,
) -> None:
    """A line of history that names the letter's reader."""
    role = _role_of(mail)
    whom = mail.recipients[0]["email"] if mail.recipients else role
    data = {"role": role, "to": whom, **said}
    await connections.tell(session, found.id, event, by=by, data=data, now=now)


def _role_of(mail: MailRow) -> str:
    return mail.order_key.split(":")[1]
