"""The currency that a text names, in words of Romanian, German, Italian, Hungarian and English, by sign, or by code."""

import re
from functools import lru_cache
from itertools import pairwise

from adapters.price_files.words import word_set, words_of

# The currencies that a clinic of this region may write; of their nouns, those that are no surname and no crown of a dentist.
CURRENCY_WORDS = {
    "ron": "RON", "lei": "RON", "leu": "RON", "lej": "RON",
    "eur": "EUR", "euro": "EUR", "euros": "EUR", "€": "EUR",
    "huf": "HUF", "ft": "HUF", "forint": "HUF", "forinti": "HUF", "forints": "HUF",
    "mdl": "MDL", "moldovenesti": "MDL", "moldovenesc": "MDL",
    "chf": "CHF", "sfr": "CHF", "fr": "CHF", "franc": "CHF", "franci": "CHF", "francs": "CHF", "franken": "CHF",
    "gbp": "GBP", "£": "GBP", "sterline": "GBP",
    "usd": "USD", "$": "USD", "dolar": "USD", "dolari": "USD", "dollar": "USD", "dollars": "USD", "dollari": "USD",
    "pln": "PLN", "zl": "PLN", "zł": "PLN", "zloti": "PLN", "zloty": "PLN",
    "czk": "CZK", "bgn": "BGN", "rsd": "RSD", "uah": "UAH", "₴": "UAH", "₺": "TRY", "₽": "RUB", "¥": "JPY",
}  # fmt: skip
# Words as well (try; seconds; Hungarian women): they count in capitals only.
_CODES = word_set("TRY SEK NOK DKK HRK")
# Nouns and codes that may be something else: they count alone in brackets, as a title has them.
_BRACKETED = {
    "leva": "BGN", "dinari": "RSD", "dinara": "RSD", "hrivne": "UAH", "grivne": "UAH", "ruble": "RUB", "rub": "RUB",
    "pounds": "GBP", "lire": "GBP", "franchi": "CHF", "cad": "CAD", "aud": "AUD", "ils": "ILS", "aed": "AED",
    "try": "TRY", "sek": "SEK", "nok": "NOK", "dkk": "DKK",
}  # fmt: skip
_OR = " / "
_LEI = frozenset({"lei noi", "leu nou", "lei romanesti", "leu romanesc"})  # those of Moldova are others


@lru_cache(1000)  # a column says the same in each row
def currency_in(text: str) -> str | None:
    """The currency that a text names, as in “Preț (lei)”; where it names several, no single one: “EUR / RON”."""
    known = {CURRENCY_WORDS[word] for word in words_of(text) if word in CURRENCY_WORDS}
    alone = (words_of(inside) for inside in re.findall(r"[(\[]([^()\[\]]*)[)\]]", text))
    known |= {_BRACKETED[said[0]] for said in alone if len(said) == 1 and said[0] in _BRACKETED}
    known |= {code for code in re.findall(r"[^\W\d_]+", text) if code in _CODES}
    return _OR.join(sorted(known)) or None


def names_amount(text: str) -> bool:
    """Whether a currency of the text stands beside a number: “sau 24 euro”, but not “euro / 30 min”."""
    said = [words_of(part) or (part,) for part in re.findall(r"\d[\d.,]*|[^\W\d_]+|[^\w\s/.,;:()]", text)]
    kinds = [
        "amount" if one[0][:1].isdigit() else "currency" if one[0] in CURRENCY_WORDS else "" for one in said
    ]
    return any({*pair} == {"amount", "currency"} for pair in pairwise(kinds))


def names_several(currency: str) -> bool:
    """Whether what :func:`currency_in` found is no single currency."""
    return _OR in currency


def currency_said(text: str) -> str:
    """The currency that a text of its own names; one that we do not know as it is written."""
    words = words_of(text)
    if " ".join(words) in _LEI:
        return "RON"
    return CURRENCY_WORDS.get(words[0], text.upper()[:20]) if len(words) == 1 else text[:20]
