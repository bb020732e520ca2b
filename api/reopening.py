"""`POST …/reopen?dry_run=true`: what doing a step again would undo, or the refusal that the call itself would meet."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from adapters.database.onboardings import Found
from api.access import Principal
from api.carry import must_be_open
from api.schemas.onboardings import ReopenPreview, StandingMeeting
from domain import progress as engine
from domain.case import Progress
from domain.commands import Reopen, StepCommand

NOT_SAID_YET = "(not said yet)"  # in place of the reason: one that only looks need give none


def preview(found: Found, principal: Principal, key: str, body: dict[str, Any]) -> ReopenPreview:
    """The engine's own answer on what is stored; nothing is written."""
    must_be_open(found)
    command = StepCommand(
        command_id="dry-run",
        step=key,
        action=Reopen.NAME,
        body={"reason": NOT_SAID_YET, **body},
        actor=principal.actor,
        party=principal.party,
    )
    now = datetime.now(UTC)
    engine.answer(found.case, found.progress, command, now)
    undone = engine.invalidated_by_reopening(found.case, found.progress, key, now)
    return ReopenPreview(step=key, invalidates=list(undone), meetings=standing(found.progress, undone, now))


def standing(progress: Progress, undone: Iterable[str], now: datetime) -> list[StandingMeeting]:
    """The meetings to come of the steps that would have to wait: a person moves them or calls them off.

    Nothing calls them off by itself: what is reopened is often done again long before the day.
    """
    meetings = ((key, progress.steps[key].meeting) for key in undone)
    return [
        StandingMeeting(step=key, starts_at=meeting.starts_at, place=meeting.place)
        for key, meeting in meetings
        if meeting is not None and meeting.cancelled is None and now < meeting.ends_at
    ]
