"""What Racord wrote of a trouble is said in the reader's language; what others said, as they said it (R14–R17)."""

import string
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters import i18n
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
