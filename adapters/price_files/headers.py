"""Which column is which: headers in Romanian, German, Italian, Hungarian and English, as clinics write them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from adapters.price_files.currencies import CURRENCY_WORDS, currency_in
from adapters.price_files.words import bare, word_set, words_of


class Column(StrEnum):
    """What a column can be; the order is that in which a header's words decide."""

    DURATION = "duration"
    CURRENCY = "currency"
    CODE = "code"
    PRICE = "price"
    NAME = "name"


# Words without accents, in small letters; those of _MEANS_NAME decide between several columns with names.
WORDS: dict[Column, frozenset[str]] = {
    Column.DURATION: word_set("durata minute min duration minutes dauer minuten minuti idotartam perc"),
    Column.CURRENCY: word_set("moneda valuta deviza currency wahrung waehrung penznem"),
    Column.CODE: word_set(
        "cod codul simbol code codes sku id leistungscode leistungsnummer artikelnummer artikelnr codice kod kodja "
        "kodszam cikkszam azonosito"
    ),
    Column.PRICE: word_set(
        "pret pretul preturi tarif tariful tarife cost suma valoare price prices amount fee rate preis preise betrag kosten "
        "gebuhr gebuehr honorar einzelpreis leistungspreis verkaufspreis bruttopreis "
        "nettopreis listenpreis prezzo prezzi importo tariffa costo ar ara arak dij dija osszeg "
        "egysegar"
    ),
    Column.NAME: word_set(
        "denumire denumirea nume numele name bezeichnung leistungsbezeichnung nome denominazione megnevezes nev neve "
        "serviciu serviciul servicii examinare examinarea investigatie investigatia procedura analiza analize consultatie "
        "service services examination exam procedure description item treatment leistung leistungen untersuchung "
        "behandlung beschreibung prestazione prestazioni esame servizio descrizione visita szolgaltatas vizsgalat leiras "
        "kezeles"
    ),
}  # fmt: skip
_MEANS_NAME = word_set(
    "denumire denumirea nume numele name bezeichnung nome denominazione megnevezes nev neve"
)
_NO_NAME = word_set("categorie categoria category kategorie kategoria grupa gruppe tip tipo typ type sectie")
REMARKS = word_set(
    "observatii observatie obs nota note notes remarks comentarii comments bemerkung bemerkungen anmerkung anmerkungen "
    "osservazioni osservazione megjegyzes megjegyzesek"
)
_FORMER = word_set("vechi veche old previous former alt alter altes bisher vecchio precedente regi korabbi")
_TOTALS = word_set(
    "total totaluri subtotal totals sum summe gesamt gesamtsumme gesamtbetrag gesamtpreis zwischensumme totale totala subtotale somma osszesen "
    "vegosszeg reszosszeg mindosszesen"
)
# What is written beside a price, or a total, and changes no more than its tax.
_TAXED = word_set(
    "cu fara tva inclus inclusa scutit mit ohne mwst ust inkl inklusive exkl zzgl con senza iva compresa inclusa esclusa esente "
    "vat tax with without incl including included excl excluding afa afaval nelkul plus net neto nett netto brut bruto "
    "brutto"
)
_SERVICES = word_set(
    "serviciu servicii serviciile service services leistung leistungen prestazione prestazioni servizio servizi "
    "szolgaltatas szolgaltatasok analize examinari"
)
# What is written beside totals, and names no examination; a currency, or a word for the price, may stand there too.
_WITH_TOTALS = _TAXED | _SERVICES | word_set("general generala generale complessivo grand de plata")
# What may stand below the title of a price, a currency apart, and leaves the price what it is.
_NOTED = (
    _TAXED
    | _SERVICES
    | WORDS[Column.PRICE]
    | word_set(
        "in exprimat exprimate noi romanesti per pe pro de da a je unitar unitara unitario unit einheit total include "
        "inclusiv scutite scutita esenti frei mentes afamentes val ban forintban umsatzsteuerfrei gesetzl "
        "sedinta seduta sitzung session alkalom consult consultatie vizita visita visit examinare investigatie analiza "
        "procedura behandlung untersuchung vizsgalat kezeles"
    )
)
# A number beside anything else may change the price: “10 alkalom” is for ten of them.
_RATE = re.compile(
    r"(?i:\b(?:tva|iva|[aá]fa|vat|mwst|ust)[ :=]{0,3})[0-9]+(?:[.,][0-9]+)?|[0-9]+(?:[.,][0-9]+)?\s*%"
)
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
    words = re.findall(r"[\w?]+", bare(title[:_LONGEST]).replace("\ufffd", "?"))
    lost = [re.escape(word).replace(r"\?", ".") for word in words if re.search(r"\w", word) and "?" in word]
    return any(re.fullmatch(one, known) for one in lost for known in WORDS[Column.PRICE])


def _rival(cells: Mapping[int, str], several: Mapping[Column, Sequence[int]]) -> tuple[Column, str] | None:
    return next(((kind, cells[at[1]].strip()) for kind, at in several.items() if len(at) > 1), None)


def is_known_note(text: str) -> bool:
    """Whether a text beside prices says no more than a currency, a tax, or that they are per service."""
    words = re.findall(r"[^\W_]+", _RATE.sub(" ", text))
    return all(currency_in(word) or bare(word) in _NOTED for word in words)


def may_be_total(code: str, name: str) -> bool:
    """Whether a row begins as a total does: “Total cardiologie”, and “Total IgE” too."""
    return not _TOTALS.isdisjoint((*words_of(code)[:1], *words_of(name)[:1]))


def is_total(code: str, name: str) -> bool:
    """Whether a row says that it adds up the others, and nothing else: “Total IgE” may be an examination.

    Beside the name's words a number may stand (“Total (3 services)”), where no code stands before it.
    """
    words = {word for text in (code, name) for word in words_of(text) if code or not word.isdecimal()}
    known = _TOTALS | _WITH_TOTALS | WORDS[Column.PRICE] | CURRENCY_WORDS.keys()
    return bool(words & _TOTALS) and words <= known
