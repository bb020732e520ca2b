"""An onboarding on hold, with its steps where they would stand if it went on now. Pure.

On hold the engine moves no step, so what is recorded is as old as the hold; the catalogue goes on changing. Whoever
tells where such an onboarding stands (R18) tells it by this, and so never disagrees with the explainer.
"""

from datetime import datetime

from domain.case import Case, Progress
from domain.facts import ChannelFacts
from domain.model import SYSTEM, OnboardingStatus
from domain.settling import settle
from domain.steps.base import StepRecord


def as_resumed(case: Case, progress: Progress, facts: ChannelFacts, now: datetime) -> Progress:
    """The same, on hold still, by the catalogue's ``facts`` of ``now``; one that is not on hold stays as it is.

    Nothing but a step's place is taken over: what people answered stays, and no clock begins. A step that would move
    has neither ``since`` nor ``due_at``, for it has not moved yet.
    """
    if progress.status is not OnboardingStatus.ON_HOLD:
        return progress
    going_on = progress.model_copy(update={"status": OnboardingStatus.IN_PROGRESS, "facts": facts})
    placed = settle(case, going_on, now, SYSTEM, []).progress.steps
    steps = {key: _placed_as(record, placed[key]) for key, record in progress.steps.items()}
    return progress.model_copy(update={"facts": facts, "steps": steps})


def _placed_as(record: StepRecord, placed: StepRecord) -> StepRecord:
    place = {"state": placed.state, "waiting_on": placed.waiting_on, "blocker": placed.blocker}
    has_moved = (placed.state, placed.waiting_on) != (record.state, record.waiting_on)
    return record.model_copy(update={**place, **({"since": None, "due_at": None} if has_moved else {})})
