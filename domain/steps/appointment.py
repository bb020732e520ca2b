"""The meeting of a step: arranged, moved and cancelled by us, told to everybody by mail (R12).

Its ``uid`` is ``{step}-{attempt}-{n}``, made of what a replay knows; mails add the onboarding's id and a domain.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, cast

from pydantic import AwareDatetime, Field, create_model

from domain.errors import N_, Invalid, TooLate
from domain.model import Frozen, Line, Note, Party
from domain.steps.base import Action, Body, MailOrder, MailOutcome, Meeting, StepRecord, StepView

SHORTEST, LONGEST = 5, 480
FURTHEST = timedelta(days=366)
MEETING, CANCELLED = "meeting", "meeting_cancelled"
ARRANGE, CANCEL = "arrange_meeting", "cancel_meeting"
PLACE = N_("A room, or the address of the video call.")


class MeetingPlan(Frozen):
    """The test is held in a meeting that we arrange."""

    minutes: int = Field(default=60, ge=SHORTEST, le=LONGEST)


class ArrangeMeeting(Body):
    """Arranges a meeting; everybody gets an invitation."""

    starts_at: AwareDatetime = Field(
        title="Begins at", description=N_("A time that is typed here is on the clock of our desk.")
    )
    minutes: int = Field(default=60, ge=SHORTEST, le=LONGEST, title="Minutes")
    place: Line = Field(title="Place", description=PLACE)
    reason: Note | None = Field(default=None, title="Reason", json_schema_extra={"format": "textarea"})
    outside_hours: bool = Field(default=False, title="Both agreed to a time outside their working hours")


class MoveMeeting(ArrangeMeeting):
    """Moves the meeting that stands, and says why; everybody gets an update of the invitation."""

    reason: Note = Field(title="Reason", min_length=3, json_schema_extra={"format": "textarea"})


class CancelMeeting(Body):
    """Cancels the meeting; it leaves everybody's calendar."""

    reason: Note = Field(title="Reason", min_length=3, json_schema_extra={"format": "textarea"})


CALL_OFF = Action(name=CANCEL, body=CancelMeeting, allowed_for=(Party.US,))


def arranging(plan: MeetingPlan, record: StepRecord, rules: int) -> type[ArrangeMeeting]:
    """The body with its usual values: the playbook's length; in a move, the length and the place of what stands."""
    stands = standing_meeting(record)
    if stands is None or rules < 2:
        return _body(plan.minutes, moves=stands is not None)
    return _body(stands.minutes, moves=True, place=stands.place)


@lru_cache(maxsize=64)
def _body(minutes: int, *, moves: bool, place: str | None = None) -> type[ArrangeMeeting]:
    base = MoveMeeting if moves else ArrangeMeeting
    usual: dict[str, Any] = {
        "minutes": (int, Field(default=minutes, ge=SHORTEST, le=LONGEST, title="Minutes"))
    }
    if place is not None:
        usual["place"] = (Line, Field(default=place, title="Place", description=PLACE))
    return cast(type[ArrangeMeeting], create_model(base.__name__, __base__=base, **usual))


def standing_meeting(record: StepRecord) -> Meeting | None:
    """The meeting of this attempt; needs no clock, so it stands also when it is over.

    A test that failed, or that was done once, wants a new one; a change of the configuration in between does not.
    """
    meeting = record.meeting
    if meeting is None or meeting.cancelled is not None:
        return None
    failed = record.rejection is not None and meeting.attempt <= record.rejection.attempt
    done = record.was_done and meeting.attempt < record.attempt
    return None if failed or done else meeting


def is_to_come(view: StepView) -> bool:
    """Whether a meeting is in people's calendars that was not over when the step's waiting began."""
    meeting = view.record.meeting
    return meeting is not None and meeting.cancelled is None and view.now < meeting.ends_at


def meeting_actions(plan: MeetingPlan, view: StepView) -> tuple[Action, ...]:
    """To arrange or move it, and to call it off where there is one."""
    body = arranging(plan, view.record, view.rules)
    arrange = Action(name=ARRANGE, body=body, allowed_for=(Party.US,))
    there_is = standing_meeting(view.record) is not None or is_to_come(view)
    return (arrange, CALL_OFF) if there_is else (arrange,)


def arranged(view: StepView, step: str, body: ArrangeMeeting) -> Meeting:
    """A new meeting; or the one that everybody still has in the calendar, moved, whatever attempt it was for."""
    if not view.now < body.starts_at <= view.now + FURTHEST:
        raise Invalid(
            "A meeting cannot begin on {when}.",
            mend="Take a time within a year from now; “meeting-times” of the step names some that suit both.",
            when=f"{body.starts_at:%Y-%m-%d %H:%M}",
        )
    when_and_where = {
        "starts_at": body.starts_at.astimezone(UTC),
        "minutes": body.minutes,
        "place": body.place,
    }
    _refuse_the_same(view, when_and_where)
    values: dict[str, Any] = {
        **when_and_where,
        "attempt": view.record.attempt,
        "at": view.now,
        "again": {},
    }
    last = view.record.meeting
    if last is not None and last.cancelled is None and view.now < last.ends_at:
        return last.model_copy(update={**values, "sequence": last.sequence + 1, "reason": body.reason})
    number = int(last.uid.rpartition("-")[2]) + 1 if last else 1
    after = last if last is not None and last.cancelled is not None else None
    return Meeting(uid=f"{step}-{view.record.attempt}-{number}", after=after, **values)


def _refuse_the_same(view: StepView, when_and_where: dict[str, Any]) -> None:
    """Nobody gets an update of an invitation that says what they have."""
    stands = standing_meeting(view.record)
    if view.rules >= 2 and stands is not None and stands == stands.model_copy(update=when_and_where):
        raise Invalid(
            "The meeting is at that time and place already.", mend="Change its time, its length or its place."
        )


def cancelled(meeting: Meeting, reason: str, now: datetime) -> Meeting:
    """The meeting, taken out of everybody's calendar."""
    if meeting.ends_at <= now:
        raise TooLate("The meeting is over.", mend="Ask both for their results, or arrange another one.")
    return called_off(meeting, reason, now)


def called_off(meeting: Meeting, reason: str, now: datetime) -> Meeting:
    """The next version of a meeting: it does not take place."""
    return meeting.model_copy(
        update={"sequence": meeting.sequence + 1, "cancelled": reason, "at": now, "again": {}}
    )


def told_again(step: str, view: StepView, roles: tuple[str, ...]) -> Meeting:
    """The newest meeting, whose message goes out once more to those whom it is known not to have reached."""
    meeting = view.record.meeting
    assert meeting is not None
    newest = {role: newest_message(step, view, role) for role in roles}
    lost = (role for role, mail in newest.items() if view.rules < 2 or (mail and mail.state != "sent"))
    again = {role: meeting.again_to(role) + 1 for role in lost}
    return meeting.model_copy(update={"again": meeting.again | again})


def newest_message(step: str, view: StepView, role: str) -> MailOutcome | None:
    """What became of the newest message to that role about the newest meeting; None while it is on its way."""
    orders = list(meeting_orders(step, view, (role,)))
    return view.record.mails.get(orders[-1].key) if orders else None


def is_over(view: StepView) -> bool:
    """Whether the newest meeting is, so that a message about it helps nobody any more."""
    meeting = view.record.meeting
    return view.rules >= 2 and meeting is not None and meeting.ends_at <= view.now


def was_called_off(view: StepView) -> bool:
    meeting = view.record.meeting
    return view.rules >= 2 and meeting is not None and meeting.cancelled is not None


def was_missed(step: str, view: StepView, parties: tuple[str, ...]) -> bool:
    """Whether the newest meeting went by, and none of the parties knew of it."""
    heard = (newest_message(step, view, role) for role in parties)
    return is_over(view) and not any(mail is not None and mail.state == "sent" for mail in heard)


def meeting_orders(step: str, view: StepView, roles: tuple[str, ...]) -> Iterator[MailOrder]:
    """A message for each role: of a cancelled meeting and then of the one after it, each in its newest version."""
    for meeting in _versions(view.record):
        for role in roles:
            yield from _orders_to(step, meeting, role, view.record.mails, view.rules)


def is_about_meeting(order: MailOrder) -> bool:
    return ":meeting-" in order.key


def meeting_of(record: StepRecord, order: MailOrder, rules: int) -> Meeting | None:
    """The meeting that a message is about; None for any other message."""
    for meeting in _versions(record):
        orders = _orders_to(order.step, meeting, order.to, record.mails, rules)
        if any(one.key == order.key for one in orders):
            return meeting
    return None


def _versions(record: StepRecord) -> list[Meeting]:
    """The newest meeting, and the cancelled ones before it; the oldest first."""
    found: list[Meeting] = []
    meeting = record.meeting
    while meeting is not None:
        found.insert(0, meeting)
        meeting = meeting.after
    return found


def _orders_to(
    step: str, meeting: Meeting, role: str, mails: dict[str, MailOutcome], rules: int
) -> Iterator[MailOrder]:
    """The order, and those after it as often as it is to be sent again, until one got through or is on its way."""
    for number in range(meeting.again_to(role) + 1):
        sort = f"{meeting.uid}-{meeting.sequence}" + (f"-again-{number}" if number else "")
        order = MailOrder(
            key=f"{step}:{meeting.attempt}:meeting-{sort}:{role}",
            step=step,
            attempt=meeting.attempt,
            template=CANCELLED if meeting.cancelled is not None else MEETING,
            to=role,
        )
        yield order
        outcome = mails.get(order.key)
        if (outcome is None and rules >= 2) or (outcome is not None and outcome.state == "sent"):
            return
