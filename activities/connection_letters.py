"""The letters of live connections: notices that the partner acknowledges (R14, R16), and the end (R17)."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from activities.letter import Letter, Occasion, Parties, not_there, now, read_parties
from adapters.database import connections, farewells, ledger, notice_order, notices
from adapters.database.connection_tables import ConnectionRow, NoticeRow
from adapters.database.ledger import MailState
from adapters.database.tables import MailRow, PriceEditRow
from adapters.mail.connection_context import context_of_end, context_of_notice
from adapters.mail.context import MailContext
from adapters.mail.message import Attachment
from adapters.mail.notice_file import file_of
from adapters.settings import Settings
from domain.connection import (
    Cause,
    ConnectionStatus,
    Ended,
    LineNow,
    NoticeKind,
    NoticeState,
)
from domain.messages import SendFarewell, SendNotice
from domain.model import Actor
from domain.playbook import OUR_ROLES, Playbook, SyncPolicy
from domain.steps.base import MailOrder, MailOutcome

TEMPLATE_OF = {NoticeKind.NEW_SERVICES: "new_services", NoticeKind.PRICES: "price_notice"}


@dataclass(frozen=True)
class NoticeLetter(Letter):
    """In the provider's name to the partner and to support, each by a message of its own (R14, R16).

    Support's has no link: who reads it must not be able to answer for the partner.
    """

    parties: Parties
    order: MailOrder
    connection: ConnectionRow
    notice: NoticeRow
    lines: tuple[LineNow, ...]

    def no_longer_wanted(self) -> str | None:
        is_copy = self.order.to == "support"
        over = (
            self.notice.state == NoticeState.WITHDRAWN
            if is_copy
            else self.notice.state != NoticeState.WAITING
        )
        if over:
            return f"Not sent: the notice is {self.notice.state} already."
        if not ConnectionStatus(self.connection.status).is_live:
            return "Not sent: the connection has ended."
        return None

    async def context(self, session: AsyncSession, settings: Settings) -> MailContext:
        edit = await session.get(PriceEditRow, self.notice.edit_id) if self.notice.edit_id else None
        return context_of_notice(
            self.parties.playbook,
            self.parties.provider,
            self.notice,
            self.lines,
            edit,
            is_repeated=await self._was_sent(session),
            to=self.order.to,
            ours=self.parties.ours,
            public_url=settings.public_url,
            support_email=settings.support_email,
        )

    def attachments(self, language: str) -> tuple[Attachment, ...]:
        return (file_of(self.notice, self.lines, self.parties.playbook.currency, language),)

    async def _was_sent(self, session: AsyncSession) -> bool:
        to_support = self.order.to == "support"
        onboarding_id = self.connection.onboarding_id
        return await notice_order.was_sent(session, onboarding_id, self.notice, to_support=to_support)


@dataclass(frozen=True)
class NoticeOccasion(Occasion):
    """A notice waits to go out. Whoever acts on one locks its connection first, then the notice, then mail and link."""

    ask: SendNotice
    playbooks: Mapping[str, Playbook]

    async def open(self, session: AsyncSession) -> NoticeLetter | MailOutcome:
        connection, notice = await self._locked(session)
        if connection.status == ConnectionStatus.PAUSED and notice.state == NoticeState.WAITING:
            return MailOutcome(state="refused", at=now(), detail="Not sent: the connection is paused.")
        if not connection.consented:
            return MailOutcome(state="refused", at=now(), detail="Not sent: the consent is not in force.")
        earlier = None if self._is_for_support else await notice_order.first_before(session, notice)
        if earlier is not None:
            return MailOutcome(
                state="refused", at=now(), detail=f"Not sent: notice {earlier} goes out first."
            )
        parties = await read_parties(session, connection.onboarding_id, self.playbooks)
        key = f"{notice.id}:{notice.attempt}"
        order = MailOrder(
            key=f"{key}:support" if self._is_for_support else key,
            step=notice.id,
            attempt=notice.attempt,
            template=TEMPLATE_OF[NoticeKind(notice.kind)],
            to="support" if self._is_for_support else parties.playbook.notices_to,
            sender="provider",
            link=not self._is_for_support,
        )
        is_priced = parties.playbook.sync.price is SyncPolicy.PUSH
        lines = await notice_order.lines_now(session, notice, is_priced=is_priced)
        return NoticeLetter(parties, order, connection, notice, lines)

    @property
    def _is_for_support(self) -> bool:
        return self.ask.to == "support"

    async def settle(self, session: AsyncSession, mail_id: str, state: MailState, answer: str) -> MailRow:
        """The notice learns of the partner's message with the ledger; of an earlier attempt's, it learns nothing."""
        connection, notice = await self._locked(session)
        row = await ledger.settle(session, mail_id, state, answer, now())
        is_its_own = row.attempt == notice.attempt and not self._is_for_support
        if is_its_own and ConnectionStatus(connection.status).is_live:
            trouble = None if row.state == MailState.SENT else row.answer or row.state
            await notices.went_out(session, notice, trouble, row.settled_at or now())
        return row

    async def _locked(self, session: AsyncSession) -> tuple[ConnectionRow, NoticeRow]:
        connection = await connections.locked(session, self.ask.connection_id)
        notice = await notices.locked(session, self.ask.notice_id)
        if connection is None or notice is None or notice.connection_id != connection.id:
            not_there("notice", self.ask.notice_id)
        return connection, notice


@dataclass(frozen=True)
class FarewellLetter(Letter):
    """``ended`` is None where the connection has not ended; ``unwanted`` says why it is not to go out any more."""

    parties: Parties
    order: MailOrder
    ended: Ended | None
    unwanted: str | None

    def no_longer_wanted(self) -> str | None:
        return farewells.NOT_ENDED if self.ended is None else self.unwanted

    async def context(self, session: AsyncSession, settings: Settings) -> MailContext:
        assert self.ended is not None
        return context_of_end(
            self.parties.playbook,
            self.parties.provider,
            self.ended,
            to=self.order.to,
            ours=self.parties.ours,
            public_url=settings.public_url,
            support_email=settings.support_email,
        )


@dataclass(frozen=True)
class FarewellOccasion(Occasion):
    """A connection ended, and one party is told. Its connection is locked first, then the mail."""

    ask: SendFarewell
    playbooks: Mapping[str, Playbook]

    async def open(self, session: AsyncSession) -> FarewellLetter:
        connection = await self._locked(session)
        id = connection.onboarding_id
        parties = await read_parties(session, id, self.playbooks)
        role = self.ask.to
        if role not in (*OUR_ROLES, *parties.playbook.contacts):
            role = await farewells.role_at_partner(session, id) or parties.playbook.notices_to
        order = farewells.order_of(role, await farewells.attempt_of(session, id, role))
        unwanted = await farewells.no_longer_wanted(session, connection, order, now())
        return FarewellLetter(parties, order, await _ended(session, connection), unwanted)

    async def settle(self, session: AsyncSession, mail_id: str, state: MailState, answer: str) -> MailRow:
        """That it reached nobody is written down, once, and waits for a person."""
        await self._locked(session)
        was = MailState((await session.get_one(MailRow, mail_id, with_for_update=True)).state)
        row = await ledger.settle(session, mail_id, state, answer, now())
        if not was.is_settled and row.state != MailState.SENT:
            await farewells.failed(session, row, now())
        return row

    async def _locked(self, session: AsyncSession) -> ConnectionRow:
        connection = await connections.locked(session, self.ask.connection_id)
        if connection is None:
            not_there("connection", self.ask.connection_id)
        return connection


async def _ended(session: AsyncSession, connection: ConnectionRow) -> Ended | None:
    """When and why; None where it has not ended."""
    if connection.cause is None or connection.ended_by is None:
        return None
    by = Actor.model_validate(connection.ended_by)
    at = await farewells.ended_at(session, connection)
    return Ended(at=at, cause=Cause(connection.cause), by=by.name)
