"""The ledger of messages: a row before, the server's answer after. Nothing here commits.

``queued`` → ``sending`` → ``sent``, ``refused`` or ``unknown``. A row found in ``sending`` means that a try
was cut off: whether the message went out is not known. A server's "later" puts the row back to ``queued``, unless an
earlier try was cut off.
A message that went out may come back: ``bounced``.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from adapters.database.tables import MailRow
from adapters.identifiers import new_id
from domain.errors import N_
from domain.steps.base import MailOrder

# What is written down of a try that was cut off. Kept in English; pages say it in the reader's language.
CUT_OFF = N_("It is not known whether the message went out: sending was cut off.")
CUT_OFF_FOR_GOOD = N_(
    "It is not known whether the message went out: sending was cut off. It cannot be sent again: {trouble}."
)
FAREWELL = "ended"  # the step of the letters that say that a connection ended (R17)


class MailState(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    BOUNCED = "bounced"

    @property
    def is_settled(self) -> bool:
        return self not in ON_THE_WAY


ON_THE_WAY = (MailState.QUEUED, MailState.SENDING)


def owes_farewell(onboarding_id: InstrumentedAttribute[str] | str) -> ColumnElement[bool]:
    """Whether a letter about the end of this onboarding's connection is still on its way."""
    return exists().where(
        MailRow.onboarding_id == onboarding_id, MailRow.step == FAREWELL, MailRow.state.in_(ON_THE_WAY)
    )


async def prepare(
    session: AsyncSession, onboarding_id: str, order: MailOrder, *, domain: str, now: datetime
) -> MailRow:
    """The row of this order, locked until the transaction ends; made where there is none.

    Its ``message_id`` is made of the row's id and ``domain`` and never changes. Who gets the message and what
    it says is filled in by whoever starts to send.
    """
    mail_id = new_id("mail")
    await session.execute(
        insert(MailRow)
        .values(
            id=mail_id,
            onboarding_id=onboarding_id,
            order_key=order.key,
            step=order.step,
            attempt=order.attempt,
            template=order.template,
            language="",
            message_id=f"<{mail_id}@{domain}>",
            sender="",
            recipients=[],
            copies=[],
            subject="",
            state=MailState.QUEUED,
            tries=0,
            created_at=now,
        )
        .on_conflict_do_nothing(constraint="mails_once")
    )
    rows = await session.scalars(
        select(MailRow)
        .where(MailRow.onboarding_id == onboarding_id, MailRow.order_key == order.key)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return rows.one()


def start_sending(row: MailRow) -> None:
    """Writes down that a try begins; committed before the first byte goes out."""
    row.state = MailState.SENDING
    row.tries += 1
    row.answer = None


async def put_back(session: AsyncSession, mail_id: str, answer: str, *, in_doubt: bool) -> None:
    """The try surely delivered nothing: the message waits for the next one, with the reason.

    With ``in_doubt`` an earlier try was cut off: that one may have, so the row stays ``sending``.
    """
    row = await session.get_one(MailRow, mail_id, with_for_update=True)
    if row.state == MailState.SENDING:
        row.state, row.answer = MailState.SENDING if in_doubt else MailState.QUEUED, answer


async def settle(
    session: AsyncSession, mail_id: str, state: MailState, answer: str, now: datetime
) -> MailRow:
    """Closes the row with the server's answer; one that was settled before keeps its first answer."""
    row = await session.get_one(MailRow, mail_id, with_for_update=True)
    if not MailState(row.state).is_settled:
        row.state, row.answer, row.settled_at = state, answer, now
    return row


def is_handed_over(row: MailRow) -> bool:
    """Whether a try is under way, or was cut off a moment ago: what became of it is still to be said."""
    return row.state == MailState.SENDING and row.answer is None


def give_up(row: MailRow, reason: str, now: datetime) -> None:
    """Closes a message that is put off; one of which a try was cut off may have gone out. The row is locked.

    What is being handed over is left to the server's answer.
    """
    if not MailState(row.state).is_settled and not is_handed_over(row):
        state = MailState.UNKNOWN if row.state == MailState.SENDING else MailState.REFUSED
        row.state, row.answer, row.settled_at = state, reason, now


def came_back(row: MailRow, answer: str, now: datetime) -> None:
    """A report says that its recipient never gets it: so it went out, whatever was known. The row is locked."""
    if row.state != MailState.REFUSED:
        row.state, row.answer, row.settled_at = MailState.BOUNCED, answer, now


async def first_to(session: AsyncSession, row: MailRow, email: str) -> str | None:
    """Message-ID of the first message of the same onboarding that reached ``email``: the thread's head."""
    return await session.scalar(
        select(MailRow.message_id)
        .where(
            MailRow.onboarding_id == row.onboarding_id,
            MailRow.id != row.id,
            MailRow.created_at <= row.created_at,
            MailRow.state.in_((MailState.SENT, MailState.UNKNOWN)),
            MailRow.recipients.contains([{"email": email}]),
        )
        .order_by(MailRow.created_at, MailRow.id)
        .limit(1)
    )


async def of_onboarding(session: AsyncSession, onboarding_id: str) -> Sequence[MailRow]:
    """Every message of an onboarding, oldest first."""
    rows = await session.scalars(
        select(MailRow).where(MailRow.onboarding_id == onboarding_id).order_by(MailRow.created_at, MailRow.id)
    )
    return rows.all()
