"""The currency that a text names, in words of Romanian, German, Italian, Hungarian and English, by sign, or by code."""

import re
from functools import lru_cache

from adapters.price_files.words import word_set, words_of

CURRENCY_WORDS = {
    "ron": "RON", "lei": "RON", "leu": "RON", "lej": "RON",
    "eur": "EUR", "euro": "EUR", "euros": "EUR", "€": "EUR",
    "huf": "HUF", "ft": "HUF", "forint": "HUF", "forinti": "HUF", "forints": "HUF", "fiorini": "HUF",
    "chf": "CHF", "sfr": "CHF", "fr": "CHF", "franc": "CHF", "franci": "CHF", "franken": "CHF", "franchi": "CHF",
    "frank": "CHF", "francs": "CHF",
    "usd": "USD", "$": "USD", "dolar": "USD", "dolari": "USD", "dollar": "USD", "dollars": "USD", "dollari": "USD",
    "gbp": "GBP", "£": "GBP", "pound": "GBP", "pounds": "GBP", "pfund": "GBP", "sterline": "GBP",
    "mdl": "MDL", "moldovenesti": "MDL", "moldovenesc": "MDL",
    "pln": "PLN", "zl": "PLN", "zł": "PLN", "zloti": "PLN", "zloty": "PLN",
    "bgn": "BGN", "leva": "BGN", "czk": "CZK", "rsd": "RSD", "dinari": "RSD", "dinar": "RSD",
    "uah": "UAH", "₴": "UAH", "hrivne": "UAH", "₺": "TRY", "₽": "RUB", "ruble": "RUB", "rubel": "RUB", "¥": "JPY",
}  # fmt: skip
# The other codes of ISO 4217. Many are words as well (all, top, try): they count in capitals only.
_CODES = word_set(
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CLP CNY "
    "COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB FJD FKP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG IDR ILS "
    "INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MGA MKD MMK MNT "
    "MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PYG QAR ROL RUB RWF SAR SBD "
    "SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UGX UYU UZS VES VND VUV "
    "WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"
)
# A dentist's, too: they count where no other currency is named.
_CROWNS = word_set("coroane kronen kroner corone korona crowns")
_OR = " / "
_LEI = frozenset({"lei noi", "leu nou", "lei romanesti", "leu romanesc"})  # those of Moldova are others


@lru_cache(1000)  # a column says the same in each row
def currency_in(text: str) -> str | None:
    """The currency that a text names, as in “Preț (lei)”; where it names several, no single one: “EUR / RON”."""
    words = words_of(text)
    known = {CURRENCY_WORDS[word] for word in words if word in CURRENCY_WORDS}
    known |= {code for code in re.findall(r"[^\W\d_]+", text) if code in _CODES}
    crowns = next((word.upper() for word in words if word in _CROWNS), None)
    return _OR.join(sorted(known)) or crowns


def names_several(currency: str) -> bool:
    """Whether what :func:`currency_in` found is no single currency."""
    return _OR in currency


def currency_said(text: str) -> str:
    """The currency that a text of its own names; one that we do not know as it is written."""
    words = words_of(text)
    if " ".join(words) in _LEI:
        return "RON"
    return CURRENCY_WORDS.get(words[0], text.upper()[:20]) if len(words) == 1 else text[:20]
