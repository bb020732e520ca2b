"""Which column is which: headers in Romanian, German, Italian, Hungarian and English, as clinics write them."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from adapters.price_files.amounts import CURRENCY_WORDS


class Column(StrEnum):
    """What a column can be; the order is that in which a header's words decide."""

    DURATION = "duration"
    CURRENCY = "currency"
    CODE = "code"
    PRICE = "price"
    NAME = "name"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words without accents, in small letters; those of _MEANS_NAME decide between several columns with names.
WORDS: dict[Column, frozenset[str]] = {
    Column.DURATION: _words("durata minute min duration minutes dauer minuten minuti idotartam perc"),
    Column.CURRENCY: _words("moneda valuta deviza currency wahrung waehrung penznem"),
    Column.CODE: _words(
        "cod codul simbol code codes sku id leistungscode leistungsnummer artikelnummer artikelnr codice kod kodja "
        "kodszam cikkszam azonosito"
    ),
    Column.PRICE: _words(
        "pret pretul preturi tarif tariful tarife cost suma valoare price prices amount fee rate preis preise betrag kosten "
        "gebuhr gebuehr honorar einzelpreis leistungspreis verkaufspreis bruttopreis "
        "nettopreis listenpreis prezzo prezzi importo tariffa costo ar ara arak dij dija osszeg "
        "egysegar"
    ),
    Column.NAME: _words(
        "denumire denumirea nume numele name bezeichnung leistungsbezeichnung nome denominazione megnevezes nev neve "
        "serviciu serviciul servicii examinare examinarea investigatie investigatia procedura analiza analize consultatie "
        "service services examination exam procedure description item treatment leistung leistungen untersuchung "
        "behandlung beschreibung prestazione prestazioni esame servizio descrizione visita szolgaltatas vizsgalat leiras "
        "kezeles"
    ),
}  # fmt: skip
_MEANS_NAME = _words("denumire denumirea nume numele name bezeichnung nome denominazione megnevezes nev neve")
_NO_NAME = _words("categorie categoria category kategorie kategoria grupa gruppe tip tipo typ type sectie")
REMARKS = _words(
    "observatii observatie obs nota note notes remarks comentarii comments bemerkung bemerkungen anmerkung anmerkungen "
    "osservazioni osservazione megjegyzes megjegyzesek"
)
_FORMER = _words("vechi veche old previous former alt alter altes bisher vecchio precedente regi korabbi")
_TOTALS = _words(
    "total totaluri subtotal totals sum summe gesamt gesamtsumme gesamtbetrag gesamtpreis zwischensumme totale subtotale somma osszesen "
    "vegosszeg reszosszeg mindosszesen"
)
# What is written beside them, and names no examination; a currency, or a word for the price, may stand there too.
_WITH_TOTALS = _words(
    "general generala generale complessivo grand de plata cu fara tva mit ohne mwst con senza iva vat afa with without "
    "serviciu servicii serviciile service services leistung leistungen prestazione prestazioni servizio servizi "
    "szolgaltatas szolgaltatasok"
)
_LEI = frozenset({"lei noi", "leu nou", "lei romanesti", "leu romanesc"})  # those of Moldova are others
_LONGEST, _MOST_WORDS = 60, 6

WRITTEN: dict[str, tuple[str, str, str, str, str]] = {
    "en": ("Code", "Name", "Duration (min)", "Price", "Currency"),
    "ro": ("Cod", "Denumire", "Durata (min)", "Preț", "Moneda"),
    "de": ("Code", "Bezeichnung", "Dauer (min)", "Preis", "Währung"),
    "it": ("Codice", "Denominazione", "Durata (min)", "Prezzo", "Valuta"),
    "hu": ("Kód", "Megnevezés", "Időtartam (min)", "Ár", "Pénznem"),
}


@dataclass(frozen=True)
class Header:
    """Where the columns are, by number from 0, how they are titled, and the currency that a price's title names."""

    columns: Mapping[Column, int]
    titles: Mapping[Column, str]
    currency: str | None
    rival: tuple[Column, str] | None = None


def words_of(text: str) -> list[str]:
    """The words without accents and in small letters."""
    return re.findall(r"[^\W_]+|[€$£]", _bare(text))


def _bare(text: str) -> str:
    whole = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in whole if not unicodedata.combining(sign))


def kind_of(title: str) -> Column | None:
    """What a column with that title holds; None for anything else."""
    words = set(words_of(re.sub(r"\(.*?\)|\[.*?\]", " ", title)))
    if not words or len(title) > _LONGEST or len(words) > _MOST_WORDS:
        return None
    found = next((kind for kind in Column if words & WORDS[kind]), None)
    return None if found is Column.NAME and words & _NO_NAME else found


def header_in(cells: Mapping[int, str]) -> Header | None:
    """The header that a row is; None where it lacks a price, or both code and name.

    ``rival`` is a second column that could as well be the price, or the code, with its title.
    """
    found: dict[Column, list[int]] = {}
    for number in sorted(cells):
        if kind := kind_of(cells[number]):
            found.setdefault(kind, []).append(number)
    if Column.PRICE not in found or not (Column.CODE in found or Column.NAME in found):
        return None
    prices = [number for number in found[Column.PRICE] if not _FORMER & set(words_of(cells[number]))]
    prices = prices or found[Column.PRICE]
    columns: dict[Column, int] = {
        kind: numbers[0] for kind, numbers in found.items() if kind is not Column.DURATION
    }
    columns[Column.PRICE] = prices[0]
    for number in reversed(found.get(Column.NAME, [])):
        if _MEANS_NAME & set(words_of(cells[number])):
            columns[Column.NAME] = number
    return Header(
        columns=columns,
        titles={kind: cells[number].strip() for kind, number in columns.items()},
        currency=currency_in(cells[prices[0]]),
        rival=_rival(cells, {Column.PRICE: prices, Column.CODE: found.get(Column.CODE, [])}),
    )


def lost_letters(title: str) -> bool:
    """Whether a title would be that of a price, were letters in the place of its question marks: “Pre?”."""
    words = re.findall(r"[\w?]+", _bare(title[:_LONGEST]).replace("\ufffd", "?"))
    lost = [re.escape(word).replace(r"\?", ".") for word in words if re.search(r"\w", word) and "?" in word]
    return any(re.fullmatch(one, known) for one in lost for known in WORDS[Column.PRICE])


def _rival(cells: Mapping[int, str], several: Mapping[Column, Sequence[int]]) -> tuple[Column, str] | None:
    return next(((kind, cells[at[1]].strip()) for kind, at in several.items() if len(at) > 1), None)


def currency_in(title: str) -> str | None:
    """The one currency that a title names, as in “Preț (lei)”."""
    known = {CURRENCY_WORDS[word] for word in words_of(title) if word in CURRENCY_WORDS}
    return known.pop() if len(known) == 1 else None


def currency_said(text: str) -> str:
    """The currency that a text of its own names; one that we do not know as it is written."""
    words = words_of(text)
    if " ".join(words) in _LEI:
        return "RON"
    return CURRENCY_WORDS.get(words[0], text.upper()[:20]) if len(words) == 1 else text[:20]


def is_total(code: str, name: str) -> bool:
    """Whether a row says that it adds up the others, and nothing else: “Total IgE” may be an examination.

    Beside the name's words a number may stand (“Total (3 services)”), where no code stands before it.
    """
    words = {word for text in (code, name) for word in words_of(text) if code or not word.isdecimal()}
    known = _TOTALS | _WITH_TOTALS | WORDS[Column.PRICE] | CURRENCY_WORDS.keys()
    return bool(words & _TOTALS) and words <= known
