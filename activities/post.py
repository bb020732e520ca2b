"""Sends one letter once, whatever it says: the ledger's row before, the server's answer after (R3, R10, R14–R17)."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.letter import Letter, Occasion, now, try_again
from adapters.database import bounces, ledger, links
from adapters.database.ledger import CUT_OFF, CUT_OFF_FOR_GOOD, MailState
from adapters.database.links import LinkHolder
from adapters.database.session import Database
from adapters.database.tables import MailRow
from adapters.mail.context import MailContext
from adapters.mail.correspondents import Correspondent, correspondent
from adapters.mail.message import BadAddress, Draft, Mailbox, UnfaithfulMessage, sealed
from adapters.mail.render import render
from adapters.mail.smtp import Mailer, MessageRefused, RecipientRefused, TryLater, Unknown
from adapters.settings import Settings
from adapters.signing import LinkSigner
from domain.steps.base import MailOutcome

# From this try on, a message whose fate is unclear goes to a person: nobody gets it over and over.
MOST_TRIES_IN_DOUBT = 3
# Postgres is back within seconds; the proof that a message went out is worth waiting for.
PAUSES_BEFORE_SETTLING = (0.0, 0.3, 1.0, 3.0)


@dataclass(frozen=True)
class _Ready:
    """A message of which the ledger says that it is being sent; ``holds`` leaves any doubt to a person.

    ``in_doubt``: an earlier try was cut off, and may have got through.
    """

    mail_id: str
    tries: int
    holds: bool
    in_doubt: bool
    content: bytes
    recipients: tuple[str, ...]


@dataclass(frozen=True)
class Post:
    """One mail server, one ledger."""

    database: Database
    mailer: Mailer
    signer: LinkSigner
    settings: Settings

    async def send(self, occasion: Occasion) -> MailOutcome:
        """Sends the letter, or answers what became of it before; a "later" asks to be tried again."""
        ready = await self._prepare(occasion)
        if isinstance(ready, MailOutcome):
            return ready
        try:
            answer = await self.mailer.send(ready.content, self.settings.mail_from, ready.recipients)
        except TryLater as trouble:
            async with self.database.transaction() as session:
                await ledger.put_back(session, ready.mail_id, str(trouble), in_doubt=ready.in_doubt)
            try_again(str(trouble))
        except MessageRefused as refusal:
            no = refusal if isinstance(refusal, RecipientRefused) else None
            return await self._settle(occasion, ready.mail_id, MailState.REFUSED, str(refusal), no)
        except Unknown as doubt:
            if ready.holds or ready.tries >= MOST_TRIES_IN_DOUBT:
                return await self._settle(occasion, ready.mail_id, MailState.UNKNOWN, str(doubt))
            try_again(str(doubt))
        return await self._settle(occasion, ready.mail_id, MailState.SENT, answer)

    async def _prepare(self, occasion: Occasion) -> _Ready | MailOutcome:
        """Everything before the first byte, in one transaction; an outcome where there is nothing to send."""
        async with self.database.transaction() as session:
            letter = await occasion.open(session)
            if isinstance(letter, MailOutcome):
                return letter
            order = letter.order
            domain = self.settings.mail_from.rpartition("@")[2]
            onboarding_id = letter.parties.case.onboarding_id
            row = await ledger.prepare(session, onboarding_id, order, domain=domain, now=now())
            state, holds = MailState(row.state), order.on_trouble == "hold"
            if state.is_settled:
                return _outcome(await occasion.settle(session, row.id, state, row.answer or ""))
            in_doubt = state is MailState.SENDING
            if reason := CUT_OFF if in_doubt and holds else letter.no_longer_wanted():
                return await _give_up(session, occasion, row, reason)
            try:
                draft = await self._draft(session, letter, row)
                content = sealed(draft)
            except (BadAddress, UnfaithfulMessage) as error:
                doubt = CUT_OFF_FOR_GOOD.format(trouble=error)
                return await _give_up(session, occasion, row, f"Not sent: {error}.", doubt)
            ledger.start_sending(row)
            return _Ready(row.id, row.tries, holds, in_doubt, content, draft.envelope)

    async def _draft(self, session: AsyncSession, letter: Letter, row: MailRow) -> Draft:
        """The message as meant; the ledger's row is told who gets it and what it is called."""
        order, parties = letter.order, letter.parties
        context = await letter.context(session, self.settings)
        if order.link:
            context = await self._with_link(session, letter, context, row)
        recipient, desk = context.recipient, self.settings.support_email
        copies = [
            correspondent(role, parties.playbook, parties.provider, desk, parties.ours) for role in order.cc
        ]
        to = Mailbox.of(recipient.email, recipient.name)
        cc = [(c, Mailbox.of(c.email, c.name)) for c in copies if c.email.lower() != recipient.email.lower()]
        racord = Mailbox.of(self.settings.mail_from, "Racord")
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
            reply_to=clinic if theirs else Mailbox.of(desk),
            recipients=(to,),
            copies=tuple(box for _, box in cc),
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            language=recipient.language,
            thread=await ledger.first_to(session, row, to.email),
            attachments=letter.attachments(recipient.language),
            invitation=letter.invitation(context, self.settings),
        )

    async def _with_link(
        self, session: AsyncSession, letter: Letter, context: MailContext, row: MailRow
    ) -> MailContext:
        """Names the recipient's link. A mail that is tried again never has a fresh one made for it again."""
        recipient, order = context.recipient, letter.order
        holder = LinkHolder(
            onboarding_id=letter.parties.case.onboarding_id,
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
            now=now(),
            valid=timedelta(days=self.settings.link_days),
            due_at=context.due_at,
            fresh=order.fresh_link and row.link_id is None,
        )
        row.link_id = link.id
        address = f"{self.settings.public_url}/l/{self.signer.token(link.id)}"
        return context.model_copy(update={"link": address, "link_until": link.expires_at})

    async def _settle(
        self,
        occasion: Occasion,
        mail_id: str,
        state: MailState,
        answer: str,
        no: RecipientRefused | None = None,
    ) -> MailOutcome:
        for pause in PAUSES_BEFORE_SETTLING[:-1]:
            await asyncio.sleep(pause)
            try:
                return await self._settle_once(occasion, mail_id, state, answer, no)
            except DBAPIError as error:
                activity.logger.warning("The ledger cannot be written: %s", type(error).__name__)
        await asyncio.sleep(PAUSES_BEFORE_SETTLING[-1])
        return await self._settle_once(occasion, mail_id, state, answer, no)

    async def _settle_once(
        self,
        occasion: Occasion,
        mail_id: str,
        state: MailState,
        answer: str,
        no: RecipientRefused | None,
    ) -> MailOutcome:
        """``no`` is about one recipient, whose address is marked."""
        async with self.database.transaction() as session:
            row = await occasion.settle(session, mail_id, state, answer)
            if no is not None:
                await bounces.refused_at_hand_over(session, row, no.address, no.answer, now())
            return _outcome(row)


async def _give_up(
    session: AsyncSession, occasion: Occasion, row: MailRow, reason: str, doubt: str = CUT_OFF
) -> MailOutcome:
    """It is not sent any more: unknown where an earlier try may have got through, else refused for the reason."""
    in_doubt = row.state == MailState.SENDING
    state, answer = (MailState.UNKNOWN, doubt) if in_doubt else (MailState.REFUSED, reason)
    return _outcome(await occasion.settle(session, row.id, state, answer))


def _outcome(row: MailRow) -> MailOutcome:
    assert row.settled_at is not None
    failed = row.state in (MailState.REFUSED, MailState.BOUNCED) and row.recipients
    return MailOutcome(
        state=row.state,
        at=row.settled_at,
        detail=row.answer or "",
        message_id=row.message_id,
        address=row.recipients[0]["email"] if failed else "",
    )


def _listed(who: Correspondent, box: Mailbox) -> dict[str, str]:
    return {"role": who.role, "name": box.name, "email": box.email}
