"""What came back is read, told to whom it concerns, and sent again once the address is corrected.

A loop of its own beside the relay's. Each part is found again after whatever cut it off: reports by their flag,
news by ``told_at``, corrections by comparing the marked address with the present one.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import groupby

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import bounce_lists, people
from adapters.database import bounces as store
from adapters.database.bounce_lists import Found
from adapters.database.session import Database
from adapters.mail import bounce_folder
from adapters.mail.delivery_report import read_report
from adapters.mail.message import BadAddress, Mailbox
from adapters.playbooks import Playbooks
from adapters.settings import Settings
from adapters.temporal import NoAnswer, NoSuchWorkflow, Temporal
from domain.commands import StepCommand
from domain.errors import RacordError, Unavailable
from domain.ladder import ACCOUNT_MANAGER, LEAD
from domain.model import SYSTEM, OnboardingStatus

log = structlog.get_logger()
LOOK_EVERY = 20.0
# What a step offers that is stuck, and what one offers that goes on asking.
_AGAIN = ("retry", "remind")


class Bounces:
    """Several processes may run it side by side: each part is idempotent."""

    def __init__(
        self, settings: Settings, database: Database, temporal: Temporal, playbooks: Playbooks
    ) -> None:
        self._settings = settings
        self._database = database
        self._temporal = temporal
        self._playbooks = playbooks

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            for part in (self.correct, self.read, self.tell):
                try:
                    await part()
                except (
                    Exception
                ) as error:  # whatever it is: the other parts go on, and this one is tried again
                    log.warning("bounces wait", part=part.__name__, error=str(error), exc_info=True)
            await asyncio.sleep(LOOK_EVERY)

    async def read(self) -> int:
        """Takes in what lies in the Maildir; answers how many addresses were named. One that fails stays unread."""
        folder = self._settings.bounces_maildir
        if folder is None:
            return 0
        await asyncio.to_thread(bounce_folder.prepare, folder)
        marks = 0
        for message in await asyncio.to_thread(bounce_folder.unseen, folder):
            report = read_report(await asyncio.to_thread(bounce_folder.content_of, message))
            if report is not None:
                async with self._database.transaction() as session:
                    marks += len(await store.take(session, report, datetime.now(UTC)))
            await asyncio.to_thread(bounce_folder.mark_seen, message)
        return marks

    async def tell(self) -> int:
        """Tells the workflows; answers how many marks were told of. Raises when Temporal is away.

        An onboarding that is over need not know, nor one whose workflow somebody ended.
        """
        async with self._database.transaction() as session:
            waiting = await bounce_lists.untold(session)
        told = 0
        for found in waiting:
            if found.status.is_open and not await self._heard(found):
                continue
            async with self._database.transaction() as session:
                await store.told(session, found.row.id, datetime.now(UTC))
            told += 1
        return told

    async def correct(self) -> int:
        """Sends again where the address is another one now; answers how many steps and notices that were."""
        now = datetime.now(UTC)
        async with self._database.transaction() as session:
            await store.resolve_what_went_out_since(session, now)
            marks = await bounce_lists.unresolved(session)
            corrected = [found for found in marks if await self._is_corrected(session, found, now)]
        again = 0
        for _, group in groupby(sorted(corrected, key=_about), key=_about):
            again += await self._settle(list(group))
        return again

    async def _settle(self, marks: list[Found]) -> bool:
        """One reader of one step, however many messages came back; False where it must wait."""
        newest = max(marks, key=lambda found: (found.row.received_at, found.row.id))
        async with self._database.transaction() as session:
            is_notice = await store.notice_again(session, newest.mail, datetime.now(UTC))
            if is_notice:
                await store.resolve(session, _ids(marks), datetime.now(UTC))
        if is_notice:
            return True
        needed = newest.status.is_open and any(found.needs_resending for found in marks)
        if needed and not await self._sent_again(newest):
            return False
        async with self._database.transaction() as session:
            await store.resolve(session, _ids(marks), datetime.now(UTC))
        return True

    async def _sent_again(self, found: Found) -> bool:
        """Asks the step to send again. One that offers it no more needs it no more; False asks to come back."""
        if found.status is OnboardingStatus.ON_HOLD:
            return False
        for action in _AGAIN:
            command = StepCommand(
                command_id=f"corrected-{found.row.id}",
                step=found.mail.step,
                action=action,
                body={"to": found.row.role} if action == "remind" else {},
                actor=SYSTEM,
            )
            try:
                await self._temporal.command(found.mail.onboarding_id, command)
                return True
            except (NoSuchWorkflow, NoAnswer, Unavailable):
                return False
            except RacordError as refusal:
                if refusal.code == "on-hold":
                    return False
        return True

    async def _heard(self, found: Found) -> bool:
        """False where the workflow is lost with Temporal's store: it is told when it was started anew."""
        onboarding_id = found.mail.onboarding_id
        try:
            await self._temporal.tell_bounce(onboarding_id, found.news, found.row.id)
        except NoSuchWorkflow:
            return await self._temporal.status(onboarding_id) is not None
        return True

    async def _is_corrected(self, session: AsyncSession, found: Found, now: datetime) -> bool:
        """Not where nobody has the role any more, or mail cannot go there."""
        try:
            present = Mailbox.of(await self._present_address(session, found, now)).email
        except BadAddress:
            return False
        return present.lower() != found.row.address.lower()

    async def _present_address(self, session: AsyncSession, found: Found, now: datetime) -> str:
        """Of whoever has the role now; empty where nobody has."""
        role, desk = found.row.role, self._settings.support_email
        if role == "provider":
            return found.provider_email
        if role == "support":
            return desk
        if role in (ACCOUNT_MANAGER, LEAD):
            who = people.lead_of if role == LEAD else people.acting_for
            person = await who(session, found.mail.onboarding_id, now)
            return person.email if person else desk
        return self._contact(found)

    def _contact(self, found: Found) -> str:
        """From the partner's playbook of now, else from the one that the onboarding began with."""
        if found.partner in self._playbooks:
            contact = self._playbooks.get(found.partner).contacts.get(found.row.role)
            if contact is not None:
                return contact.email
        pinned: Mapping[str, str] = found.contacts.get(found.row.role) or {}
        return pinned.get("email", "")


def _about(found: Found) -> tuple[str, str, str]:
    return found.mail.onboarding_id, found.mail.step, found.row.role


def _ids(marks: Iterable[Found]) -> list[str]:
    return [found.row.id for found in marks]
