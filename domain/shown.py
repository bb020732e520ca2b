"""What Temporal's own UI shows of an onboarding: search attributes to filter by, and details a person can read."""

from domain.facts import FACTS
from domain.model import StepState
from domain.names import SEARCH_PARTNER, SEARCH_STATUS, SEARCH_WAITING_ON
from domain.progress import Case, Progress
from domain.steps import Step
from domain.steps.base import StepRecord
from domain.steps.check import CheckStep

_MARKS = {
    StepState.DONE: "✅",
    StepState.WAITING: "⏳",
    StepState.RUNNING: "⚙️",
    StepState.STALE: "🔁",
    StepState.PENDING: "▫️",
    StepState.SKIPPED: "➖",
}


def search_values(case: Case, progress: Progress) -> dict[str, str]:
    """The keyword search attributes: status, partner, and who is waited on (`nobody` where none is)."""
    return {
        SEARCH_STATUS: progress.status.value,
        SEARCH_PARTNER: case.playbook.slug,
        SEARCH_WAITING_ON: progress.waiting_on.value if progress.waiting_on else "nobody",
    }


def current_details(case: Case, progress: Progress) -> str:
    """Markdown: the status, then a line a step. No names of people and no reasons typed by them."""
    waiting = f", waiting on **{progress.waiting_on}**" if progress.waiting_on else ""
    lines = [f"### {case.playbook.name}: {progress.status.replace('_', ' ')}{waiting}", ""]
    for step in case.playbook.steps:
        record = progress.steps[step.key]
        on = f" on {record.waiting_on}" if record.waiting_on else ""
        since = (
            f" since {record.since:%Y-%m-%d %H:%M} UTC"
            if record.since and record.state is not StepState.PENDING
            else ""
        )
        attempt = f", attempt {record.attempt}" if record.attempt > 1 else ""
        why = f" ({_why(step, record)})" if record.is_open else ""
        lines.append(f"- {_MARKS[record.state]} **{step.title.en}**: {record.state}{on}{since}{attempt}{why}")
    return "\n".join(lines)


def _why(step: Step, record: StepRecord) -> str:
    """What is waited for, in a few words of ours: nothing that anybody typed."""
    if record.rejection is not None and not record.cleared:
        return f"the {record.rejection.party} said no: see its reason in Racord"
    if record.blocker is not None:
        return "a message was refused, or it is in doubt whether it arrived"
    if isinstance(step, CheckStep):
        return FACTS[step.fact].missing.en
    if step.invites:
        return "an answer by signed link"
    return "the mail server" if record.state is StepState.RUNNING else "somebody to record it"
