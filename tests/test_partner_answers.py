"""What is read from a partner's answer, and what is left alone."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.partners.answers import Answer, held_in, push_answer, results_in, retry_after
from domain.delivery import Held, ItemResult, Verdict

NOW = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("rejected"),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["id", "status", "code", "results"]), inner)
    ),
)


def read(results: Any) -> tuple[tuple[ItemResult, ...], str]:
    return results_in(json.dumps({"results": results}).encode())


def rejected(id: Any = "svc_1", **more: Any) -> dict[str, Any]:
    return {"id": id, "status": "rejected", **more}


@pytest.mark.parametrize(
    "body",
    [b"", b" \r\n", b"OK", b"{}", b"[]", b"7", b'{"results": []}', b'{"results": null}', b'{"ok": true}'],
)
def test_an_answer_that_rejects_nothing_is_no_trouble(body: bytes) -> None:
    assert results_in(body) == ((), "")


def test_only_rejections_are_returned_each_service_once() -> None:
    results = [
        {"id": "svc_0", "status": "accepted"},
        rejected(code="unknown-category", detail="No such category"),
        rejected("svc_2"),
        rejected("svc_2"),
    ]
    first = ItemResult(id="svc_1", status="rejected", code="unknown-category", detail="No such category")
    assert read(results) == ((first, ItemResult(id="svc_2", status="rejected")), "")


def test_what_is_no_result_at_all_is_counted() -> None:
    found, trouble = read([None, 7, "svc", [], {}, {"id": "svc_2"}, {"status": 5}, rejected(color="red")])
    assert ([item.id for item in found], trouble) == (["svc_1"], "5 of them name no service")


@pytest.mark.parametrize("status", ["ok", "Accepted", "UPDATED", "withdrawn", 200, 204, True, None])
def test_a_status_that_partners_were_told_to_say_takes_the_service(status: Any) -> None:
    assert read([{"id": "svc_1", "status": status}]) == ((), "")


@pytest.mark.parametrize(
    ("status", "code"),
    [("failed", "failed"), ("Error", "error"), ("Rejected", ""), ("", ""), (422, ""), (False, ""), ([], "")],
)
def test_any_other_status_is_a_rejection(status: Any, code: str) -> None:
    assert read([{"id": "svc_1", "status": status}]) == (
        (ItemResult(id="svc_1", status="rejected", code=code),),
        "",
    )


@pytest.mark.parametrize(
    ("written", "detail"),
    [
        (
            '{"results": [{"id": "svc_1", "status": "rejected", "detail": "régi"}]}'.encode("latin-1"),
            "r\ufffdgi",
        ),
        (
            '{"results": [{"id": "svc_1", "status": "rejected", "detail": "régi"}]}'.encode("utf-8-sig"),
            "régi",
        ),
        ('{"results": [{"id": "svc_1", "status": "rejected", "detail": "régi"}]}'.encode("utf-16"), "régi"),
        (b'{"results": [{"id": "svc_1", "status": "rejected", "detail": "old \\ud800"}]}', "old"),
        (b'[{"id": "svc_1", "status": "rejected", "detail": "bare"}]', "bare"),
    ],
    ids=["Latin-1", "byte order mark", "UTF-16", "half a character", "a bare list"],
)
def test_a_rejection_is_read_however_it_is_written(written: bytes, detail: str) -> None:
    assert results_in(written) == ((ItemResult(id="svc_1", status="rejected", detail=detail),), "")


@pytest.mark.parametrize(
    ("status", "body", "detail"),
    [
        (200, b"OK", ""),
        (204, b"", ""),
        (200, b"\xff", ""),
        (200, b"<html><h1>Maintenance", "its answer could not be read: the answer is not JSON"),
        (200, b'{"results": [', "its answer could not be read: the answer is not JSON"),
        (206, b"", "its answer could not be read: it answered 206"),
        (207, b'{"results": []}', "its answer could not be read: it answered 207"),
        (299, b"OK", "its answer could not be read: it answered 299"),
    ],
)
def test_an_answer_that_may_have_said_something_of_services_is_said_to_be_unread(
    status: int, body: bytes, detail: str
) -> None:
    read = push_answer(Answer(status, {}, body), NOW)
    assert (read.verdict, read.rejected, read.detail) == (Verdict.TAKEN, (), detail)


@pytest.mark.parametrize("id", [None, 7, "", "x" * 65, "svc 1", "svc\x00", ["svc_1"]])
def test_a_rejection_that_names_no_service_of_ours_is_counted(id: Any) -> None:
    found, trouble = read([rejected(id), rejected()])
    assert [item.id for item in found] == ["svc_1"]
    assert trouble == "1 of them name no service"


@pytest.mark.parametrize("results", [7, "rejected", {"svc_1": "rejected"}])
def test_results_that_are_no_list_are_said_to_be_none(results: Any) -> None:
    assert read(results) == ((), "“results” is not a list")


def test_texts_are_cut_and_cleaned_so_that_they_can_be_stored_and_shown() -> None:
    (item,), _ = read([rejected(code="c" * 101, detail="no\x00 such\r\n\u202ecategory" + "d" * 1000)])
    assert item.code == "c" * 100
    assert item.detail.startswith("no such categoryd")
    assert len(item.detail) <= 1000


@given(ANYTHING)
def test_no_answer_can_fail_us(answer: Any) -> None:
    results_in(json.dumps({"results": answer}).encode())
    results_in(json.dumps(answer).encode())


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("0", timedelta(0)),
        (" 120 ", timedelta(minutes=2)),
        ("86401", timedelta(days=1)),
        ("9" * 12, timedelta(days=1)),
        ("Mon, 02 Mar 2026 08:16:00 GMT", timedelta(minutes=1)),
        ("Mon, 02 Mar 2026 08:16:00 -0000", timedelta(minutes=1)),
        ("Mon, 02 Mar 2026 08:14:00 GMT", timedelta(0)),
        ("Mon, 02 Mar 2099 08:14:00 GMT", timedelta(days=1)),
    ],
)
def test_a_wish_to_wait_is_understood_and_never_longer_than_a_day(text: str, wish: timedelta) -> None:
    assert retry_after(text, NOW) == wish


@pytest.mark.parametrize(
    "text", ["", "soon", "-5", "1.5", "٣", "Mon, 32 Mar 2026 08:16:00 GMT", "1e3", "9" * 5000]
)
def test_a_wish_that_makes_no_sense_is_none(text: str) -> None:
    assert retry_after(text, NOW) is None


@given(st.text())
def test_no_header_can_fail_us(text: str) -> None:
    wish = retry_after(text, NOW)
    assert wish is None or timedelta(0) <= wish <= timedelta(days=1)


def test_an_empty_list_is_an_answer_and_names_beyond_ours_are_passed_over() -> None:
    assert held_in(b'{"services": [], "sequence": 3, "mood": "fine"}', "con_1") == Held(sequence=3)


@pytest.mark.parametrize(
    "said",
    [
        '{"services": [], "sequence": 1767225600000}',
        '{"services": [], "sequence": -1}',
        '{"services": [{"id": "srv_\\u00001"}]}',
        '{"services": [{"id": "srv_1", "name": "Eco\\u0000"}]}',
        '{"services": [{"id": "srv_1", "duration_minutes": 99999999999}]}',
        '{"services": [{"id": "srv_1", "price": {"amount": "100.00"}}]}',
        '{"services": [{"id": "srv_1", "price": {"amount": 100, "currency": "RON"}}]}',
    ],
)
def test_what_could_not_be_written_down_or_shown_is_no_answer(said: str) -> None:
    with pytest.raises(ValueError, match=r"services|sequence"):
        held_in(said.encode(), "con_1")


@pytest.mark.parametrize("body", [b'{"services": [], "sequence": Infinity}', b'{"services": null}', b"null"])
def test_what_the_partner_holds_is_said_plainly_or_not_at_all(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"services|JSON"):
        held_in(body, "con_1")
