"""What an onboarding costs at Temporal: events of its history, and the actions that Temporal Cloud would bill."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from bench.stack import Ways
from domain.names import onboarding_workflow_id

PREFIX = "EVENT_TYPE_"
# One event of these kinds is one action; local activities are billed by workflow task, so they are counted apart.
BILLED = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: "start",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "update",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signal",
    EventType.EVENT_TYPE_TIMER_STARTED: "timer",
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "search attributes",
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: "activity",
}


@dataclass(frozen=True)
class Cost:
    """Of one onboarding from contract to live. ``events`` and ``actions`` are counted by kind."""

    partner: str
    events: dict[str, int]
    actions: dict[str, int]
    size: int

    @property
    def event_count(self) -> int:
        return sum(self.events.values())

    @property
    def action_count(self) -> int:
        return sum(self.actions.values())


async def cost(ways: Ways, partner: str, onboarding_id: str) -> Cost:
    """Waits for the workflow's end and reads its history."""
    handle = ways.temporal.get_workflow_handle(onboarding_workflow_id(onboarding_id))
    await handle.result()
    events = (await handle.fetch_history()).events
    return Cost(partner, _by_kind(events), _actions(events), sum(event.ByteSize() for event in events))


def _by_kind(events: Sequence[HistoryEvent]) -> dict[str, int]:
    names = (EventType.Name(event.event_type).removeprefix(PREFIX).lower() for event in events)
    return dict(Counter(names).most_common())


def _actions(events: Sequence[HistoryEvent]) -> dict[str, int]:
    """Retries of an activity count; any number of local activities in one workflow task count once."""
    billed = Counter(BILLED[event.event_type] for event in events if event.event_type in BILLED)
    billed["activity"] += sum(
        max(event.activity_task_started_event_attributes.attempt - 1, 0) for event in events
    )
    marked = {
        event.marker_recorded_event_attributes.workflow_task_completed_event_id
        for event in events
        if event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED
    }
    billed["local activities"] = len(marked)
    return {kind: count for kind, count in billed.most_common() if count}
