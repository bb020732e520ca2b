"""A message about a meeting that only the account manager did not get: no trouble of the step, but sent again from its card."""

from datetime import UTC, datetime

from adapters.database.onboardings import Found
from api.schemas.onboardings import ActionView, StepView
from domain.ladder import ACCOUNT_MANAGER
from domain.steps import base
from domain.steps.appointment import is_over, newest_message
from domain.steps.joint_test import JointTestStep

TELL_US = "tell_us"
_TO_US = {"type": "object", "properties": {"to": {"const": ACCOUNT_MANAGER}}, "required": ["to"]}


def telling_us(found: Found, step: StepView) -> ActionView | None:
    """The step's reminder to the account manager alone; None where there is nothing to send again, or a retry does it."""
    remind = next((action for action in step.actions if action.name == base.REMIND.name), None)
    if remind is None or not _is_lost_to_us_alone(found, step.key):
        return None
    return remind.model_copy(update={"name": TELL_US, "body_schema": _TO_US})


def _is_lost_to_us_alone(found: Found, key: str) -> bool:
    step, progress = found.case.step(key), found.progress
    view = base.StepView(
        record=progress.steps[key], facts=progress.facts, now=datetime.now(UTC), rules=found.case.rules
    )
    if not isinstance(step, JointTestStep) or is_over(view):
        return False
    newest = {role: newest_message(key, view, role) for role in step.invited}
    return [role for role, mail in newest.items() if mail and mail.state != "sent"] == [ACCOUNT_MANAGER]
