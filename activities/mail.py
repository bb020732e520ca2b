"""Sends what the workflow orders, over SMTP, with a ledger that knows what became of it (R3, R10)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.contract import MAIL_HEARTBEAT, ActivityName
from adapters.database import ledger, links
from adapters.database.ledger import MailState
from adapters.database.links import LinkHolder
from adapters.database.session import Database
from adapters.database.tables import Consent, MailRow, OnboardingRow, Provider
from adapters.mail.context import Correspondent, MailContext, context_of, correspondent
from adapters.mail.message import BadAddress, Draft, Mailbox, UnfaithfulMessage, sealed
from adapters.mail.render import render
from adapters.mail.smtp import Mailer, MessageRefused, TryLater, Unknown
from adapters.settings import Settings
from adapters.signing import LinkSigner
from domain import progress as engine
from domain.messages import SendMail
from domain.model import StepState
from domain.playbook import Contact
from domain.progress import Case, Progress
from domain.steps.base import MailOrder, MailOutcome

CUT_OFF = "It is not known whether the message went out: sending was cut off."
# From this try on, a message whose fate is unclear goes to a person: nobody gets it over and over.
MOST_TRIES_IN_DOUBT = 3
# Postgres is back within seconds; the proof that a message went out is worth waiting for.
PAUSES_BEFORE_SETTLING = (0.0, 0.3, 1.0, 3.0)


@dataclass(frozen=True)
class _Ready:
    """A message of which the ledger says that it is being sent."""

    mail_id: str
    tries: int
    content: bytes
    recipients: tuple[str, ...]


class MailActivities:
    """One mail server, one ledger."""

    def __init__(
        self,
        database: Database,
        mailer: Mailer,
        signer: LinkSigner,
        settings: Settings,
        contacts: Mapping[str, Mapping[str, Contact]],
    ) -> None:
        """``contacts`` are the partners' own now, by slug: who answers is not part of what an onboarding pinned."""
        self._contacts = contacts
        self._database = database
        self._mailer = mailer
        self._signer = signer
        self._settings = settings

    @activity.defn(name=ActivityName.SEND_MAIL)
    async def send_mail(self, mail: SendMail) -> MailOutcome:
        """Sends one message to one recipient and the copies, or to none of them.

        Idempotent by (onboarding, ``order.key``): what is settled is answered from the ledger. Retried are
        a server's "later", a server out of reach, and, for ``resend`` orders, a hand-over that broke: with
        the same Message-ID and link. A lasting no comes back as ``refused``, doubt about a ``hold`` order as
        ``unknown``. What is being handed over when the activity is cancelled is handed over, and written down.
        """
        work = asyncio.create_task(self._send(mail))
        try:
            while not (await asyncio.wait({work}, timeout=MAIL_HEARTBEAT.total_seconds() / 3))[0]:
                activity.heartbeat()
        except asyncio.CancelledError:
            if activity.is_worker_shutdown():
                work.cancel()
            await asyncio.wait({work})
            raise
        return work.result()

    async def _send(self, mail: SendMail) -> MailOutcome:
        ready = await self._prepare(mail)
        if isinstance(ready, MailOutcome):
            return ready
        try:
            answer = await self._mailer.send(ready.content, self._settings.mail_from, ready.recipients)
        except TryLater as trouble:
            async with self._database.transaction() as session:
                await ledger.put_back(session, ready.mail_id, str(trouble))
            _try_again(str(trouble))
        except MessageRefused as refusal:
            return await self._settle(ready.mail_id, MailState.REFUSED, str(refusal))
        except Unknown as doubt:
            if mail.order.on_trouble == "hold" or ready.tries >= MOST_TRIES_IN_DOUBT:
                return await self._settle(ready.mail_id, MailState.UNKNOWN, str(doubt))
            _try_again(str(doubt))
        return await self._settle(ready.mail_id, MailState.SENT, answer)

    async def _prepare(self, mail: SendMail) -> _Ready | MailOutcome:
        """Everything before the first byte, in one transaction; an outcome where there is nothing to send."""
        order = mail.order
        async with self._database.transaction() as session:
            case, progress, provider = await self._read(session, mail.onboarding_id)
            row = await ledger.prepare(session, mail.onboarding_id, order, domain=self._domain, now=_now())
            if MailState(row.state).is_settled:
                return _outcome(row)
            if row.state == MailState.SENDING and order.on_trouble == "hold":
                return await _settled(session, row, MailState.UNKNOWN, CUT_OFF)
            if reason := _no_longer_wanted(case, progress, order):
                return await _settled(session, row, MailState.REFUSED, reason)
            context = context_of(
                case,
                progress,
                order,
                provider,
                await _newest_consent(session, provider.id, case.playbook.slug),
                public_url=self._settings.public_url,
                support_email=self._settings.support_email,
            )
            if order.link:
                context = await self._with_link(session, mail.onboarding_id, order, context, row)
            copies = [
                correspondent(r, case.playbook, provider, self._settings.support_email) for r in order.cc
            ]
            try:
                draft = await self._draft(session, order, context, copies, row)
                content = sealed(draft)
            except (BadAddress, UnfaithfulMessage) as error:
                return await _settled(session, row, MailState.REFUSED, f"Not sent: {error}.")
            ledger.start_sending(row)
            return _Ready(row.id, row.tries, content, draft.envelope)

    async def _read(self, session: AsyncSession, onboarding_id: str) -> tuple[Case, Progress, Provider]:
        """The onboarding, its partner's contacts as they are now: a corrected address reaches what already runs."""
        row = await session.get(OnboardingRow, onboarding_id)
        if row is None:
            raise ApplicationError(
                f"There is no onboarding {onboarding_id}", type="not-found", non_retryable=True
            )
        provider = await session.get_one(Provider, row.provider_id)
        case = Case.model_validate(row.case)
        contacts = {**case.playbook.contacts, **self._contacts.get(row.partner, {})}
        playbook = case.playbook.model_copy(update={"contacts": contacts})
        return case.model_copy(update={"playbook": playbook}), Progress.model_validate(row.progress), provider

    async def _with_link(
        self, session: AsyncSession, onboarding_id: str, order: MailOrder, context: MailContext, row: MailRow
    ) -> MailContext:
        """Names the recipient's link. A mail that is tried again never has a fresh one made for it again."""
        recipient = context.recipient
        holder = LinkHolder(
            onboarding_id=onboarding_id,
            step=order.step,
            attempt=order.attempt,
            party=recipient.party,
            role=recipient.role,
            name=recipient.name,
            email=recipient.email,
            language=recipient.language,
        )
        link = await links.issue(
            session,
            holder,
            now=_now(),
            valid=timedelta(days=self._settings.link_days),
            fresh=order.fresh_link and row.link_id is None,
        )
        row.link_id = link.id
        address = f"{self._settings.public_url}/l/{self._signer.token(link.id)}"
        return context.model_copy(update={"link": address, "link_until": link.expires_at})

    async def _draft(
        self,
        session: AsyncSession,
        order: MailOrder,
        context: MailContext,
        copies: list[Correspondent],
        row: MailRow,
    ) -> Draft:
        """The message as meant; the ledger's row is told who gets it and what it is called."""
        recipient = context.recipient
        to = Mailbox.of(recipient.email, recipient.name)
        cc = [(c, Mailbox.of(c.email, c.name)) for c in copies if c.email.lower() != recipient.email.lower()]
        racord = Mailbox.of(self._settings.mail_from, "Racord")
        clinic = Mailbox.of(context.provider.email, context.provider.name)
        theirs = order.sender == "provider"
        rendered = render(order.template, recipient.language, context)
        row.sender = clinic.email if theirs else racord.email
        row.recipients = [_listed(recipient, to)]
        row.copies = [_listed(who, box) for who, box in cc]
        row.subject, row.language = rendered.subject, recipient.language
        return Draft(
            message_id=row.message_id,
            at=row.created_at,
            author=clinic if theirs else racord,
            sender=racord if theirs else None,
            reply_to=clinic if theirs else Mailbox.of(self._settings.support_email),
            recipients=(to,),
            copies=tuple(box for _, box in cc),
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            language=recipient.language,
            thread=await ledger.first_to(session, row, to.email),
        )

    async def _settle(self, mail_id: str, state: MailState, answer: str) -> MailOutcome:
        for pause in PAUSES_BEFORE_SETTLING[:-1]:
            await asyncio.sleep(pause)
            try:
                return await self._settle_once(mail_id, state, answer)
            except DBAPIError as error:
                activity.logger.warning("The ledger cannot be written: %s", type(error).__name__)
        await asyncio.sleep(PAUSES_BEFORE_SETTLING[-1])
        return await self._settle_once(mail_id, state, answer)

    async def _settle_once(self, mail_id: str, state: MailState, answer: str) -> MailOutcome:
        async with self._database.transaction() as session:
            return _outcome(await ledger.settle(session, mail_id, state, answer, _now()))

    @property
    def _domain(self) -> str:
        return self._settings.mail_from.rpartition("@")[2]


def _now() -> datetime:
    return datetime.now(UTC)


def _try_again(reason: str) -> NoReturn:
    raise ApplicationError(reason, type="try-later", category=ApplicationErrorCategory.BENIGN) from None


def _no_longer_wanted(case: Case, progress: Progress, order: MailOrder) -> str | None:
    """Why the message has lost its sense while it waited; one that may get it back waits on."""
    if any(wanted.key == order.key for wanted in engine.orders(case, progress)):
        return None
    record = progress.steps[order.step]
    over = record.state is StepState.DONE or record.attempt != order.attempt or not progress.status.is_open
    if not over:
        _try_again("The step does not ask for this message at the moment.")
    return "Not sent: the step no longer asks for it."


async def _newest_consent(session: AsyncSession, provider_id: str, partner: str) -> Consent | None:
    newest = select(Consent).where(Consent.provider_id == provider_id, Consent.partner == partner)
    return await session.scalar(newest.order_by(Consent.accepted_at.desc()).limit(1))


async def _settled(session: AsyncSession, row: MailRow, state: MailState, answer: str) -> MailOutcome:
    return _outcome(await ledger.settle(session, row.id, state, answer, _now()))


def _outcome(row: MailRow) -> MailOutcome:
    assert row.settled_at is not None
    return MailOutcome(state=row.state, at=row.settled_at, detail=row.answer or "", message_id=row.message_id)


def _listed(who: Correspondent, box: Mailbox) -> dict[str, str]:
    return {"role": who.role, "name": box.name, "email": box.email}
