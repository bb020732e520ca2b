"""Every template in every language: text and HTML from one source, and no name breaks either."""

import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError

from adapters.mail import render as rendering
from adapters.mail.context import Acceptance, MailContext, Notice
from adapters.mail.correspondents import Correspondent
from adapters.mail.render import ABOUT_CONNECTIONS, TEMPLATES, TEXT_WIDTH, Rendered, render
from domain.connection import Cause, Ended, LineNow
from domain.model import LANGUAGES, Party
from domain.steps.base import Evidence, Rejection

AT = datetime(2026, 3, 12, 8, 5, tzinfo=UTC)
LINK = "https://racord.example/l/lnk_7k2m9q4x8w1z5c3v6b0n.Zb4T0cXhFf3pYpVQh1yq6m2m0J1xv5mC7q0Qm0yZk9E"
CLINIC = Correspondent(
    role="provider", name="Clinica Sfânta Maria", email="clinica@sfanta-maria.example", party=Party.PROVIDER
)
TEAM = Correspondent(
    role="technical", name="Integration team", email="integration@generali.example", party=Party.PARTNER
)
SUPPORT = Correspondent(role="support", name="", email="suport@racord.example", party=Party.US)
HAVE_LINKS = {"technical_settings", "joint_test", "activation", "reminder"}
LEI = {"amount": "1120.50", "currency": "RON"}
LINE = LineNow(service_id="srv_1", code="ECO", name="Ecografie", duration_minutes=30, old=LEI, new=LEI)
NOTICE = Notice(number=12, lines=(LINE,), count=1, file="prices-12.csv", saved_at=AT, saved_by="Ioana Pop")


def context(**more: Any) -> MailContext:
    values: dict[str, Any] = {
        "recipient": TEAM,
        "counterpart": CLINIC,
        "party": Party.PARTNER,
        "time_zone": "Europe/Bucharest",
        "provider_id": "prv_7k2m9q4x8w1z5c3v6b0n",
        "provider": CLINIC,
        "partner": "Generali",
        "channel": "Generali traffic channel",
        "step": "Technical settings at Generali",
        "since": AT,
        "services": 14,
        "contract": Evidence(document="GEN-2026/0117", date=date(2026, 1, 17)),
        "consent": Acceptance(name="Ioana Pop", role="Managing director", at=AT, version="2026-01"),
        "scenarios": ("Book an appointment", "Cancel it"),
        "tested_at": AT,
        "link": LINK,
        "link_until": AT,
        "public_url": "https://racord.example",
        "support_email": "suport@racord.example",
    }
    return MailContext(**{**values, **more})


def test_the_six_templates_are_found_and_parts_are_none() -> None:
    assert set(TEMPLATES) == {*HAVE_LINKS, "intent", "notice"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", sorted(ABOUT_CONNECTIONS))
def test_what_live_connections_say_renders_in_every_language(template: str, language: str) -> None:
    """R14, R16, R17."""
    for cause in Cause:
        for recipient in (TEAM, CLINIC, SUPPORT):
            ended = Ended(at=AT, cause=cause, by="Ioana Pop")
            told = context(notice=NOTICE, ended=ended, recipient=recipient, party=recipient.party)
            made = render(template, language, told)
            expect_two_faces_of_one_message(made, template, language, recipient, LINK)


def test_no_step_of_a_playbook_may_name_what_live_connections_say() -> None:
    assert not TEMPLATES & ABOUT_CONNECTIONS


def test_a_price_that_is_not_there_is_said_in_words() -> None:
    lines = (LINE.model_copy(update={"old": None}), LINE.model_copy(update={"new": None}))
    text = render("price_notice", "en", context(notice=NOTICE.model_copy(update={"lines": lines}))).text
    assert "no price → 1,120.50" in text
    assert "1,120.50\u00a0RON → no price" in text


def test_a_notice_says_how_many_lines_are_in_the_file_only() -> None:
    said = render("price_notice", "en", context(notice=NOTICE.model_copy(update={"count": 31}))).text
    assert "30 more are in the attached file prices-12.csv" in said
    assert "The same list" in render("price_notice", "en", context(notice=NOTICE)).text


def test_a_notice_that_is_sent_again_says_so() -> None:
    again = NOTICE.model_copy(update={"is_repeated": True})
    assert "before" not in render("price_notice", "en", context(notice=NOTICE)).text
    assert "sent this notice before" in render("price_notice", "en", context(notice=again)).text


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_what_may_be_missing_leaves_no_hole(template: str) -> None:
    bare = context(contract=None, consent=None, tested_at=None, since=None, scenarios=(), link=None)
    made = render(template, "en", bare)
    assert "None" not in made.text + made.html


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_names_stay_names_in_html(typed: str) -> None:
    hostile = f"<script>alert(1)</script>{typed}</td><img src=x onerror=y>{{{{ 991*997 }}}}{{name}}"
    clinic = CLINIC.model_copy(update={"name": hostile})
    rejection = Rejection(reason=hostile, by=hostile, party=Party.PARTNER, at=AT, attempt=1)
    made = render("technical_settings", "en", context(provider=clinic, rejection=rejection, partner=hostile))
    tags = _tags(made.html)
    assert not {"script", "img"} & set(tags)
    assert "{name}" in made.text
    assert "988027" not in made.text
    assert "\n" not in made.subject


def test_the_intent_speaks_for_the_provider_and_names_the_contract() -> None:
    made = render("intent", "en", context(link=None))
    said = " ".join(made.text.split())
    assert "Contract: GEN-2026/0117 Date of the contract: 17 January 2026" in said
    assert "We hold a valid contract with Generali" in said
    assert "Kind regards, Clinica Sfânta Maria clinica@sfanta-maria.example" in said


def test_the_notice_says_who_accepted_in_which_role_when_and_for_how_many() -> None:
    said = " ".join(render("notice", "en", context(link=None)).text.split())
    assert "Accepted by: Ioana Pop, Managing director" in said
    assert "Accepted on: 12 March 2026, 10:05 (Bucharest)" in said
    assert "Examinations chosen: 14" in said


def test_the_settings_mail_has_the_data_that_a_technician_needs() -> None:
    text = render("technical_settings", "en", context()).text
    for needed in (
        "prv_7k2m9q4x8w1z5c3v6b0n",
        "Generali traffic channel",
        "suport@racord.example",
    ):
        assert needed in text


@pytest.mark.parametrize(
    ("meeting", "said"), [(True, "held in a meeting"), (False, "Your contact on the other side")]
)
def test_the_test_mail_names_scenarios_and_the_other_side(meeting: bool, said: str) -> None:
    text = " ".join(render("joint_test", "en", context(meeting=meeting)).text.split())
    assert said in text
    assert "Clinica Sfânta Maria: clinica@sfanta-maria.example" in text
    assert "1. Book an appointment 2. Cancel it" in text


def test_an_invitation_after_a_no_repeats_the_answer_and_says_when_it_is_settled() -> None:
    no = Rejection(reason="Firewall.\nTicket 4711.", by="Dan", party=Party.PARTNER, at=AT, attempt=1)
    told = context(rejection=no, waiting_on=Party.US)
    open_, settled, theirs = (
        render("activation", "en", told.model_copy(update=more)).text
        for more in ({}, {"settled": True}, {"waiting_on": Party.PARTNER})
    )
    for text in (open_, settled, theirs):
        assert "Dan answered for Generali:\n\n> Firewall.\n> Ticket 4711.\n" in text
    assert "the link in this message works already" in " ".join(open_.split())
    assert "settled in the meantime" in settled
    assert "looking into it" not in theirs


def test_a_reminder_to_the_provider_says_what_is_missing_and_where_to_do_it() -> None:
    made = render(
        "reminder",
        "ro",
        context(
            party=Party.PROVIDER,
            recipient=CLINIC,
            link=None,
            missing="Lipsesc prețuri.",
            onboarding_id="onb_1",
        ),
    )
    assert "Lipsesc prețuri." in made.text
    assert "\nhttps://racord.example/onboardings/onb_1\n" in made.text


def test_a_name_that_a_template_does_not_know_is_an_error() -> None:
    environment = rendering._environment("en", html=False)
    with pytest.raises(UndefinedError):
        environment.from_string("{{ nobody }}").render()
    with pytest.raises(KeyError, match="no mail template"):
        render("_layout.txt", "en", context())


class _Tags(HTMLParser):
    """Collects tags, and every address that something would be loaded from."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.loads += [
            value or "" for name, value in attrs if name in ("src", "background") or name.startswith("on")
        ]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _tags(html: str) -> list[str]:
    parser = _Tags()
    parser.feed(html)
    assert parser.open == []
    assert parser.loads == []
    return parser.tags


def expect_two_faces_of_one_message(
    made: Rendered, template: str, language: str, recipient: Correspondent, link: str | None
) -> None:
    assert made.subject
    assert len(made.subject) <= 150
    assert recipient.name in made.text
    assert not re.search(r"<[a-z/]|&[a-z]+;|\{[a-z_]+\}", made.text)
    assert all(len(line) <= TEXT_WIDTH or "https://" in line for line in made.text.splitlines())
    assert f'<html lang="{language}"' in made.html
    assert "table" in _tags(made.html)
    assert "prefers-color-scheme: dark" in made.html
    assert not re.search(r"url\(|@import", made.html)
    assert len(made.html.encode()) < 100_000  # larger ones are cut short by some mail programs
    if link and template in HAVE_LINKS:
        assert f"\n{link}\n" in made.text
        assert f'href="{link}"' in made.html
