"""What a delivery report says, of whichever server; and that whatever else comes is none."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mail.delivery_report import (
    LONGEST_DIAGNOSTIC,
    LONGEST_REPORT,
    MOST_BOUNDARIES,
    MOST_RECIPIENTS,
    DeliveryReport,
    Failed,
    read_report,
    status_in,
)
from tests import delivery_reports as written
from tests.delivery_reports import DEAD, MESSAGE_ID, NO


def read(content: bytes) -> DeliveryReport:
    report = read_report(content)
    assert report is not None
    return report


def test_postfix_names_the_message_by_its_headers() -> None:
    assert read(written.postfix()) == DeliveryReport(
        id="<20260302090002.4F2C21A0B5@mail.racord.example>",
        message_id=MESSAGE_ID,
        failed=(Failed(DEAD, DEAD, "5.1.1", NO),),
    )


@pytest.mark.parametrize(
    ("style", "status", "said"),
    [
        (written.exim, "5.0.0", "550 No such user here"),
        (written.exchange, "5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient"),
        (written.gmail, "5.1.1", "550-5.1.1 The email account that you tried to reach does not exist."),
    ],
    ids=["exim", "exchange", "gmail"],
)
def test_other_servers_say_the_same_in_their_own_way(
    style: Callable[[], bytes], status: str, said: str
) -> None:
    report = read(style())
    (failed,) = report.failed
    assert (report.message_id, failed.address, failed.status) == (MESSAGE_ID, DEAD, status)
    assert failed.diagnostic.startswith(said)
    assert "\n" not in failed.diagnostic


@pytest.mark.parametrize("style", [written.postfix, written.exim, written.exchange, written.gmail])
def test_line_ends_of_the_wire_change_nothing(style: Callable[[], bytes]) -> None:
    assert read(style().replace(b"\n", b"\r\n")) == read(style())


@pytest.mark.parametrize(
    "content",
    [
        written.postfix(action="delayed", status="4.4.1"),
        written.postfix(action="delivered", status="2.0.0"),
        written.postfix(action="relayed", status="2.1.9"),
        written.read_receipt(),
        written.auto_reply(),
        b"Subject: You have won\r\nContent-Type: text/html\r\n\r\n<p>550 5.1.1</p>",
        b"",
        b"\x00\xff" * 300,
    ],
    ids=["delayed", "delivered", "relayed", "receipt", "auto-reply", "spam", "nothing", "noise"],
)
def test_what_is_no_lasting_failure_is_no_report(content: bytes) -> None:
    assert read_report(content) is None


def test_a_server_that_sends_nothing_of_the_original_names_it_in_the_thread() -> None:
    content = written.exchange().partition(b"Content-Type: message/rfc822")[0]
    assert read(content).message_id == MESSAGE_ID


def test_a_report_that_names_no_message_is_none() -> None:
    assert read_report(written.postfix().replace(MESSAGE_ID.encode(), b"none")) is None


def test_a_status_that_is_missing_is_read_from_the_servers_answer() -> None:
    assert read(written.postfix(status="")).failed[0].status == "5.1.1"
    bare = written.postfix(status="").replace(b"550 5.1.1", b"450")
    assert read(bare).failed[0].status == "4.0.0"
    assert read(bare.replace(b"Diagnostic-Code: smtp; 450", b"X-Said: ")).failed[0].status == "5.0.0"


def test_a_server_that_gave_up_says_so_though_the_reason_was_a_passing_one() -> None:
    """RFC 3464, 2.3.3: after ``failed`` nothing more is tried; the class of the status tells of the last try."""
    assert [one.status for one in read(written.postfix(status="4.4.1")).failed] == ["4.4.1"]


def test_each_recipient_that_failed_is_named_and_no_other() -> None:
    more = b"Final-Recipient: rfc822; other@partner.example\nAction: delivered\nStatus: 2.0.0\n\n"
    dead = b"Final-Recipient: rfc822; <third@partner.example>\nAction: Failed\nStatus: 5.2.1 (disabled)\n\n"
    content = written.postfix().replace(b"Final-Recipient", more + dead + b"Final-Recipient", 1)
    assert [(one.address, one.status) for one in read(content).failed] == [
        ("third@partner.example", "5.2.1"),
        (DEAD, "5.1.1"),
    ]


def test_a_forwarded_message_is_known_by_the_address_that_we_wrote_to() -> None:
    final = f"Final-Recipient: rfc822; {DEAD}".encode()
    (failed,) = read(
        written.postfix().replace(final, b"Final-Recipient: rfc822; new@elsewhere.example")
    ).failed
    assert (failed.address, failed.original) == ("new@elsewhere.example", DEAD)
    assert failed.speaks_of(DEAD.upper())


def test_a_report_without_an_id_of_its_own_is_known_by_its_content() -> None:
    content = written.postfix().replace(b"Message-Id: <2026", b"X-Was: <2026")
    assert read(content).id.startswith("sha256:")
    assert read(content).id == read(content).id != read(content + b"\n").id


def test_nothing_that_a_report_says_is_longer_than_it_may_be() -> None:
    blocks = b"Final-Recipient: rfc822; x@y.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; "
    content = written.postfix().replace(
        b"Final-Recipient", (blocks + b"5" * 5000 + b"\n\n") * 300 + b"Final-Recipient", 1
    )
    report = read_report(content[:LONGEST_REPORT] + b"Message-ID: <late@racord.example>")
    assert report is None, "what names the message lies behind what is read"
    few = written.postfix().replace(
        b"Final-Recipient", (blocks + b"5" * 5000 + b"\n\n") * 3 + b"Final-Recipient", 1
    )
    assert [len(one.diagnostic) for one in read(few).failed] == [LONGEST_DIAGNOSTIC] * 3 + [len(NO)]
    many = written.postfix().replace(b"Final-Recipient", (blocks + b"no\n\n") * 300 + b"Final-Recipient", 1)
    assert len(read(many).failed) == MOST_RECIPIENTS


def test_a_nest_of_parts_is_not_even_unfolded() -> None:
    nest = b"".join(
        b'Content-Type: multipart/report; boundary="%d"\n\n--%d\n' % (depth, depth)
        for depth in range(MOST_BOUNDARIES + 1)
    )
    assert read_report(nest + b"\n" * LONGEST_REPORT) is None


def test_letters_that_no_header_may_have_do_not_reach_the_database() -> None:
    (failed,) = read(written.postfix().replace(b"User unknown", b"Usuario \xff\x00desconocido")).failed
    failed.diagnostic.encode()
    assert "\x00" not in failed.diagnostic
    assert "desconocido" in failed.diagnostic


@given(st.binary(max_size=400), st.integers(0, 2500), st.integers(0, 400))
def test_whatever_is_broken_in_a_report_nothing_breaks_on_it(noise: bytes, place: int, gone: int) -> None:
    content = written.gmail()
    report = read_report(content[:place] + noise + content[place + gone :])
    for failed in report.failed if report else ():
        assert status_in(failed.status) == failed.status
        (failed.address + failed.diagnostic).encode()


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("550 5.1.1 User unknown", "5.1.1"),
        ("550 No such user at 10.5.1.1", None),
        ("552-5.2.2 The mailbox is full", "5.2.2"),
    ],
)
def test_the_code_in_an_answer_is_found(answer: str, status: str | None) -> None:
    assert status_in(answer) == status
