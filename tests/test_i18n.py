"""Catalogues are read as they lie in the folder; whatever they lack is said in English."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from markupsafe import escape

from adapters import i18n
from domain.model import LANGUAGES, Money

ROMANIAN = """
msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\n"

msgid "Open Racord"
msgstr "Deschideți Racord"

msgid "Hello {name},"
msgstr "Bună, {nume},"

msgid "one thing"
msgid_plural "{n} things"
msgstr[0] "un lucru"
msgstr[1] "{n} lucruri"
msgstr[2] "{n} de lucruri"
"""


@pytest.fixture
def catalogues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of catalogues with a small Romanian one."""
    monkeypatch.setattr(i18n, "LOCALES", tmp_path)
    path = i18n.catalogue_path("ro")
    path.parent.mkdir(parents=True)
    path.write_text(ROMANIAN, encoding="utf-8")
    i18n.translations.cache_clear()
    yield tmp_path
    i18n.translations.cache_clear()


@pytest.mark.usefixtures("catalogues")
def test_a_translated_message_is_said_in_the_language() -> None:
    assert i18n.say("ro", "Open Racord") == "Deschideți Racord"


@pytest.mark.usefixtures("catalogues")
@pytest.mark.parametrize("language", ["en", "hu"])
def test_without_a_catalogue_the_message_is_said_in_english(language: str) -> None:
    assert i18n.say(language, "Hello {name},", {"name": "Ana"}) == "Hello Ana,"


@pytest.mark.usefixtures("catalogues")
def test_a_translation_with_a_wrong_gap_gives_way_to_english() -> None:
    assert i18n.say("ro", "Hello {name},", {"name": "Ana"}) == "Hello Ana,"
    assert "wrong gaps: 'Bună, {nume},'" in i18n.lacks("ro")


@pytest.mark.usefixtures("catalogues")
@pytest.mark.parametrize(("n", "said"), [(1, "un lucru"), (2, "2 lucruri"), (20, "20 de lucruri")])
def test_romanian_has_three_plurals(n: int, said: str) -> None:
    assert i18n.say_many("ro", "one thing", "{n} things", n) == said


@pytest.mark.usefixtures("catalogues")
def test_gaps_are_escaped_where_the_text_goes_into_html() -> None:
    said = i18n.say("hu", "Hello {name},", {"name": "<b>"}, kind=escape)
    assert said == "Hello &lt;b&gt;,"


def test_an_update_keeps_translations_and_brings_back_those_that_were_put_aside(catalogues: Path) -> None:
    i18n.update()
    written = i18n.catalogue_path("ro").read_text(encoding="utf-8")
    assert 'msgstr "Deschideți Racord"' in written
    assert '#~ msgstr[1] "{n} lucruri"' in written
    assert str(i18n.ROOT) not in written
    i18n.catalogue_path("ro").write_text(written.replace("#~ ", ""), encoding="utf-8")
    i18n.update()
    assert i18n.catalogue_path("ro").read_text(encoding="utf-8") == written


@pytest.mark.usefixtures("catalogues")
def test_an_update_finds_the_words_of_mails_refusals_and_forms() -> None:
    i18n.update()
    with i18n.catalogue_path("de").open("rb") as file:
        found = {message.id for message in read_po(file)}
    assert {"Open Racord", "Resume it first.", "Your name"} <= found
    assert all(i18n.catalogue_path(language).is_file() for language in i18n.TRANSLATED)


@pytest.mark.parametrize(
    ("locale", "language"), [("ro", "ro"), ("ro-RO", "ro"), ("de_AT", "de"), ("fr-FR", "en"), ("", "en")]
)
def test_a_locale_leads_to_one_of_our_languages(locale: str, language: str) -> None:
    assert i18n.language_of(locale) == language


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "21 November 2026, 21:35 (Bucharest)"),
        ("ro", "21 noiembrie 2026, 21:35 (București)"),
        ("de", "21. November 2026, 21:35 (Bukarest)"),
        ("it", "21 novembre 2026, 21:35 (Bucarest)"),
        ("hu", "2026. november 21. 21:35 (Bukarest)"),
    ],
)
def test_a_moment_is_told_on_the_readers_clock_and_names_it(language: str, said: str) -> None:
    at = datetime(2026, 11, 21, 19, 35, tzinfo=UTC)
    assert i18n.format_when(at, language, "Europe/Bucharest") == said


def test_the_day_is_the_readers_too() -> None:
    assert i18n.format_when(datetime(2026, 7, 1, 22, tzinfo=UTC), "en", "Europe/Rome").startswith(
        "2 July 2026, 00:00"
    )
    assert i18n.format_when(datetime(2026, 7, 1, 22, tzinfo=UTC), "en", "UTC") == "1 July 2026, 22:00 (UTC)"


def test_days_and_money_follow_the_language() -> None:
    assert i18n.format_day(date(2026, 1, 17), "de") == "17. Januar 2026"
    money = Money(amount=Decimal("1200.50"), currency="RON")
    assert i18n.format_money(money, "en") == "1,200.50\u00a0RON"
    assert i18n.format_money(money, "ro") == "1.200,50\u00a0RON"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_words(language: str) -> None:
    assert i18n.translations(language).gettext("Open Racord")


def test_no_translation_in_the_catalogues_names_a_gap_that_is_not_there() -> None:
    slips = [
        slip for language in i18n.TRANSLATED for slip in i18n.lacks(language) if slip.startswith("wrong gaps")
    ]
    assert not slips
