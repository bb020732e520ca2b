"""A party's no, in words for whoever reads of it."""

from domain.steps import Step
from domain.steps.base import Rejection
from domain.steps.joint_test import JointTestStep


def told(rejection: Rejection | None, step: Step, language: str) -> Rejection | None:
    """What is kept of a failed test begins with the keys of its scenarios (R12): their titles take the place of these."""
    if rejection is None or not isinstance(step, JointTestStep):
        return rejection
    titles = {scenario.key: scenario.title.in_(language).rstrip(".") for scenario in step.scenarios}
    head, _, note = rejection.reason.partition(": ")
    failed = head.split(", ")
    if not note or not titles.keys() >= set(failed):
        return rejection
    return rejection.model_copy(update={"reason": f"{'; '.join(titles[key] for key in failed)}: {note}"})
