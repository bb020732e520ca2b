"""The calendar entry of a meeting, read by another parser than the one that wrote it (R12)."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
import vobject
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.mail.context import Appointment
from adapters.mail.correspondents import Correspondent
from adapters.mail.invitation import invitation_of
from adapters.mail.message import Draft, Invitation, Mailbox, UnfaithfulMessage, sealed
from adapters.mail.render import render
from domain.model import LANGUAGES
from domain.steps.appointment import called_off
from domain.steps.base import Meeting
from tests.test_mail_render import AT, CLINIC, SUPPORT, TEAM, context

SENDER = "racord@racord.example"
MEETING = Meeting(
    uid="joint_test-1-1",
    starts_at=datetime(2026, 3, 26, 8, 0, tzinfo=UTC),
    minutes=60,
    place="https://meet.example/armonia",
    at=AT,
)
MOVED = MEETING.model_copy(
    update={"sequence": 1, "starts_at": datetime(2026, 3, 30, 7, tzinfo=UTC), "reason": "Too soon."}
)


def written(
    meeting: Meeting,
    *attendees: Correspondent,
    language: str = "en",
    onboarding_id: str = "onb_1",
    **more: Any,
) -> Invitation:
    appointment = Appointment(meeting=meeting, attendees=attendees or (CLINIC, TEAM, SUPPORT))
    reader = CLINIC.model_copy(update={"language": language})
    told = context(
        recipient=reader, appointment=appointment, **{"onboarding_id": onboarding_id, "link": None, **more}
    )
    return invitation_of(told, appointment, SENDER)


def read(invitation: Invitation) -> Any:
    (calendar,) = vobject.readComponents(invitation.content.decode())
    return calendar


@dataclass
class CalendarStore:
    """What a calendar does with what comes by mail: RFC 5546, 2.1.5 and 3.2 (UID tells which, SEQUENCE which is newer)."""

    entries: dict[str, Any] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)

    def take(self, invitation: Invitation) -> None:
        calendar = read(invitation)
        event = calendar.vevent
        uid, sequence = event.uid.value, int(event.sequence.value)
        if sequence < self.newest.get(uid, 0):
            return
        self.newest[uid] = sequence
        if calendar.method.value == "CANCEL":
            self.entries.pop(uid, None)
        else:
            self.entries[uid] = event


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_invitation_opens_as_a_meeting_in_every_language(language: str) -> None:
    made = written(MEETING, language=language)
    calendar = read(made)
    event = calendar.vevent
    assert (made.method, calendar.method.value, calendar.version.value) == ("REQUEST", "REQUEST", "2.0")
    assert event.uid.value == "joint_test-1-1.onb_1@racord.example"
    assert (event.dtstart.value, event.dtend.value) == (MEETING.starts_at, MEETING.ends_at)
    assert event.dtstamp.value == AT
    assert (event.status.value, event.sequence.value) == ("CONFIRMED", "0")
    assert event.location.value == MEETING.place
    assert "Clinica Sfânta Maria" in event.summary.value
    assert "1. Book an appointment\n2. Cancel it" in event.description.value


def test_nobody_is_asked_to_answer_and_nobody_s_link_is_in_it() -> None:
    made = written(MEETING, link="https://racord.example/l/secret")
    attendees = read(made).vevent.attendee_list
    assert [one.value for one in attendees] == [f"mailto:{who.email}" for who in (CLINIC, TEAM, SUPPORT)]
    assert {one.rsvp_param for one in attendees} == {"FALSE"}
    assert attendees[0].cn_param == "Clinica Sfânta Maria"
    assert b"secret" not in made.content


@pytest.mark.parametrize("meeting", [MEETING, MOVED, called_off(MOVED, "The tester is ill.", AT)])
def test_who_declines_all_the_same_is_read_at_the_desk_which_organizes_every_version(
    meeting: Meeting,
) -> None:
    organizer = read(written(meeting)).vevent.organizer
    assert (organizer.value, organizer.sent_by_param) == (f"mailto:{SUPPORT.email}", f"mailto:{SENDER}")


def test_a_desk_that_sends_by_itself_sends_for_nobody() -> None:
    organizer = read(written(MEETING, support_email=SENDER)).vevent.organizer
    assert (organizer.value, list(organizer.params)) == (f"mailto:{SENDER}", ["CN"])


def test_an_update_takes_the_place_of_the_meeting_and_a_cancellation_takes_it_away() -> None:
    store = CalendarStore()
    store.take(written(MEETING))
    store.take(written(MOVED))
    (entry,) = store.entries.values()
    assert entry.dtstart.value == MOVED.starts_at
    assert "Too soon." in entry.description.value
    store.take(written(MEETING))  # the first message came late
    assert next(iter(store.entries.values())).dtstart.value == MOVED.starts_at
    off = called_off(MOVED, "The tester is ill.", AT)
    made = written(off)
    assert (read(made).vevent.status.value, made.method) == ("CANCELLED", "CANCEL")
    store.take(made)
    assert store.entries == {}
    store.take(written(MOVED))
    assert store.entries == {}


def test_meetings_of_two_onboardings_do_not_touch_each_other() -> None:
    store = CalendarStore()
    store.take(written(MEETING))
    store.take(written(MEETING, onboarding_id="onb_2"))
    assert len(store.entries) == 2


def test_an_attendee_without_an_address_that_mail_can_go_to_keeps_nobody_else_out() -> None:
    broken = TEAM.model_copy(update={"email": "not an address"})
    attendees = read(written(MEETING, broken, CLINIC)).vevent.attendee_list
    assert [one.value for one in attendees] == [f"mailto:{CLINIC.email}"]


NASTY = st.text(
    st.sampled_from("\r\n\t;:,\"\\^'=\x00\x0b\x85\u2028 aș🦷") | st.characters(codec="utf-8"), max_size=80
)
ATTACK = 'Room\r\nATTENDEE:mailto:evil@x.example\nEND:VEVENT";X=1:'


@settings(max_examples=150, deadline=None)
@given(NASTY, NASTY, NASTY)
def test_hostile_names_and_places_stay_inside_their_properties(name: str, place: str, reason: str) -> None:
    meeting = MOVED.model_copy(update={"place": f"{ATTACK}{place}", "reason": f"{ATTACK}{reason}"})
    clinic = CLINIC.model_copy(update={"name": f"{ATTACK}{name}"})
    made = written(meeting, clinic, TEAM, provider=clinic)
    (calendar,) = vobject.readComponents(made.content.decode())
    (event,) = calendar.vevent_list
    assert [one.value for one in event.attendee_list] == [f"mailto:{one.email}" for one in (clinic, TEAM)]
    assert {child.name for child in event.getChildren()} == {
        "UID", "SEQUENCE", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "LOCATION", "DESCRIPTION", "STATUS",
        "ORGANIZER", "ATTENDEE",
    }  # fmt: skip
    assert event.location.value.startswith("Room ATTENDEE:mailto:evil@x.example END:VEVENT")
    assert all(len(line) <= 75 for line in made.content.split(b"\r\n"))
    sealed(draft(made))


def draft(invitation: Invitation) -> Draft:
    return Draft(
        message_id="<m1@racord.example>",
        at=AT,
        author=Mailbox.of(SENDER, "Racord"),
        recipients=(Mailbox.of(CLINIC.email, CLINIC.name),),
        subject="Invitation",
        text="Text\n",
        html="<p>Text</p>\n",
        language="en",
        invitation=invitation,
    )


def test_a_mail_program_finds_the_entry_beside_the_texts_and_as_a_file() -> None:
    made = written(MEETING)
    message = message_from_bytes(sealed(draft(made)), policy=default)
    assert message.get_content_type() == "multipart/mixed"
    faces, file = message.iter_parts()
    assert [part.get_content_type() for part in faces.iter_parts()] == [
        "text/plain",
        "text/html",
        "text/calendar",
    ]
    *_, entry = faces.iter_parts()
    assert (entry["content-type"].params["method"], entry.get_content_charset()) == ("REQUEST", "utf-8")
    assert entry.get_content_disposition() is None
    assert entry.get_payload(decode=True) == made.content
    assert (file.get_content_type(), file.get_filename()) == ("application/ics", "invite.ics")
    assert file.get_payload(decode=True) == made.content


def test_an_entry_that_would_not_be_read_as_it_was_meant_is_not_sent() -> None:
    with pytest.raises(UnfaithfulMessage, match="attachment"):
        sealed(draft(Invitation(method="REQ șUEST", content=b"x")))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("meeting", [MEETING, MOVED])
def test_the_message_says_when_on_the_reader_s_clock_and_on_the_other_s(
    meeting: Meeting, language: str
) -> None:
    appointment = Appointment(
        meeting=meeting, attendees=(CLINIC, TEAM), other_zones=("Europe/Rome", "Europe/London")
    )
    made = render("meeting", language, context(appointment=appointment, link=None))
    said = " ".join(made.text.split())
    local = {0: ("10:00", "9:00", "8:00"), 1: ("10:00", "9:00", "8:00")}[meeting.sequence]
    assert all(clock in said for clock in local)
    assert MEETING.place in said
    assert TEAM.email in said
    assert (meeting.reason or "") in said


def test_a_cancellation_says_why() -> None:
    off = called_off(MEETING, "The tester is ill.", AT)
    appointment = Appointment(meeting=off, attendees=(CLINIC, TEAM))
    made = render("meeting_cancelled", "en", context(appointment=appointment, link=None))
    assert "> The tester is ill." in made.text
    assert made.subject == "Cancelled: joint test of Clinica Sfânta Maria and Generali"
