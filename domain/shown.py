"""What Temporal's own UI shows of an onboarding: search attributes to filter by, and details a person can read."""

from domain.model import StepState
from domain.names import SEARCH_PARTNER, SEARCH_STATUS, SEARCH_WAITING_ON
from domain.progress import Case, Progress

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
        lines.append(f"- {_MARKS[record.state]} **{step.title.en}**: {record.state}{on}{since}{attempt}")
    return "\n".join(lines)
