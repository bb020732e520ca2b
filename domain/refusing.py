"""What stands against a command: each refusal names the reason and the mend. Pure; refusing changes nothing."""

from datetime import date, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from domain import errors
from domain.case import Case, Progress
from domain.commands import StepCommand
from domain.errors import N_
from domain.model import OnboardingStatus, Party, StepState
from domain.steps.base import Action, StepRecord
from domain.validation import explain

WHO = {Party.US: N_("account manager"), Party.PROVIDER: N_("provider"), Party.PARTNER: N_("partner")}
LONGEST = timedelta(days=366)


def refuse_closed(progress: Progress) -> None:
    if not progress.status.is_open:
        raise errors.TooLate(
            "The onboarding is {status}.",
            mend="Nothing can be done in it any more; start a new one if it is needed.",
            status=progress.status,
        )


def refuse_unless_running(progress: Progress) -> None:
    refuse_closed(progress)
    if progress.status is OnboardingStatus.ON_HOLD:
        raise errors.Conflict("The onboarding is on hold.", mend="Resume it first.", code="on-hold")


def refuse_unless_open(case: Case, progress: Progress, record: StepRecord, command: StepCommand) -> None:
    if command.attempt is not None and command.attempt != record.attempt:
        raise errors.Gone("This link belongs to an earlier attempt.", mend="Use the newest message you got.")
    if record.state is StepState.DONE:
        raise errors.TooLate(
            "The step “{step}” was already done on {since}.",
            mend="Nothing is left to do; reopen it if it was wrong.",
            code="already-done",
            step=record.key,
            since=f"{record.since:%Y-%m-%d %H:%M} UTC",
        )
    if record.state is StepState.SKIPPED:
        raise errors.TooLate(
            "The step “{step}” was skipped.", mend="Reopen it if it is needed after all.", step=record.key
        )
    if not record.is_open:
        missing = [need for need in case.step(record.key).needs if not progress.steps[need].state.is_finished]
        raise errors.TooEarly(
            "The step “{step}” cannot be done yet: it needs {missing}.",
            mend="Complete {missing} first.",
            step=record.key,
            missing=", ".join(missing),
        )


def refuse_odd_end(case: Case, until: date, now: datetime) -> None:
    today = case.calendar(Party.US).day_of(now)
    if not today < until <= today + LONGEST:
        raise errors.Invalid(
            "The hold cannot end on {until}.",
            mend="Give a day after today and within a year, or none.",
            until=until,
        )


def find(offered: tuple[Action, ...], command: StepCommand) -> Action:
    by_link = command.link_id is not None
    for action in offered:
        mine = action.by_link == by_link and command.party in action.allowed_for
        if action.name == command.action and mine and action.remedy is None:
            return action
    names = sorted({a.name for a in offered if a.by_link == by_link and command.party in a.allowed_for})
    if any(action.name == command.action for action in offered):
        raise errors.Forbidden(
            "Only the {party} can do “{action}” in the step “{step}”.",
            mend="Ask them with “remind”: they get a link of their own."
            if not by_link
            else "Do what the page behind your link offers: {names}.",
            names=", ".join(names),
            party=next(WHO[p] for a in offered if a.name == command.action for p in a.allowed_for),
            action=command.action,
            step=command.step,
        )
    raise errors.Conflict(
        "The step “{step}” does not offer “{action}” now.",
        mend="It offers: {names}." if names else "It is moved by other calls: see its actions.",
        step=command.step,
        action=command.action,
        names=", ".join(names),
    )


def parsed(model: Any, command: StepCommand) -> Any:
    try:
        return model.model_validate(command.body)
    except ValidationError as error:
        raise explain(error, what=f"{command.action} of step {command.step}") from error
