"""Where every step stands: asked anew after each change, once a step, in the order of their needs. Pure.

Level-triggered: a step's state follows from its needs, its kind, its answers and the facts. So a price that is
removed makes the pricing step and all that stands on it ``stale``, and when it is set again, what is still valid
(a sent mail, an accepted declaration) is done again by itself, without bothering anyone twice.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from domain.case import Case, Change, Event, Progress
from domain.deadlines import due_at
from domain.facts import ChannelFacts
from domain.ladder import begun, meeting_until, next_thing
from domain.model import Actor, OnboardingStatus, Party, StepState
from domain.steps import Step
from domain.steps.appointment import called_off
from domain.steps.base import StepRecord, StepView
from domain.tested import Voided

VOIDED = "step.voided"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def settle(case: Case, progress: Progress, now: datetime, actor: Actor, events: list[Event]) -> Change:
    """Puts every step where its needs, its kind and the facts say it stands. Needs point backwards: one pass is enough."""
    if progress.status is OnboardingStatus.IN_PROGRESS:
        steps = dict(progress.steps)
        below: dict[str, frozenset[str]] = {}
        for step in case.playbook.in_order():
            below[step.key] = frozenset(step.needs).union(*(below[need] for need in step.needs))
            basis = sum(
                steps[one.key].attempt
                for one in case.playbook.steps
                if one.invites and one.key in below[step.key]
            )
            met = all(steps[need].state.is_finished for need in step.needs)
            placed = _placed(case, step, steps[step.key], met, basis, progress.facts, now)
            placed = _without_meeting(placed, now)
            seen = StepView(record=placed, facts=progress.facts, now=now, rules=case.rules)
            placed = placed.model_copy(update={"next": next_thing(case, step, seen)})
            events.extend(_happened(steps[step.key], placed, now, actor))
            steps[step.key] = placed
        progress = progress.model_copy(update={"steps": steps})
        if all(record.state.is_finished for record in steps.values()):
            progress = progress.model_copy(update={"status": OnboardingStatus.LIVE})
            events.append(Event(type="onboarding.live", at=now, actor=actor))
    return Change(
        progress=progress.model_copy(update={"revision": progress.revision + 1}), events=tuple(events)
    )


def _placed(
    case: Case, step: Step, record: StepRecord, met: bool, basis: int, facts: ChannelFacts, now: datetime
) -> StepRecord:
    if record.state is StepState.SKIPPED:
        return record.model_copy(update={"waiting_on": None, "due_at": None, "blocker": None})
    state, party, blocker = StepState.PENDING, None, None
    if met:
        standing = step.standing(StepView(record=record, facts=facts, now=now, rules=case.rules))
        if standing.renew is not None:
            record = _voided(record, facts, now)
            standing = step.standing(StepView(record=record, facts=facts, now=now, rules=case.rules))
        elif standing.state is not StepState.DONE and _asked_for_something_older(step, record, basis):
            record = record.renewed()
            standing = step.standing(StepView(record=record, facts=facts, now=now, rules=case.rules))
        record = record.model_copy(update={"basis": basis})
        state, party, blocker = standing.state, standing.waiting_on, standing.blocker
    if record.was_done and state in (StepState.PENDING, StepState.WAITING):
        state = StepState.STALE
    if (state, party) == (record.state, record.waiting_on) and record.since is not None:
        return record.model_copy(update={"blocker": blocker})
    due = _due(case, step, record, party, now)
    record = record.model_copy(
        update={
            "state": state,
            "waiting_on": party,
            "blocker": blocker,
            "since": now,
            "due_at": not_before_meeting(case, record, party, due),
            "own_due_at": due,
            "handled_until": None,
            "held_days": 0,
            "was_done": record.was_done or state is StepState.DONE,
            "rejection": None if state is StepState.DONE else record.rejection,
            "voided": None if state is StepState.DONE else record.voided,
        }
    )
    rungs = begun(case, step, StepView(record=record, facts=facts, now=now, rules=case.rules))
    return record.model_copy(update={"handled": rungs})


def _due(case: Case, step: Step, record: StepRecord, party: Party | None, now: datetime) -> datetime | None:
    """When ``party``, which is waited on from now on, is to be done: as agreed with it, or by the playbook."""
    agreed = record.agreed.get(party) if party else None
    if agreed is not None and agreed > now:
        return agreed
    days = step.due_working_days
    return due_at(now, days, case.calendar(party)) if party and days else None


def not_before_meeting(
    case: Case, record: StepRecord, party: Party | None, due: datetime | None
) -> datetime | None:
    """The due date, at the earliest the working day behind the meeting for which ``party`` waits."""
    until = meeting_until(record, party)
    return max(due, due_at(until, 1, case.calendar(party))) if due and until else due


def _without_meeting(record: StepRecord, now: datetime) -> StepRecord:
    """Nobody needs to come any more where the step is finished: the meeting leaves everybody's calendar."""
    meeting = record.meeting
    if (
        not record.state.is_finished
        or meeting is None
        or meeting.cancelled is not None
        or meeting.ends_at <= now
    ):
        return record
    return record.model_copy(update={"meeting": called_off(meeting, "", now)})


def _voided(record: StepRecord, facts: ChannelFacts, now: datetime) -> StepRecord:
    """The next attempt; what was answered in the last one was true of another configuration (R12)."""
    tested = str(record.result.get("digest", ""))
    said = Voided(at=now, attempt=record.attempt, tested=tested, now=facts.digest)
    return record.renewed().model_copy(update={"voided": said})


def _asked_for_something_older(step: Step, record: StepRecord, basis: int) -> bool:
    """Somebody was invited, and then an answer that the step stands on was given anew: they are told, with a new link."""
    invited = any(key.startswith(f"{step.key}:{record.attempt}:") for key in record.mails)
    return step.invites and invited and record.basis not in (0, basis)


def _happened(before: StepRecord, after: StepRecord, now: datetime, actor: Actor) -> Iterable[Event]:
    if after.attempt != before.attempt and before.result and after.rejection == before.rejection:
        data: dict[str, Any] = {"attempt": before.attempt}
        if after.voided is not None:
            data |= {"tested": after.voided.tested, "now": after.voided.now}
        yield Event(type=VOIDED, at=now, step=after.key, data=data)
    if (after.state, after.waiting_on) != (before.state, before.waiting_on):
        data = {"attempt": after.attempt}
        if after.waiting_on:
            data["waiting_on"] = after.waiting_on
        if after.blocker:
            data["blocker"] = after.blocker
        yield Event(type=f"step.{after.state}", at=now, step=after.key, actor=actor, data=data)


def view(case: Case, record: StepRecord, progress: Progress) -> StepView:
    return StepView(record=record, facts=progress.facts, now=record.since or _LONG_AGO, rules=case.rules)


def replaced(progress: Progress, record: StepRecord) -> Progress:
    return progress.model_copy(update={"steps": {**progress.steps, record.key: record}})
