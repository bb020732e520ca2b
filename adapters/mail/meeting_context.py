"""The meeting of a joint test, as a mail speaks of it (R12)."""

from collections.abc import Iterator
from datetime import datetime

from adapters.database.tables import Provider
from adapters.mail.context import Appointment, MailContext
from adapters.mail.correspondents import correspondent
from domain.case import Case, Progress
from domain.people import Ours
from domain.steps.appointment import called_off, meeting_of, standing_meeting
from domain.steps.base import MailOrder, Meeting
from domain.steps.joint_test import JointTestStep

ALL_CANCELLED = "cancelled"


def with_appointment(
    context: MailContext,
    case: Case,
    progress: Progress,
    order: MailOrder,
    provider: Provider,
    ours: Ours,
    now: datetime,
) -> MailContext:
    """Adds the meeting that the message is about, or the one that stands.

    To the end of the onboarding as a whole it adds the meeting that was still to come, called off.
    """
    found = next(_met(case, progress, order, now), None)
    if found is None:
        return context
    test, meeting = found
    desk, playbook = context.support_email, case.playbook
    zones = dict.fromkeys((provider.time_zone, playbook.time_zone))
    appointment = Appointment(
        meeting=meeting,
        attendees=tuple(correspondent(role, playbook, provider, desk, ours) for role in test.invited),
        other_zones=tuple(zone for zone in zones if zone != context.time_zone),
    )
    return context.model_copy(update={"appointment": appointment})


def _met(
    case: Case, progress: Progress, order: MailOrder, now: datetime
) -> Iterator[tuple[JointTestStep, Meeting]]:
    for step in case.playbook.steps:
        record = progress.steps[step.key]
        if not isinstance(step, JointTestStep) or record.meeting is None:
            continue
        about = meeting_of(record, order, case.rules) or standing_meeting(record)
        if order.step == step.key and about is not None:
            yield step, about
        is_to_come = record.meeting.cancelled is None and now < record.meeting.ends_at
        if order.template == ALL_CANCELLED and is_to_come:
            yield step, called_off(record.meeting, progress.reason or "", now)
