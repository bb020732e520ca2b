"""Words in the reader's language: gettext catalogues, read straight from the ``.po`` files in ``locales/``.

English is the source and needs no catalogue; what is not translated is said in English. Gaps are ``{named}``,
as in :mod:`domain.errors`. ``python -m adapters.i18n update`` brings the catalogues up to date with the
sources, ``python -m adapters.i18n check`` lists what they lack.
"""

import ast
import re
import string
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from babel import Locale
from babel.dates import format_date, format_time, get_datetime_format, get_timezone, get_timezone_location
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from babel.numbers import format_currency
from babel.support import Translations
from jinja2.ext import babel_extract

from domain.errors import RacordError
from domain.model import LANGUAGES, Money

ROOT = Path(__file__).resolve().parent.parent
LOCALES = ROOT / "locales"
SOURCE_LANGUAGE = "en"
TRANSLATED = tuple(language for language in LANGUAGES if language != SOURCE_LANGUAGE)

_IDLE = re.compile(
    rb'"(POT-Creation-Date|PO-Revision-Date|Last-Tr|Language-Team|Report-Msgid|Generated-By).*\n'
)
_UTC = frozenset({"UTC", "Etc/UTC", "GMT", "Etc/GMT"})


def language_of(locale: str) -> str:
    """The language we have for a locale such as ``ro``, ``ro-RO`` or ``de_AT``; English for all others."""
    language = re.split(r"[-_]", locale, maxsplit=1)[0].lower()
    return language if language in LANGUAGES else SOURCE_LANGUAGE


def catalogue_path(language: str) -> Path:
    return LOCALES / language / "LC_MESSAGES" / "racord.po"


@cache
def translations(language: str) -> NullTranslations:
    """``gettext`` and ``ngettext`` of a language; a missing catalogue or message answers in English."""
    path = catalogue_path(language)
    if language == SOURCE_LANGUAGE or not path.is_file():
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, _read(path, language))
    compiled.seek(0)
    return Translations(fp=compiled)


def say(
    language: str, message_id: str, gaps: Mapping[str, Any] | None = None, *, kind: Callable[[str], str] = str
) -> str:
    """The message in that language, its gaps filled; ``kind`` makes it safe for where it goes (`escape`)."""
    return _filled(translations(language).gettext(message_id), message_id, gaps or {}, kind)


def say_many(
    language: str,
    singular: str,
    plural: str,
    n: int,
    gaps: Mapping[str, Any] | None = None,
    *,
    kind: Callable[[str], str] = str,
) -> str:
    """As :func:`say`, in the form that the language has for ``n`` things; ``{n}`` is among the gaps."""
    text = translations(language).ngettext(singular, plural, n)
    return _filled(text, singular if n == 1 else plural, {"n": n, **(gaps or {})}, kind)


def format_day(day: date, language: str) -> str:
    """A day in words, e.g. “21 November 2025”."""
    return format_date(day, "long", locale=_locale(language))


def format_when(at: datetime, language: str, time_zone: str) -> str:
    """A moment on the reader's clock, its zone named by a city: “21 November 2025, 21:35 (Bucharest)”."""
    locale, zone = _locale(language), get_timezone(time_zone)
    local = at.astimezone(zone)
    city = "UTC" if time_zone in _UTC else get_timezone_location(zone, locale=locale, return_city=True)
    clock = format_clock(local, language)
    pattern = str(get_datetime_format("medium", locale=locale)).replace("'", "")
    return f"{pattern.format(clock, format_day(local.date(), language))} ({city})"


def format_clock(local: datetime, language: str) -> str:
    """The hour as ``local`` has it, e.g. “21:35”."""
    return format_time(local, "short", tzinfo=local.tzinfo, locale=_locale(language))


def format_money(money: Money, language: str) -> str:
    """An amount with its currency, e.g. “120.00 RON” or “120,00 RON”."""
    return format_currency(money.amount, money.currency, "#,##0.00\u00a0¤¤", locale=_locale(language))


def update() -> None:
    """Merges the sources' messages into every catalogue; a translation is never lost, at most put aside."""
    template = _extracted()
    for language in TRANSLATED:
        path = catalogue_path(language)
        catalogue = _read(path, language) if path.is_file() else Catalog(locale=language)
        for aside in list(catalogue.obsolete.values()):
            catalogue[aside.id] = aside
        catalogue.obsolete.clear()
        catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
        catalogue.project, catalogue.version, catalogue.fuzzy = "racord", "1", False
        catalogue.header_comment = f"# Racord in {Locale.parse(language).english_name}."
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_written(catalogue))
    translations.cache_clear()


def lacks(language: str) -> list[str]:
    """What a catalogue lacks: messages without a translation, and with gaps that the source does not have."""
    path = catalogue_path(language)
    catalogue = _read(path, language) if path.is_file() else Catalog(locale=language)
    found = []
    for message in _extracted():
        if not message.id:
            continue
        sources = _forms(message.id)
        known = catalogue.get(message.id)
        said = _forms(known.string if known and not known.fuzzy else None)
        if not all(said):
            found.append(f"not translated: {sources[0]!r}")
        found += [f"wrong gaps: {form!r}" for form in said if not _gaps(form) <= _gaps(*sources)]
    return found


def _locale(language: str) -> str:
    return "en_GB" if language == SOURCE_LANGUAGE else language


def _filled(text: str, source: str, gaps: Mapping[str, Any], kind: Callable[[str], str]) -> str:
    try:
        return kind(text).format_map(gaps)
    except (KeyError, ValueError, IndexError, AttributeError):  # a translator's slip holds up no message
        return kind(source).format_map(gaps)


def _forms(said: str | Sequence[str] | None) -> list[str]:
    return [said or ""] if said is None or isinstance(said, str) else list(said)


def _gaps(*texts: str) -> set[str]:
    try:
        return {
            name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name is not None
        }
    except ValueError as error:
        return {str(error)}


def _read(path: Path, language: str) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=language, charset="utf-8")


def _written(catalogue: Catalog) -> bytes:
    """Without dates and names, so that the file differs only where a message does."""
    raw = BytesIO()
    write_po(raw, catalogue, width=110, sort_by_file=True, include_lineno=False)
    return _IDLE.sub(b"", raw.getvalue())


def _extracted() -> Catalog:
    template = Catalog()
    for name, line, ids, comments, context in _messages():
        template.add(ids, None, [(name, line)], auto_comments=comments, context=context)
    return template


@cache
def _messages() -> list[tuple[str, int, Any, list[str], str | None]]:
    """All that the sources say; they stay as they are while a program runs."""
    found = []
    for path, method in _sources():
        with path.open("rb") as file:
            for message in extract(method, file, DEFAULT_KEYWORDS, ("Translators:",)):
                found.append((path.relative_to(ROOT).as_posix(), *message))
    return found


def _sources() -> Iterator[tuple[Path, Any]]:
    for folder in ("adapters/mail/templates", "api/pages/templates"):
        yield from ((path, babel_extract) for path in sorted((ROOT / folder).rglob("*")) if path.is_file())
    for folder in ("domain", "api", "adapters", "activities", "workflows"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path, "python"
            yield path, _extract_refusals


def _extract_refusals(
    file: IO[bytes], keywords: object, comment_tags: object, options: object
) -> Iterable[tuple[int, None, str, list[str]]]:
    """What domain errors say (`detail` and `mend=`) and the titles of form fields."""
    refusals = {kind.__name__ for kind in _with_subclasses(RacordError)}
    tree = ast.parse(file.read())
    refusals |= {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any(getattr(base, "id", "") in refusals for base in node.bases)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        said: list[ast.expr] = []
        if name in refusals:
            said = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "mend")]
        elif name == "Field":
            said = [word.value for word in node.keywords if word.arg == "title"]
        for text in said:
            yield from ((text.lineno, None, message, []) for message in _literals(text))


_WORDS = re.compile(r"(?<![{A-Za-z])[A-Za-z]{2,}(?![}A-Za-z])")  # more than gaps


def _literals(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from _literals(node.body)
        yield from _literals(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _WORDS.search(node.value):
        yield node.value


def _with_subclasses(kind: type[RacordError]) -> Iterator[type[RacordError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _with_subclasses(below)


def main(arguments: list[str]) -> int:
    if arguments == ["update"]:
        update()
        return 0
    if arguments == ["check"]:
        problems = [f"{language}: {lack}" for language in TRANSLATED for lack in lacks(language)]
        print("\n".join(problems) or "The catalogues are complete.")
        return 1 if problems else 0
    print("python -m adapters.i18n update|check", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
