"""Whatever people type, a message's headers and recipients are those that were meant."""

import random
import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.mail.message import (
    LONGEST_NAME,
    LONGEST_SUBJECT,
    Attachment,
    BadAddress,
    Draft,
    Mailbox,
    UnfaithfulMessage,
    one_line,
    sealed,
)

HEADERS = {
    "from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references",
    "auto-submitted", "content-language", "mime-version", "content-type",
}  # fmt: skip
DRAFT = Draft(
    message_id="<mail_0123456789abcdefghjk@racord.example>",
    at=datetime(2026, 3, 12, 8, 5, tzinfo=UTC),
    author=Mailbox.of("clinica@sfanta-maria.example", "Clinica Sfânta Maria"),
    sender=Mailbox.of("racord@racord.example", "Racord"),
    reply_to=Mailbox.of("clinica@sfanta-maria.example", "Clinica Sfânta Maria"),
    recipients=(Mailbox.of("integration@generali.example", "Generali, integration"),),
    copies=(Mailbox.of("suport@racord.example"),),
    subject="Clinica Sfânta Maria would like to be bookable through Generali",
    text="Hello,\n.\nFrom here on\n",
    html="<p>Hello</p>\n",
    language="ro",
    thread="<mail_first@racord.example>",
)
PIECES = (
    "\r\n", "\n", "\r", "\0", "\x85", "\u2028", "\x0b", "Bcc: e@evil.example", "\nBcc: e@evil.example\r\n",
    "?=", "<e@evil.example>", ",", ";", '"', "\\", "(", ")", "@", "e@evil.example,",
    "=?utf-8?q?=0D=0ABcc:_e?=", "=?", " ", "\t", "ă", "ț", "日本", "\u202e", "\ud800",
    "é" * 30, "x" * 70, "a b " * 20, ":", "[", "]",
    "=0A", "'", "=?iso-8859-1?b?", "\u00a0", "e@evil.example", "To: e@evil.example", "\x7f",
    "👩🏽‍⚕️",
)  # fmt: skip
HOSTILE = st.one_of(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), st.text(max_size=120))


def read(written: bytes) -> Message:
    return message_from_bytes(written)


@settings(max_examples=300, deadline=None)
@given(clinic=HOSTILE, contact=HOSTILE, subject=HOSTILE)
@example(clinic="X" * 61, contact="Y, Z" * 30, subject="S" * 400)
@example(clinic="Dr. Ană " * 12, contact="ă" * 60, subject="ș" * 150)
@example(clinic="\ud800", contact="a\ud800b", subject="\udfff")
def test_hostile_names_and_subjects_add_no_header_and_no_recipient(
    clinic: str, contact: str, subject: str
) -> None:
    _expect_only_what_was_meant(clinic, contact, subject)


def test_ten_thousand_hostile_names_and_subjects_add_nothing_either() -> None:
    chance = random.Random(20260312)
    for _ in range(3_400):
        typed = ["".join(chance.choices(PIECES, k=chance.randrange(7))) for _ in range(3)]
        _expect_only_what_was_meant(*typed)


@given(st.text(max_size=60).map(one_line).filter(bool), st.text(max_size=150).map(one_line))
@settings(max_examples=500, deadline=None)
def test_what_people_typed_arrives_as_they_typed_it(name: str, subject: str) -> None:
    message = read(sealed(replace(DRAFT, author=Mailbox.of(DRAFT.author.email, name), subject=subject)))
    assert _names(message, "from") == [name[:LONGEST_NAME].strip()]
    assert _subject(message) == one_line(subject)


@pytest.mark.parametrize(
    "name", ["Clinica Sfânta Maria", "Szent Imre Kórház – Szakrendelő", 'Dr. "Ana" Pop, MD', "診療所"]
)
def test_names_of_our_countries_survive(name: str) -> None:
    assert _names(read(sealed(replace(DRAFT, author=Mailbox.of(DRAFT.author.email, name)))), "from") == [name]


def test_the_headers_that_mail_programs_look_at_are_there() -> None:
    message = read(sealed(DRAFT))
    assert message["message-id"] == DRAFT.message_id
    assert message["in-reply-to"] == message["references"] == DRAFT.thread
    assert message["auto-submitted"] == "auto-generated"
    assert message["content-language"] == "ro"
    assert parsedate_to_datetime(message["date"]) == DRAFT.at
    assert _subject(message) == DRAFT.subject
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.walk()][1:] == ["text/plain", "text/html"]


def test_the_same_draft_gives_the_same_bytes() -> None:
    assert sealed(DRAFT) == sealed(DRAFT)


def test_a_file_goes_along_byte_for_byte_and_the_bodies_stay_what_they_were() -> None:
    content = b"\xef\xbb\xbfCod;Pre\xc8\x9b\r\n\r\n.\r\nFrom x;1\r\n"
    file = Attachment(name="prices-12.csv", kind="csv", content=content)
    draft = replace(DRAFT, attachments=(file, replace(file, name="more.csv", content=b"")))
    message = read(sealed(draft))
    types = ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/csv", "text/csv"]
    parts = list(message.walk())
    assert [part.get_content_type() for part in parts] == types
    assert (parts[4].get_filename(), parts[4].get_payload(decode=True)) == ("prices-12.csv", content)
    assert parts[4].get_content_disposition() == "attachment"
    assert sealed(draft) == sealed(draft)
    assert max(map(len, sealed(draft).split(b"\r\n"))) <= 78


def test_a_file_that_does_not_read_back_as_meant_is_never_handed_over() -> None:
    odd = Attachment(name="a\nb.csv", kind="csv", content=b"x")
    with pytest.raises((UnfaithfulMessage, ValueError)):
        sealed(replace(DRAFT, attachments=(odd,)))


def test_a_modern_reader_finds_the_same_as_an_old_one() -> None:
    message = message_from_bytes(sealed(DRAFT), policy=policy.default)
    assert str(message["from"]) == "Clinica Sfânta Maria <clinica@sfanta-maria.example>"
    assert str(message["to"]) == '"Generali, integration" <integration@generali.example>'
    assert message["subject"] == DRAFT.subject


def test_lines_are_as_short_as_the_standard_recommends() -> None:
    longest = replace(DRAFT, subject="ș" * 150, author=Mailbox.of(DRAFT.author.email, "ă" * 60))
    for draft in (DRAFT, longest, replace(DRAFT, subject="a word " * 20)):
        assert max(map(len, sealed(draft).split(b"\r\n"))) <= 78


def test_without_a_thread_or_a_copy_the_headers_are_not_there() -> None:
    message = read(sealed(replace(DRAFT, thread=None, copies=(), sender=None, reply_to=None)))
    assert not {"in-reply-to", "references", "cc", "sender", "reply-to"} & {name.lower() for name in message}


@pytest.mark.parametrize(
    "email",
    [
        "", "ana", "@b.ro", "ana@", "a b@c.ro", "ana@b.ro, evil@e.ro", "ana@b.ro\r\nRCPT TO:<e@e.ro>",
        "<ana@b.ro>", '"a@e.ro"@b.ro', "ană@b.ro", "ana@b..ro", "ana@" + "b" * 64 + ".ro", "ana@[10.0.0.1]",
        "ana@b.ro>", "\ud800@b.ro",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_named(email: str) -> None:
    with pytest.raises(BadAddress, match="is not an e-mail address"):
        Mailbox.of(email)


def test_a_domain_with_other_letters_is_written_in_ascii() -> None:
    assert Mailbox.of("ana@clinică.example").email == "ana@xn--clinic-n0a.example"


def test_what_does_not_read_back_as_meant_is_never_handed_over() -> None:
    with pytest.raises(UnfaithfulMessage, match="letters"):
        sealed(replace(DRAFT, thread="<é@b>"))
    with pytest.raises(UnfaithfulMessage, match="list of headers"):
        sealed(replace(DRAFT, thread="<a@b>\r\nBcc: evil@evil.example"))
    with pytest.raises(UnfaithfulMessage, match="recipient"):
        sealed(replace(DRAFT, recipients=()))


def test_everybody_is_in_the_envelope_once() -> None:
    draft = replace(DRAFT, copies=(*DRAFT.copies, *DRAFT.recipients))
    assert draft.envelope == ("integration@generali.example", "suport@racord.example")


def _expect_only_what_was_meant(clinic: str, contact: str, subject: str) -> None:
    clinic_box = Mailbox.of(DRAFT.author.email, clinic)
    draft = replace(
        DRAFT,
        author=clinic_box,
        reply_to=clinic_box,
        recipients=(Mailbox.of(DRAFT.recipients[0].email, contact),),
        copies=(Mailbox.of("suport@racord.example", clinic), Mailbox.of("dan@generali.example", contact)),
        subject=subject,
    )
    written = sealed(draft)
    message = read(written)
    assert {name.lower() for name in message} <= HEADERS
    assert len(message.keys()) == len({name.lower() for name in message})
    assert _addresses(message, "to") == ["integration@generali.example"]
    assert _addresses(message, "cc") == ["suport@racord.example", "dan@generali.example"]
    assert _addresses(message, "from") == _addresses(message, "reply-to") == ["clinica@sfanta-maria.example"]
    assert _addresses(message, "sender") == ["racord@racord.example"]
    assert all(
        len(name) <= LONGEST_NAME for header in ("from", "to", "cc") for name in _names(message, header)
    )
    assert max(map(len, written.split(b"\r\n"))) <= 78
    assert _subject(message) == one_line(subject, LONGEST_SUBJECT)


def _people(message: Message, header: str) -> list[tuple[str, str]]:
    (value,) = message.get_all(header, [])
    return [(str(make_header(decode_header(name))), address) for name, address in getaddresses([value])]


def _addresses(message: Message, header: str) -> list[str]:
    return [address for _, address in _people(message, header)]


def _names(message: Message, header: str) -> list[str]:
    return [name for name, _ in _people(message, header)]


def _subject(message: Message) -> str:
    return str(make_header(decode_header(re.sub(r"\r?\n", "", message["subject"]))))
