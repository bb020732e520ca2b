"""Prices as people write them: ``1.234,50``, ``1 234.50``, ``1'234.50``, ``120 lei``, ``120,-``, ``RON 120``.

Whether ``1.234`` is a thousand and more, or one and a fraction, only the column's other values can say.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from adapters.price_files.currencies import CURRENCY_WORDS
from domain.errors import Invalid
from domain.prices import CENT, HIGHEST

_ALIKE = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u2007\u2009\u202f\t", " "),
        **dict.fromkeys("−–—", "-"),
        **dict.fromkeys("’‘´`ʼ", "'"),
    }
)
_WORD = r"(?:[A-Za-z]+\.?|[€$£])"
_WRITTEN = re.compile(
    rf"(?P<sign>-)?\s*(?P<before>{_WORD})?\s*(?P<minus>-)?\s*(?P<number>[0-9](?:[0-9 .,']*[0-9])?)"
    rf"(?:[.,]\s?-{{1,2}}|[.,](?=\s|$))?\s*(?P<after>{_WORD})?"
)
_PLAIN = re.compile(r"[0-9]+")
_ONE_MARK = re.compile(r"(?P<whole>[0-9]+)(?P<mark>[.,])(?P<part>[0-9]+)")
_GROUPS = re.compile(
    r"[0-9]{1,3}(?:(?P<group>[ '.,])[0-9]{3})(?:(?P=group)[0-9]{3})*(?:(?P<mark>[.,])(?P<part>[0-9]+))?"
)
_OTHER = {".": ",", ",": "."}
_SEVERAL = 3
_LONGEST = 40


@dataclass(frozen=True)
class Marks:
    """The decimal marks that a column was seen to use; exactly one means that it is known."""

    seen: frozenset[str] = frozenset()


_ANY_MARK = Marks(frozenset({","}))


def marks_of(texts: Iterable[str]) -> Marks:
    """What the column's unmistakable values say about its decimal mark.

    Where there are none, but several such as ``12.000`` and ``8.500`` with the same mark, then that groups
    thousands: nobody prices a whole list in thousandths.
    """
    found = (_WRITTEN.fullmatch(_plain(text)) for text in texts if len(text) <= _LONGEST)
    numbers = [one["number"] for one in found if one]
    seen = frozenset(mark for number in numbers if (mark := _decimal_mark(number)))
    if seen:
        return Marks(seen)
    open_ = [one["mark"] for number in numbers if (one := _ONE_MARK.fullmatch(number)) and _is_undecided(one)]
    if len(open_) >= _SEVERAL and len(set(open_)) == 1:
        return Marks(frozenset({_OTHER[open_[0]]}))
    return Marks()


def amount_of(text: str, marks: Marks) -> tuple[Decimal, str | None]:
    """The amount, above zero with two decimals, and the currency written beside it, if any. Raises Invalid."""
    plain = _plain(text)
    bare = plain[1:-1].strip() if plain.startswith("(") and plain.endswith(")") else plain
    found = _WRITTEN.fullmatch(bare) if len(text) <= _LONGEST else None
    if found is None:
        raise _unreadable(text)
    currency = _currency_of(found, text)
    amount = _number(found["number"], marks, text)
    if amount and (found["sign"] or found["minus"] or bare != plain):
        raise Invalid(
            "“{text}” is less than zero.",
            mend="Write the price without a minus sign or brackets.",
            code="price-negative",
            text=text,
        )
    return checked(amount, text), currency


def is_amount(text: str) -> bool:
    """Whether a text is a price, whatever its decimal mark."""
    try:
        amount_of(text, _ANY_MARK)
    except Invalid:
        return False
    return True


def checked(amount: Decimal, text: str) -> Decimal:
    """The amount with its two decimals; Invalid where it is no price at all."""
    if amount < 0:
        raise Invalid(
            "“{text}” is less than zero.",
            mend="Write the price without a minus sign or brackets.",
            code="price-negative",
            text=text,
        )
    if amount == 0:
        raise Invalid(
            "The price is zero.",
            mend="Write a price above zero, or leave the cell empty.",
            code="price-zero",
        )
    if amount > HIGHEST:
        raise Invalid(
            "“{text}” is more than any examination costs.",
            mend="Check the number: at most {highest} can be kept.",
            code="price-absurd",
            text=text[:_LONGEST],
            highest=HIGHEST,
        )
    rounded = amount.quantize(CENT)
    if rounded != amount:
        raise Invalid(
            "“{text}” has more than two decimals.",
            mend="Write at most two digits behind the decimal mark.",
            code="price-too-fine",
            text=text,
        )
    return rounded


def _plain(text: str) -> str:
    return text.translate(_ALIKE).strip()


def _currency_of(found: re.Match[str], text: str) -> str | None:
    words = [word.rstrip(".").casefold() for word in (found["before"], found["after"]) if word]
    known = {CURRENCY_WORDS.get(word) for word in words}
    if None in known or len(known) > 1:
        raise _unreadable(text)
    return known.pop() if known else None


def _decimal_mark(number: str) -> str | None:
    """The decimal mark that this number proves; None where it proves nothing."""
    if one := _ONE_MARK.fullmatch(number):
        return None if _is_undecided(one) else one["mark"]
    groups = _GROUPS.fullmatch(number)
    if groups is None:
        return None
    if groups["mark"]:
        return groups["mark"] if groups["mark"] != groups["group"] else None
    return _OTHER.get(groups["group"])


def _is_undecided(one: re.Match[str]) -> bool:
    return len(one["part"]) == 3 and len(one["whole"]) <= 3 and not one["whole"].startswith("0")


def _number(number: str, marks: Marks, text: str) -> Decimal:
    if _PLAIN.fullmatch(number):
        return Decimal(number)
    if one := _ONE_MARK.fullmatch(number):
        if _is_undecided(one):
            if len(marks.seen) != 1:
                raise _undecided(one, marks, text)
            if one["mark"] not in marks.seen:
                return Decimal(one["whole"] + one["part"])
        return Decimal(f"{one['whole']}.{one['part']}")
    groups = _GROUPS.fullmatch(number)
    if groups is None or groups["mark"] == groups["group"]:
        raise _unreadable(text)
    whole = number[: groups.start("mark")] if groups["mark"] else number
    return Decimal(re.sub("[^0-9]", "", whole) + "." + (groups["part"] or "0"))


def _undecided(one: re.Match[str], marks: Marks, text: str) -> Invalid:
    large, small = one["whole"] + one["part"], f"{one['whole']}{one['mark']}{one['part'][:2]}"
    if marks.seen:
        return Invalid(
            "“{text}” can be read in two ways, and the column writes decimals with a comma and with a point.",
            mend="Write {large} or {small}, and use one decimal mark in the whole column.",
            code="price-undecided",
            text=text,
            large=large,
            small=small,
        )
    return Invalid(
        "“{text}” can be read in two ways, and no other price in the column says which is meant.",
        mend="Write {large} or {small}.",
        code="price-undecided",
        text=text,
        large=large,
        small=small,
    )


def _unreadable(text: str) -> Invalid:
    return Invalid(
        "“{text}” is no price.",
        mend="Write a number such as 120 or 1234.50, or leave the cell empty.",
        code="price-unreadable",
        text=text[:_LONGEST],
    )
