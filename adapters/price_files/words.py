"""Texts as their words, so that accents, capitals and marks make no difference."""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+|[€$£¥₺₴₽]")


def bare(text: str) -> str:
    """The text without accents and in small letters."""
    whole = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in whole if not unicodedata.combining(sign))


def words_of(text: str) -> list[str]:
    """The words, and signs of currencies, without accents and in small letters."""
    return _WORD.findall(bare(text))


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())
