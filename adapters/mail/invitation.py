"""A meeting as an iCalendar entry (RFC 5545, RFC 5546): invitation, update and cancellation (R12).

The entry is known by its UID for ever; whatever has the higher SEQUENCE takes the place of what came before. Texts are
in the reader's language. No link is in it: links are personal, and calendars are shared.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC
from typing import Final

from icalendar import Calendar, Event, vCalAddress

from adapters.i18n import say
from adapters.mail.context import Appointment, MailContext
from adapters.mail.message import BadAddress, Invitation, Mailbox, one_line
from domain.errors import N_

PRODID: Final = "-//Racord//Racord//EN"
SUMMARY: Final = N_("Joint test: {provider} and {partner}")
_WHAT: Final = N_("{provider} and {partner} test their connection together.")
_NOT_AS_PLANNED: Final = N_("The meeting does not take place: {reason}")
_MOVED: Final = N_("The meeting was moved: {reason}")
_AFTERWARDS: Final = N_(
    "Afterwards both sides record what they saw, each with the link in its message from Racord."
)


def invitation_of(context: MailContext, appointment: Appointment, sender: str) -> Invitation:
    """The entry as the reader of ``context`` gets it; ``sender`` is the address that mails come from.

    The support desk organizes: who declines all the same is read there. ``sender`` only acts for it, as SENT-BY tells
    (RFC 5545, 3.2.18). Both are the same in the entry's updates and its cancellation.
    """
    meeting = appointment.meeting
    method = "REQUEST" if meeting.cancelled is None else "CANCEL"
    event = Event()
    event.add("uid", uid_of(context.onboarding_id, meeting.uid, sender))
    event.add("sequence", meeting.sequence)
    event.add("dtstamp", (meeting.at or meeting.starts_at).astimezone(UTC))
    event.add("dtstart", meeting.starts_at.astimezone(UTC))
    event.add("dtend", meeting.ends_at.astimezone(UTC))
    event.add("summary", one_line(_said(context, SUMMARY)))
    event.add("location", one_line(meeting.place))
    event.add("description", "\n".join(one_line(line) for line in _description(context, appointment)))
    event.add("status", "CONFIRMED" if meeting.cancelled is None else "CANCELLED")
    event.add("organizer", _organizer(Mailbox.of(context.support_email, "Racord"), Mailbox.of(sender)))
    for who in appointment.attendees:
        with suppress(BadAddress):  # whose own message says so; the others are invited all the same
            event.add("attendee", _attendee(Mailbox.of(who.email, who.name)))
    calendar = Calendar()
    calendar.add("prodid", PRODID)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    calendar.add_component(event)
    return Invitation(method=method, content=calendar.to_ical())


def uid_of(onboarding_id: str, meeting_uid: str, sender: str) -> str:
    """Unique in the world: the domain knows the meeting within its onboarding only."""
    return f"{meeting_uid}.{onboarding_id}@{sender.rpartition('@')[2]}"


def _description(context: MailContext, appointment: Appointment) -> Iterator[str]:
    meeting = appointment.meeting
    yield _said(context, _WHAT)
    if meeting.cancelled:
        yield _said(context, _NOT_AS_PLANNED, reason=meeting.cancelled)
        return
    if meeting.reason:
        yield _said(context, _MOVED, reason=meeting.reason)
    yield from (f"{number}. {title}" for number, title in enumerate(context.scenarios, 1))
    yield _said(context, _AFTERWARDS)


def _said(context: MailContext, message: str, **gaps: str) -> str:
    known = {"provider": context.provider.name, "partner": context.partner, **gaps}
    return say(context.recipient.language, message, known)


def _person(box: Mailbox) -> vCalAddress:
    address = vCalAddress(f"mailto:{box.email}")
    # A quoted parameter ends at a quote, and few programs know RFC 6868.
    if name := box.name.replace('"', "'"):
        address.params["CN"] = name
    return address


def _organizer(desk: Mailbox, sender: Mailbox) -> vCalAddress:
    address = _person(desk)
    if sender.email != desk.email:
        address.params["SENT-BY"] = f"mailto:{sender.email}"
    return address


def _attendee(box: Mailbox) -> vCalAddress:
    address = _person(box)
    address.params |= {"CUTYPE": "INDIVIDUAL", "ROLE": "REQ-PARTICIPANT", "PARTSTAT": "NEEDS-ACTION"}
    address.params["RSVP"] = "FALSE"
    return address
