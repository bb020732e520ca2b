"""What the API adds to the meeting of a joint test: working hours, proposals, wall times (R12).

The engine knows no calendars of a step's parties: whether a time suits both is said here, before the command is carried.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import onboardings
from adapters.database.onboardings import Found
from adapters.database.tables import EventRow
from adapters.i18n import format_when
from api.schemas.meetings import FailedTest, LocalTimes, MeetingTime, MeetingView
from domain.deadlines import WorkCalendar
from domain.errors import NotFound
from domain.meeting import must_suit, proposals
from domain.model import Party
from domain.steps.appointment import ArrangeMeeting, MeetingPlan, arranging, standing_meeting
from domain.steps.base import StepRecord
from domain.steps.joint_test import JointTestStep

CHOICES = "x-choices"  # of a field that takes other values too; beside each its title


def plan_of(found: Found, key: str) -> MeetingPlan:
    """Raises NotFound where the step is not held in a meeting that we arrange."""
    step = found.case.step(key)
    if isinstance(step, JointTestStep) and isinstance(step.meeting, MeetingPlan):
        return step.meeting
    raise NotFound(
        "The step “{step}” has no meeting that is arranged here.",
        mend="Only a joint test whose playbook says “meeting: {plan}” has one.",
        step=key,
        plan="{minutes: 60}",
    )


def both(found: Found) -> tuple[WorkCalendar, WorkCalendar]:
    """When the provider works, and when the partner does."""
    return found.case.calendar(Party.PROVIDER), found.case.calendar(Party.PARTNER)


def times(found: Found, minutes: int, now: datetime) -> list[MeetingTime]:
    """Proposals, on the clock of each party."""
    return [MeetingTime(starts_at=at, local=_local(found, at)) for at in proposals(both(found), now, minutes)]


def prepared(found: Found, key: str, body: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The body with a wall time of our desk made a moment.

    Raises Invalid where the meeting does not suit both and nobody says “outside_hours”. What is wrong with the body
    otherwise is said by the engine.
    """
    body = body | _moment(body.get("starts_at"), found.case.calendar(Party.US))
    try:
        wanted = _body(found, key).model_validate(body)
    except ValidationError:
        return body
    if not wanted.outside_hours:
        must_suit(both(found), wanted.starts_at, wanted.minutes, now)
    return body


def _body(found: Found, key: str) -> type[ArrangeMeeting]:
    return arranging(plan_of(found, key), found.progress.steps[key], found.case.rules)


def _moment(written: object, desk: WorkCalendar) -> dict[str, str]:
    try:
        at = datetime.fromisoformat(written) if isinstance(written, str) else None
    except ValueError:
        return {}
    if at is None or at.tzinfo is not None:
        return {}
    return {"starts_at": at.replace(tzinfo=ZoneInfo(desk.time_zone)).isoformat()}


def with_choices(schema: dict[str, Any], found: Found, key: str, language: str, now: datetime) -> None:
    """Names proposals at the field that takes the beginning, for forms to offer."""
    minutes = _body(found, key).model_fields["minutes"].default
    schema["properties"]["starts_at"][CHOICES] = [
        {"const": at.isoformat(), "title": _said(found, at, language)}
        for at in proposals(both(found), now, minutes)
    ]


def _said(found: Found, at: datetime, language: str) -> str:
    zones = dict.fromkeys(calendar.time_zone for calendar in both(found))
    return " · ".join(format_when(at, language, zone) for zone in zones)


def shown(found: Found, record: StepRecord) -> MeetingView | None:
    """The step's newest meeting."""
    meeting = record.meeting
    if meeting is None:
        return None
    return MeetingView(
        **meeting.model_dump(include=MeetingView.model_fields.keys() & type(meeting).model_fields.keys()),
        ends_at=meeting.ends_at,
        local=_local(found, meeting.starts_at),
        stands=standing_meeting(record) is not None,
    )


def _local(found: Found, at: datetime) -> LocalTimes:
    provider, partner = (at.astimezone(ZoneInfo(calendar.time_zone)) for calendar in both(found))
    return LocalTimes(provider=provider, partner=partner)


async def failed_tests(session: AsyncSession, found: Found, key: str, language: str) -> list[FailedTest]:
    """Every attempt that a party called failed, the first one first."""
    step = found.case.step(key)
    if not isinstance(step, JointTestStep) or found.progress.steps[key].attempt == 1:
        return []
    titles = {one.key: one.title.in_(language) for one in step.scenarios}
    events = await onboardings.events_of(session, found.row.id, "step.complete", key)
    return list(_failed(events, titles))


def _failed(events: list[EventRow], titles: dict[str, str]) -> Iterator[FailedTest]:
    for event in events:
        verdicts: dict[str, str] = event.data.get("scenarios", {})
        failed = [titles.get(key, key) for key, verdict in verdicts.items() if verdict == "failed"]
        if not failed:
            continue
        other: dict[str, str] = event.data.get("on_behalf_of") or {}
        yield FailedTest(
            attempt=event.data["attempt"],
            at=event.at,
            by=event.on_behalf_of or event.actor["name"],
            party="provider" if other.get("party", event.data["party"]) == "provider" else "partner",
            scenarios=failed,
            reason=event.data.get("note", ""),
        )
