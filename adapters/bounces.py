"""What came back is read, told to whom it concerns, and sent again once the address is corrected.

A loop of its own beside the relay's. Each part is found again after whatever cut it off: reports by their flag,
news by ``told_at``, corrections by comparing the marked address with the present one.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import bounce_lists, onboardings, people
from adapters.database import bounces as store
from adapters.database.bounce_lists import Found
from adapters.database.onboardings import Found as Onboarding
from adapters.database.session import Database
from adapters.mail import bounce_folder
from adapters.mail.delivery_report import read_report
from adapters.mail.message import BadAddress, Mailbox
from adapters.playbooks import Playbooks
from adapters.settings import Settings
from adapters.temporal import NoAnswer, NoSuchWorkflow, Temporal
from domain import progress as engine
from domain.commands import StepCommand
from domain.errors import RacordError
from domain.ladder import ACCOUNT_MANAGER, LEAD
from domain.model import SYSTEM
from domain.steps.base import OURS, StepRecord

log = structlog.get_logger()
LOOK_EVERY = 20.0


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
        newest = max(marks, key=_age)
        async with self._database.transaction() as session:
            is_settled = await store.letter_again(session, newest.mail, datetime.now(UTC))
            if is_settled:
                await store.resolve(session, _ids(marks), datetime.now(UTC))
        if is_settled is not None:
            return is_settled
        missing = [found for found in marks if found.needs_resending]
        if missing and not await self._sent_again(max(missing, key=_age)):
            return False
        async with self._database.transaction() as session:
            await store.resolve(session, _ids(marks), datetime.now(UTC))
        return True

    async def _sent_again(self, found: Found) -> bool:
        """Whether it was sent again, or nobody needs it any more. False asks to come back: until then the mark stays."""
        async with self._database.transaction() as session:
            onboarding = await onboardings.one(session, found.mail.onboarding_id)
        if onboarding is None or not onboarding.progress.status.is_open:
            return True
        record = onboarding.progress.steps.get(found.mail.step)
        if record is None:
            return True  # it was said of the onboarding as a whole, and is not said again
        if record.state.is_finished:
            return _knows(record, found)
        for command in _again(found):
            if _may(onboarding, command):
                try:
                    await self._temporal.command(found.mail.onboarding_id, command)
                except (NoSuchWorkflow, NoAnswer, RacordError):
                    return False
                return True
        return False

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


def _knows(record: StepRecord, found: Found) -> bool:
    """Not before the step has heard what came back: it may be done only because that message went out."""
    outcome = record.mails.get(found.mail.order_key)
    return outcome is None or outcome.state != "sent"


def _may(onboarding: Onboarding, command: StepCommand) -> bool:
    try:
        engine.answer(onboarding.case, onboarding.progress, command, datetime.now(UTC))
    except RacordError:
        return False
    return True


def _again(found: Found) -> Iterator[StepCommand]:
    """What a step may be asked for. Where only a copy was refused, its reader got nothing either."""
    to = found.mail.recipients[0]["role"] if found.row.is_copy else found.row.role
    actions = ["remind", "retry"]
    if found.is_about_meeting:
        # A retry asks everybody anew: only a party's invitation has no other way.
        actions = ["remind" if to in OURS else "retry"]
    for action in actions:
        yield StepCommand(
            command_id=f"corrected-{found.row.id}",
            step=found.mail.step,
            action=action,
            body={"to": to} if action == "remind" else {},
            actor=SYSTEM,
        )


def _age(found: Found) -> tuple[datetime, str]:
    return found.row.received_at, found.row.id


def _ids(marks: Iterable[Found]) -> list[str]:
    return [found.row.id for found in marks]
