"""What Racord wrote of a trouble is said in the reader's language; what others said, as they said it (R14–R17)."""

import string
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters import i18n
from adapters.partners.answers import held_in
from api.pages import connection_history
from api.schemas.connections import ConnectionEventView
from api.troubles import OURS, trouble_said
from domain.connection import ConnectionEvent
from domain.model import SYSTEM

pytestmark = pytest.mark.usefixtures("catalogue")


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Romanian one that says each of our messages otherwise than in English."""
    monkeypatch.setattr(i18n, "LOCALES", tmp_path)
    path = i18n.catalogue_path("ro")
    path.parent.mkdir(parents=True)
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n'
    said = (f'\nmsgid "{message}"\nmsgstr "RO {message}"\n' for message in OURS)
    path.write_text(head + "".join(said), encoding="utf-8")
    i18n.translations.cache_clear()
    yield
    i18n.translations.cache_clear()


@pytest.mark.parametrize("message", OURS)
def test_what_is_kept_in_english_is_said_in_the_readers_language(message: str) -> None:
    gaps = {name: "7" for _, name, _, _ in string.Formatter().parse(message) if name}
    kept = message.format(**gaps)
    assert trouble_said(kept, "ro") == f"RO {kept}"
    assert trouble_said(kept, "en") == kept


@pytest.mark.parametrize(
    "kept",
    [
        "no connection",
        "no connection within 5 s",
        "no connection with TLS",
        "no answer within 10 s",
        "it hung up, or its answer is not HTTP",
        "its certificate is not valid: self-signed certificate",
        "the connection broke off",
        "It is not known whether the message went out: sending was cut off.",
        "Not sent: its reader knows by another way.",
        "Not sent: the connection has not ended.",
    ],
)
def test_what_stands_in_the_ledgers_is_known_as_ours(kept: str) -> None:
    assert trouble_said(kept, "ro") == f"RO {kept}"


@pytest.mark.parametrize("body", [b"{", b"{}", b'{"services": [], "connection": "con_2"}'])
def test_an_answer_that_does_not_say_what_the_partner_holds_is_told_in_that_language(body: bytes) -> None:
    with pytest.raises(ValueError, match="answer") as trouble:
        held_in(body, "con_1")
    assert trouble_said(str(trouble.value), "ro") == f"RO {trouble.value}"


def test_a_trouble_within_a_trouble_is_said_in_that_language_too() -> None:
    said = trouble_said("its answer could not be read: it answered 207", "ro")
    assert said == "RO its answer could not be read: RO it answered 207"


@pytest.mark.parametrize("text", ["550 5.1.1 No such mailbox", "{status} {", ""])
def test_what_others_said_stands_as_it_came(text: str) -> None:
    assert trouble_said(text, "ro") == text


def test_a_line_of_history_says_why_in_the_readers_language() -> None:
    event = ConnectionEventView(
        id="1",
        type=ConnectionEvent.FAREWELL_TROUBLE,
        actor=SYSTEM.model_dump(mode="json"),
        at=datetime(2026, 3, 12, tzinfo=UTC),
        data={"to": "desk@partner.example", "detail": "Not sent: the channel is live again."},
    )
    (line,) = connection_history.lines([event], {}, "ro")
    assert line.note == "RO Not sent: the channel is live again."
