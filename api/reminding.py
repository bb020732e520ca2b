"""How often people may have somebody reminded: a role once an hour, and nobody of what is on its way.

Automatic reminders and links have their own limits. Decided here and not in the engine, whose decisions are replayed.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from adapters.database import onboardings, remind_claims
from adapters.database.onboardings import Found
from api.carry import carry
from api.context import AppContext
from domain import progress as engine
from domain.commands import Accepted, StepCommand
from domain.errors import Conflict, RacordError
from domain.steps.appointment import is_about_meeting
from domain.steps.base import REMIND, Remind, StepRecord, StepView

REMIND_AFTER = timedelta(hours=1)
NOT_READ = ("refused", "bounced")


async def carry_within_limit(
    context: AppContext, onboarding_id: str, command: StepCommand
) -> Accepted | None:
    """As :func:`api.carry.carry`. Raises Conflict where somebody would be reminded again within the hour, or of a
    message that is still on its way.

    However many ask at the same moment, one gets through. A command that was carried out already gets its answer again.
    """
    if command.action != REMIND.name:
        return await carry(context, onboarding_id, command)
    await _claim(context, onboarding_id, command)
    try:
        return await carry(context, onboarding_id, command)
    except RacordError:
        async with context.database.transaction() as session:
            await remind_claims.give_back(session, onboarding_id, command.command_id)
        raise


async def _claim(context: AppContext, onboarding_id: str, command: StepCommand) -> None:
    now = datetime.now(UTC)
    async with context.database.transaction() as session:
        await remind_claims.lock(session, onboarding_id)
        if await onboardings.event_of_command(session, onboarding_id, command.command_id):
            return
        under_way = await remind_claims.under_way(
            session, onboarding_id, command.step, since=now - REMIND_AFTER, but=command.command_id
        )
        found = await onboardings.one(session, onboarding_id)
        if found is None:
            return
        roles = refuse_too_soon(found, command, now, under_way)
        await remind_claims.claim(session, onboarding_id, command.step, roles, command.command_id, now)


def refuse_too_soon(
    found: Found, command: StepCommand, now: datetime, under_way: Mapping[str, datetime] | None = None
) -> tuple[str, ...]:
    """The same of an onboarding as it was read, and of the reminders of it that are ``under_way``.

    Whom the command reminds: of all who are asked, those to whom nothing is on its way.
    """
    roles = _roles(found, command, now)
    free = tuple(role for role in roles if not _is_on_its_way(found, command.step, role))
    for role in free or roles:
        at = (under_way or {}).get(role) or _reminded_at(found.progress.steps[command.step], role)
        if at is not None and now - at < REMIND_AFTER:
            raise Conflict(
                "“{role}” was reminded less than an hour ago, at {at}.",
                mend="Give them an hour, or call them; “to” names another role to remind alone.",
                code="reminded-lately",
                role=role,
                at=at.isoformat(timespec="minutes"),
            )
    waiting = [role for role in roles if role not in free]
    if waiting and not (free and _are_left_out(found, command.step, waiting, now)):
        raise Conflict(
            "The last message to “{role}” is still on its way.",
            mend="Wait until their mail server takes it, or call them; “to” names another role to remind alone.",
            code="still-on-its-way",
            role=waiting[0],
        )
    return free


def _roles(found: Found, command: StepCommand, now: datetime) -> tuple[str, ...]:
    """Whom the command reminds; nobody where the engine refuses it anyway."""
    record = found.progress.steps.get(command.step)
    if record is None or not engine.actions(found.case, found.progress, command.step):
        return ()
    try:
        only = Remind.model_validate(command.body).to
    except ValidationError:
        return ()
    asked = found.case.step(command.step).asked(StepView(record=record, facts=found.progress.facts, now=now))
    if only is None:
        return asked
    return (only,) if only in {*asked, *record.calls} else ()


def _is_on_its_way(found: Found, step: str, role: str) -> bool:
    """Whether something that asks that role is wanted out and has no outcome yet; a meeting asks for nothing."""
    wanted = engine.orders(found.case, found.progress)
    return any((one.step, one.to) == (step, role) and not is_about_meeting(one) for one in wanted)


def _are_left_out(found: Found, key: str, roles: Iterable[str], now: datetime) -> bool:
    """Whether the engine reminds the others without them: not by older rules, nor where somebody only called them."""
    record, facts = found.progress.steps[key], found.progress.facts
    seen = StepView(record=record, facts=facts, now=now, rules=found.case.rules)
    return all(found.case.step(key).is_on_its_way(seen, role) for role in roles)


def _reminded_at(record: StepRecord, role: str) -> datetime | None:
    """When that role's newest reminder of this attempt went out, or was ordered; None where it came to nothing."""
    for number in range(record.reminders, 0, -1):
        if record.reminded_only.get(str(number), role) == role:
            mail = record.mails.get(f"{record.key}:{record.attempt}:reminder-{number}:{role}")
            if mail is None:
                return record.reminded_at.get(role)
            return None if mail.state in NOT_READ else mail.at
    return None
