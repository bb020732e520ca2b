"""A step that was done is done again (R12): what that would move, and how it begins. Pure."""

from datetime import datetime

from domain import errors
from domain.case import Case, Change, Event, Progress
from domain.commands import Reopen, StepCommand
from domain.model import SYSTEM, StepState
from domain.refusing import parsed
from domain.settling import replaced, settle
from domain.steps import Step
from domain.steps.base import StepRecord

SELF_OPENING = ("check", "consent")


def invalidated_by_reopening(case: Case, progress: Progress, key: str, now: datetime) -> tuple[str, ...]:
    """The steps that a reopening of ``key`` would move: what was done is stale, what is waited for stops."""
    step = case.step(key)
    again = replaced(progress, _again(progress.steps[key]))
    after = settle(case, again, now, SYSTEM, []).progress
    below = case.playbook.after(step.key)
    return tuple(
        one.key for one in case.playbook.in_order() if one.key in below and _moves(progress, after, one.key)
    )


def _moves(before: Progress, after: Progress, key: str) -> bool:
    old, new = before.steps[key], after.steps[key]
    return (old.state, old.waiting_on) != (new.state, new.waiting_on)


def _again(record: StepRecord) -> StepRecord:
    """The next attempt of a step that was done or skipped."""
    again = record.renewed()
    skipped = record.state is StepState.SKIPPED
    return again.model_copy(update={"state": StepState.PENDING}) if skipped else again


def reopened(case: Case, progress: Progress, step: Step, command: StepCommand, now: datetime) -> Change:
    record = progress.steps[step.key]
    if step.kind in SELF_OPENING:
        raise errors.Conflict(
            "The step “{step}” follows the catalogue and cannot be reopened by hand.",
            mend="Change the catalogue: the step reopens by itself when its fact stops holding.",
            step=step.key,
        )
    if not record.state.is_finished:
        raise errors.Conflict(
            "The step “{step}” is {state}, not done.",
            mend="Only a step that is done or skipped can be reopened.",
            step=step.key,
            state=record.state,
        )
    body = parsed(Reopen, command)
    event = Event(
        type="step.reopen",
        at=now,
        step=step.key,
        actor=command.actor,
        data={
            "reason": body.reason,
            "invalidates": list(invalidated_by_reopening(case, progress, step.key, now)),
        },
    )
    return settle(case, replaced(progress, _again(record)), now, command.actor, [event])
