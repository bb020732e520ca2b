"""Addresses to which a message could not be delivered: marked once, until they are corrected. Nothing here commits.

Whoever marks the message of a notice or of an end locks its connection first, then the notice, then the mail.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import connections, farewells, ledger, notices
from adapters.database.bounce_tables import BounceRow
from adapters.database.connection_tables import NoticeRow
from adapters.database.tables import MailRow, OnboardingRow
from adapters.identifiers import new_id
from adapters.mail.delivery_report import DeliveryReport, Failed, status_in
from domain.connection import NoticeState
from domain.model import SYSTEM, OnboardingStatus

_ANOTHER = """
    b.resolved_at IS NULL AND m.id = b.mail_id AND EXISTS (
        SELECT FROM mails later, jsonb_array_elements(later.recipients) reader
        WHERE later.onboarding_id = m.onboarding_id AND later.step = m.step
            AND later.created_at > m.created_at AND reader->>'role' = b.role
            -- a report about the old address may come long after the new one was written to
            AND (later.created_at > b.received_at OR lower(reader->>'email') <> lower(b.address))
            AND later.state = ANY(:states)
            -- a reminder says nothing of a meeting, an escalation nothing new, the end of an onboarding nothing of its hold
            AND (later.template LIKE 'meeting%') = (m.template LIKE 'meeting%')
            AND (later.template <> 'escalation' OR m.template = 'escalation')
            AND (m.step <> '' OR later.template = m.template))
"""
_LIFT = text(f"UPDATE bounces b SET resolved_at = :now FROM mails m WHERE {_ANOTHER}")  # noqa: S608  no value in it
_AWAITED = text(f"SELECT b.id FROM bounces b, mails m WHERE {_ANOTHER}")  # noqa: S608  no value in it


async def take(
    session: AsyncSession, report: DeliveryReport, now: datetime, *, provider_id: str | None = None
) -> Sequence[str]:
    """Marks every address of ours that the report says is dead; their marks' ids, old ones too.

    None of them where it is about no message of ours, or of this provider, or about a recipient that it never had.
    """
    mail = await _locked_mail(session, report.message_id, provider_id)
    if mail is None:
        return ()
    marks = []
    for failed in report.failed:
        if (whom := _recipient(mail, failed)) is not None:
            marks.append(await _came_back(session, mail, whom, failed, report.id, now))
    return marks


async def refused_at_hand_over(
    session: AsyncSession, mail: MailRow, address: str, answer: str, now: datetime
) -> None:
    """Marks the recipient that the server said no to. The workflow hears of it as the message's outcome."""
    for whom in _recipients(mail):
        if whom.email.lower() == address.lower():
            failed = Failed(address, None, status_in(answer) or "5.0.0", answer)
            await _mark(session, mail, whom, failed, report=None, now=now, told=True)


async def told(session: AsyncSession, bounce_id: str, now: datetime) -> None:
    await session.execute(update(BounceRow).where(BounceRow.id == bounce_id).values(told_at=now))


async def resolve(session: AsyncSession, ids: Sequence[str], now: datetime) -> None:
    """Lifts the marks."""
    ask = update(BounceRow).where(BounceRow.id.in_(ids), BounceRow.resolved_at.is_(None))
    await session.execute(ask.values(resolved_at=now))


async def resolve_what_went_out_since(session: AsyncSession, now: datetime) -> None:
    """Lifts the mark where its reader was sent another message about the same, and so was told: after it came back, or to
    another address at any time after it.
    """
    await session.execute(_LIFT, {"now": now, "states": [ledger.MailState.SENT]})


async def awaited(session: AsyncSession) -> frozenset[str]:
    """The marks that such a message will lift, if it gets through: it is on its way, and a second one would be too many."""
    return frozenset(await session.scalars(_AWAITED, {"states": list(ledger.ON_THE_WAY)}))


async def letter_again(session: AsyncSession, mail: MailRow, now: datetime) -> bool | None:
    """Sends a connection's letter that came back once more, where it still waits for that; None where it is none.

    False where a person must ask for that first: until then the mark stays.
    """
    notice = await _locked_notice(session, mail.step)
    if notice is None:
        return await farewells.corrected(session, mail, now)
    waits = notice.state == NoticeState.WAITING and notice.trouble is not None
    if waits and _is_its_newest(notice, mail):
        await notices.again(session, notice, SYSTEM, now)
    return True


@dataclass(frozen=True)
class _Whom:
    """A recipient as the ledger has it."""

    email: str
    role: str
    is_copy: bool


def _recipients(mail: MailRow) -> Iterator[_Whom]:
    for listed, is_copy in ((mail.recipients, False), (mail.copies, True)):
        for one in listed:
            yield _Whom(one["email"], one["role"], is_copy)


def _recipient(mail: MailRow, failed: Failed) -> _Whom | None:
    """Whom the report means: by the address, or the only one there is, who may have it forwarded elsewhere."""
    everybody = list(_recipients(mail))
    meant = [whom for whom in everybody if failed.speaks_of(whom.email)]
    return meant[0] if meant else everybody[0] if len(everybody) == 1 else None


async def _locked_mail(session: AsyncSession, message_id: str, provider_id: str | None) -> MailRow | None:
    ask = (
        select(MailRow)
        .join(OnboardingRow, OnboardingRow.id == MailRow.onboarding_id)
        .where(MailRow.message_id == message_id)
    )
    if provider_id is not None:
        ask = ask.where(OnboardingRow.provider_id == provider_id)
    mail = await session.scalar(ask)
    if mail is None:
        return None
    await _locked_notice(session, mail.step)
    if mail.step == ledger.FAREWELL:
        await farewells.of_letter(session, mail)
    locked = ask.with_for_update(of=MailRow).execution_options(populate_existing=True)
    return await session.scalar(locked)


async def _locked_notice(session: AsyncSession, id: str) -> NoticeRow | None:
    """The notice with its connection; a step's key is the id of none."""
    found = await session.get(NoticeRow, id)
    if found is None:
        return None
    await connections.locked(session, found.connection_id)
    return await notices.locked(session, id)


async def _came_back(
    session: AsyncSession, mail: MailRow, whom: _Whom, failed: Failed, report: str, now: datetime
) -> str:
    notice = await session.get(NoticeRow, mail.step)
    status = await session.scalar(select(OnboardingRow.status).where(OnboardingRow.id == mail.onboarding_id))
    heeded = notice is None and OnboardingStatus(status or "failed").is_open
    id, is_new = await _mark(session, mail, whom, failed, report=report, now=now, told=not heeded)
    if is_new and not whom.is_copy:
        ledger.came_back(mail, failed.reason, now)
        if notice is not None and _is_its_newest(notice, mail):
            await notices.came_back(session, notice, failed.reason, now)
        if mail.step == ledger.FAREWELL:
            await farewells.failed(session, mail, now)
    return id


async def _mark(
    session: AsyncSession,
    mail: MailRow,
    whom: _Whom,
    failed: Failed,
    *,
    report: str | None,
    now: datetime,
    told: bool,
) -> tuple[str, bool]:
    """The mark's id, and whether it is new: one message comes back from one address once."""
    made = insert(BounceRow).values(
        id=new_id("bnc"),
        mail_id=mail.id,
        address=whom.email,
        role=whom.role,
        is_copy=whom.is_copy,
        status=failed.status,
        diagnostic=failed.diagnostic,
        report=report,
        received_at=now,
        told_at=now if told else None,
    )
    id = await session.scalar(made.on_conflict_do_nothing(constraint="bounces_once").returning(BounceRow.id))
    if id is not None:
        return id, True
    known = select(BounceRow.id).where(BounceRow.mail_id == mail.id, BounceRow.address == whom.email)
    return (await session.scalars(known)).one(), False


def _is_its_newest(notice: NoticeRow, mail: MailRow) -> bool:
    """The message to the partner itself, not support's copy, and not that of an earlier attempt."""
    return mail.order_key == f"{notice.id}:{notice.attempt}"
