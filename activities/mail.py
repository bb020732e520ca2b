"""Sends what the workflows order, over SMTP, with a ledger that knows what became of it (R3, R10, R14–R17)."""

import asyncio
from collections.abc import Mapping

from temporalio import activity

from activities.connection_letters import FarewellOccasion, NoticeOccasion
from activities.contract import MAIL_HEARTBEAT, ActivityName
from activities.letter import Occasion
from activities.post import Post
from activities.step_letter import StepOccasion
from adapters.database.session import Database
from adapters.mail.smtp import Mailer
from adapters.settings import Settings
from adapters.signing import LinkSigner
from domain.messages import SendFarewell, SendMail, SendNotice
from domain.playbook import Playbook
from domain.steps.base import MailOutcome


class MailActivities:
    """Three kinds of letter, sent in one way.

    Each goes to one recipient and the copies, or to none of them. What is settled is answered from the ledger.
    Retried are a server's "later", a server out of reach, and, where a repetition does no harm, a hand-over that
    broke: with the same Message-ID and link. A lasting no comes back as ``refused``, doubt as ``unknown``. What is
    being handed over when the activity is cancelled is handed over, and written down.
    """

    def __init__(
        self,
        database: Database,
        mailer: Mailer,
        signer: LinkSigner,
        settings: Settings,
        playbooks: Mapping[str, Playbook],
    ) -> None:
        """``playbooks`` are those of now, by slug."""
        self._post = Post(database, mailer, signer, settings)
        self._playbooks = playbooks

    @activity.defn(name=ActivityName.SEND_MAIL)
    async def send_mail(self, mail: SendMail) -> MailOutcome:
        """Sends one message that a step ordered. Idempotent by (onboarding, ``order.key``)."""
        return await self._deliver(StepOccasion(mail, self._playbooks), answers_at_last=True)

    @activity.defn(name=ActivityName.SEND_NOTICE)
    async def send_notice(self, notice: SendNotice) -> MailOutcome:
        """Sends one notice at its present attempt (R14, R16), and writes down with the proof that it went out.

        Idempotent by (notice, attempt). Withdrawn or settled meanwhile, it is ``refused`` with no trouble to anybody;
        while the connection is paused, or an earlier notice waits, too, but then it waits and may be asked for again.
        """
        return await self._deliver(NoticeOccasion(notice, self._playbooks))

    @activity.defn(name=ActivityName.SEND_FAREWELL)
    async def send_farewell(self, farewell: SendFarewell) -> MailOutcome:
        """Tells one party that the connection ended (R17), at the newest attempt. Idempotent by (connection, role, attempt).

        ``to`` is `provider`, `support`, a role at the partner, or `partner` for whoever gets its notices.
        """
        return await self._deliver(FarewellOccasion(farewell, self._playbooks))

    async def _deliver(self, occasion: Occasion, *, answers_at_last: bool = False) -> MailOutcome:
        """``answers_at_last``: of what was handed over though it was cancelled, the caller hears."""
        work = asyncio.create_task(self._post.send(occasion))
        try:
            await _beat_until_done(work)
        except asyncio.CancelledError:
            if activity.is_worker_shutdown():
                work.cancel()
            await _beat_until_done(work)
            if answers_at_last and not work.cancelled() and work.exception() is None:
                return work.result()
            raise
        return work.result()


async def _beat_until_done(work: asyncio.Task[MailOutcome]) -> None:
    """Says that this worker lives: while it does, nobody else is given the message."""
    while not (await asyncio.wait({work}, timeout=MAIL_HEARTBEAT.total_seconds() / 3))[0]:
        activity.heartbeat()
