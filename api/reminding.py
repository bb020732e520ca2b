"""How often people may have somebody reminded: a role once an hour. Automatic reminders and links have their own limits.

Decided here and not in the engine, whose decisions are replayed.
"""

from datetime import UTC, datetime, timedelta

from adapters.database import onboardings
from adapters.database.onboardings import Found
from api.context import AppContext
from domain import progress as engine
from domain.commands import StepCommand
from domain.errors import Conflict
from domain.steps.base import REMIND, StepRecord, StepView

REMIND_AFTER = timedelta(hours=1)
NOT_READ = ("refused", "bounced")


async def must_not_be_too_soon(context: AppContext, onboarding_id: str, command: StepCommand) -> None:
    """Raises Conflict where the command would remind somebody again who was reminded less than an hour ago.

    A command that was carried out already is let through: the workflow gives the same answer again.
    """
    if command.action != REMIND.name:
        return
    async with context.database.transaction() as session:
        found = await onboardings.one(session, onboarding_id)
        if found is None or await onboardings.event_of_command(session, onboarding_id, command.command_id):
            return
    refuse_too_soon(found, command, datetime.now(UTC))


def refuse_too_soon(found: Found, command: StepCommand, now: datetime) -> None:
    """The same of an onboarding as it was read. What the engine refuses anyway is left to it."""
    record = found.progress.steps.get(command.step)
    if record is None or not engine.actions(found.case, found.progress, command.step):
        return
    seen = StepView(record=record, facts=found.progress.facts, now=now)
    only = command.body.get("to")
    for role in [only] if only else found.case.step(command.step).asked(seen):
        at = _reminded_at(record, str(role))
        if at is not None and now - at < REMIND_AFTER:
            raise Conflict(
                "“{role}” was reminded less than an hour ago, at {at}.",
                mend="Give them an hour, or call them; “to” names another role to remind alone.",
                code="reminded-lately",
                role=role,
                at=at.isoformat(timespec="minutes"),
            )


def _reminded_at(record: StepRecord, role: str) -> datetime | None:
    """When that role's newest reminder of this attempt went out, or was ordered; None where it came to nothing."""
    for number in range(record.reminders, 0, -1):
        if record.reminded_only.get(str(number), role) == role:
            mail = record.mails.get(f"{record.key}:{record.attempt}:reminder-{number}:{role}")
            if mail is None:
                return record.reminded_at.get(role)
            return None if mail.state in NOT_READ else mail.at
    return None
