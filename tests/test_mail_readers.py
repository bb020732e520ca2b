"""Every mail as each of its readers may get it: no hole, no sentence that is meant for somebody else."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

from adapters.database.tables import Provider
from adapters.mail import answers
from adapters.mail.context import Appointment, MailContext, context_of
from adapters.mail.correspondents import Correspondent
from adapters.mail.render import ABOUT_CONNECTIONS, ABOUT_MEETINGS, ABOUT_WAITING, TEMPLATES, Rendered, render
from domain.case import Case, Progress
from domain.connection import Cause, Ended
from domain.model import LANGUAGES, Party
from domain.people import Ours
from domain.steps.appointment import CANCELLED, MEETING, called_off
from domain.steps.base import MailOrder, MailOutcome, Meeting, Rejection, StepRecord
from domain.steps.joint_test import JointTestStep
from tests.connections import packaged
from tests.test_correspondents import EVA
from tests.test_correspondents import MARTA as LEAD
from tests.test_mail_desk import PLAYBOOK
from tests.test_mail_render import (
    AT,
    CLINIC,
    HAVE_LINKS,
    LINK,
    NOTICE,
    SUPPORT,
    TEAM,
    context,
    expect_two_faces_of_one_message,
)

ANA = SUPPORT.model_copy(update={"role": "account_manager", "name": "Ana Pop", "email": "ana@racord.example"})
MARTA = SUPPORT.model_copy(update={"role": "lead", "name": "Marta", "email": "marta@racord.example"})
READERS = (CLINIC, TEAM, ANA)
STANDS = Meeting(
    uid="joint_test-1-1", starts_at=datetime(2026, 3, 26, 8, tzinfo=UTC), minutes=60, place="Room 2", at=AT
)
MOVED = STANDS.model_copy(update={"sequence": 1, "reason": "Too soon."})
OFF = called_off(MOVED, "The tester is ill.", AT)
NO = Rejection(reason="Not yet.\nLater.", by="Dan", party=Party.PARTNER, at=AT, attempt=1)
REFUSED = "550 5.1.1 No such user"
NEEDED: dict[str, tuple[Meeting | None, ...]] = {
    MEETING: (STANDS, MOVED),
    CANCELLED: (OFF,),
    "cancelled": (None, OFF),
    "joint_test": (None, STANDS),
}
# A reader sees a link only where one was made for them.
WITH_LINKS = HAVE_LINKS | {"escalation"}
HOLLOW = re.compile(
    r"<(p|li|td|th|strong|h2|ul|ol|code|blockquote|title|a)\b[^>]*>\s*</\1>|href=\"(mailto:)?\""
)
BROKEN = re.compile(r"\bNone\b|\{\w*\}|“\s*”| [,.;](\s|$)|\(\s*\)|^\s*(-|\d+\.|>)\s*$", re.MULTILINE)


def told(reader: Correspondent, meeting: Meeting | None = None, **more: Any) -> MailContext:
    invited = (
        Appointment(meeting=meeting, attendees=READERS, other_zones=("Europe/Rome",)) if meeting else None
    )
    known = {
        "recipient": reader,
        "party": reader.party,
        "onboarding_id": "onb_1",
        "due_at": AT,
        "waiting_on": Party.US,
        "reason": "The clinic moves.",
        "missing": "Prices are missing.",
        "looked_after_by": "Ana Pop",
        "appointment": invited,
        "notice": NOTICE,
        "ended": Ended(at=AT, cause=Cause.PERMISSION_DISABLED, by="Ioana Pop"),
        "link": None,
    }
    return context(**{**known, **more})


def situations(template: str, reader: Correspondent) -> Iterator[MailContext]:
    """All that the template may be told at once; what it does not speak of changes nothing."""
    links = (None, LINK) if template in WITH_LINKS else (None,)
    answers = (None, NO) if template in TEMPLATES | ABOUT_MEETINGS | {"escalation"} else (None,)
    blockers = (None, REFUSED) if template == "escalation" else (None,)
    waiting = (Party.US, Party.PARTNER) if template == "escalation" else (Party.US,)
    for meeting, link, no, blocker, party in product(
        NEEDED.get(template, (None,)), links, answers, blockers, waiting
    ):
        yield told(reader, meeting, link=link, rejection=no, blocker=blocker, waiting_on=party)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", sorted(TEMPLATES | ABOUT_CONNECTIONS | ABOUT_WAITING | ABOUT_MEETINGS))
def test_no_mail_is_nonsense_to_any_reader(template: str, language: str) -> None:
    for reader in READERS:
        for known in situations(template, reader):
            made = render(template, language, known)
            expect_two_faces_of_one_message(made, template, language, reader, known.link)
            assert not HOLLOW.search(made.html), HOLLOW.search(made.html)
            assert not BROKEN.search(made.text), BROKEN.search(made.text)
            assert ("/l/" in made.text, "/l/" in made.html) == (known.link is not None,) * 2
            if known.link is None and language == "en":
                assert "link in this message" not in said(made)


def said(made: Rendered) -> str:
    return " ".join(made.text.split())


def text(template: str, reader: Correspondent, meeting: Meeting | None = None, **more: Any) -> str:
    return said(render(template, "en", told(reader, meeting, **more)))


def test_after_a_no_our_people_are_told_who_said_it_why_once_and_what_to_do() -> None:
    for reader in (ANA, MARTA):
        escalation = text("escalation", reader, rejection=NO)
        assert "Dan said no for Generali: > Not yet. > Later. " in escalation
        assert escalation.count("Not yet.") == 1
        assert "Settle it and try again" in escalation
        assert "looking into it" not in escalation


def test_where_an_address_takes_no_mail_our_people_are_told_which_and_that_the_rest_goes_by_itself() -> None:
    escalation = text("escalation", ANA, blocker=REFUSED, dead_address=TEAM.email)
    assert f"What went wrong: {REFUSED} Address: {TEAM.email}" in escalation
    assert "Correct the address; what was asked is then sent by itself." in escalation


def test_a_lead_is_told_whose_case_it_is_and_not_to_do_it() -> None:
    escalation = text("escalation", MARTA)
    assert "Ana Pop looks after this onboarding." in escalation
    assert "You can do it" not in escalation
    assert "You can do it" in text("escalation", ANA)
    assert "looks after" not in text("escalation", ANA)


@pytest.mark.parametrize("reader", [SUPPORT, MARTA])
def test_where_nobody_looks_after_it_whoever_reads_it_is_told_to_give_it_to_somebody(
    reader: Correspondent,
) -> None:
    assert "Nobody looks after this onboarding." in text("escalation", reader, looked_after_by=None)


def test_a_lead_who_stands_in_is_told_nothing_about_themselves() -> None:
    assert "looks after" not in text("escalation", MARTA, looked_after_by=MARTA.name)


@pytest.mark.parametrize("reader", READERS)
def test_a_cancellation_says_that_the_meeting_to_come_does_not_take_place(reader: Correspondent) -> None:
    with_meeting, without = text("cancelled", reader, OFF), text("cancelled", reader)
    assert "does not take place: When: 26 March 2026, 10:00 (Bucharest)" in with_meeting
    assert "meeting" not in without
    assert "Reason: The clinic moves." in without
    assert "have been published" not in without


@pytest.mark.parametrize(("template", "meeting"), [("meeting", STANDS), ("meeting_cancelled", OFF)])
def test_our_own_people_open_the_onboarding_and_reply_to_nobody(template: str, meeting: Meeting) -> None:
    ours, theirs = text(template, ANA, meeting), text(template, TEAM, meeting)
    assert "https://racord.example/onboardings/onb_1" in ours
    assert "please reply" not in ours
    assert "/onboardings/" not in theirs


def test_the_scenarios_of_a_failed_test_are_called_by_their_titles() -> None:
    """R12."""
    step = next(one for one in packaged("global-assistance").steps if isinstance(one, JointTestStep))
    first, second = step.scenarios[:2]
    no = NO.model_copy(update={"reason": f"{first.key}, {second.key}: It came: too late."})
    for language in LANGUAGES:
        titles = "; ".join(one.title.in_(language).rstrip(".") for one in (first, second))
        assert answers.told(no, step, language) == no.model_copy(
            update={"reason": f"{titles}: It came: too late."}
        )
    assert answers.told(NO, step, "en") == NO
    assert answers.told(None, step, "en") is None


def written_to_the_lead(record: StepRecord) -> MailContext:
    steps = {step.key: StepRecord(key=step.key) for step in PLAYBOOK.steps} | {record.key: record}
    return context_of(
        Case(onboarding_id="onb_1", provider_id="prv_1", playbook=PLAYBOOK),
        Progress(steps=steps),
        MailOrder(key="settings:2:call-1:lead", step="settings", attempt=2, template="escalation", to="lead"),
        Provider(id="prv_1", name=CLINIC.name, email=CLINIC.email, locale="ro", time_zone="Europe/Bucharest"),
        None,
        missing=None,
        ours=Ours(account_manager=EVA, lead=LEAD),
        public_url="https://racord.example",
        support_email=SUPPORT.email,
    )


def test_a_no_that_blocks_a_step_went_wrong_nowhere_else() -> None:
    waiting = StepRecord(key="settings", attempt=2, waiting_on=Party.US, rejection=NO)
    by_the_no = written_to_the_lead(waiting.model_copy(update={"blocker": NO.reason}))
    assert (by_the_no.blocker, by_the_no.rejection, by_the_no.looked_after_by) == (None, NO, "Eva")
    assert written_to_the_lead(waiting.model_copy(update={"blocker": REFUSED})).blocker == REFUSED


def test_the_address_is_that_of_the_mail_that_blocks_the_step() -> None:
    back = MailOutcome(state="bounced", at=AT, detail=REFUSED, address=TEAM.email)
    sent = MailOutcome(state="sent", at=AT, detail="250 Ok")
    record = StepRecord(
        key="settings",
        waiting_on=Party.US,
        blocker=REFUSED,
        mails={"settings:1:a": sent, "settings:1:b": back},
    )
    assert written_to_the_lead(record).dead_address == TEAM.email
    assert written_to_the_lead(record.model_copy(update={"blocker": None})).dead_address is None
    in_doubt = record.model_copy(update={"mails": {"settings:1:b": back.model_copy(update={"address": ""})}})
    assert written_to_the_lead(in_doubt).dead_address is None
