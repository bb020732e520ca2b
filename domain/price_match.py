"""Finds the service that a row of a price file means: by code, else by its exact name (R8)."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from domain.errors import Invalid
from domain.prices import Offer

# Looking for the nearest code costs milliseconds; whoever has this many unknown rows has sent the wrong file.
MOST_SEARCHES = 50
_NEAR = 0.6
_CANDIDATES = 20
# Romanian's ș and ț have a comma; old encodings know them with a cedilla only.
_CEDILLAS = str.maketrans("şţŞŢ", "șțȘȚ")
_NUMBERS_LOOK_LIKE = str.maketrans("OQIL", "0011")


def plain(text: str) -> str:
    """The text as a person sees it: one form of each letter, single blanks, nothing invisible."""
    composed = unicodedata.normalize("NFC", text).translate(_CEDILLAS)
    seen = (sign if sign.isprintable() else " " if sign.isspace() else "" for sign in composed)
    return " ".join("".join(seen).split())


def _skeleton(said: str) -> str:
    """A code or name without what people leave out or mistake: case, accents, blanks, dashes, leading zeros, O for 0."""
    bare = unicodedata.normalize("NFKD", said.upper())
    return "".join(sign for sign in bare if sign.isalnum()).translate(_NUMBERS_LOOK_LIKE).lstrip("0")


class Match(NamedTuple):
    """The service that a row means, what is wrong and what is odd about it."""

    offer: Offer | None = None
    error: Invalid | None = None
    warning: Invalid | None = None


class Catalogue:
    """A provider's services, to be found by what a file calls them."""

    def __init__(self, offers: Sequence[Offer]) -> None:
        self._by_code = _grouped(offers, lambda offer: plain(offer.code))
        self._by_name = _grouped(offers, lambda offer: plain(offer.name))
        self._offers = offers
        self._searches = 0
        self._skeletons: dict[str, Offer] | None = None
        self._pairs: dict[str, list[int]] | None = None

    def knows(self, code: str, name: str) -> bool:
        """Whether a service has exactly this code, or this name."""
        return code in self._by_code or name in self._by_name

    def find(self, code: str, name: str, written: str = "") -> Match:
        """``code`` and ``name`` are :func:`plain` already; ``written`` tells codes apart that look the same."""
        named = self._by_name.get(name, [])
        if not code:
            return self._find_by_name(name, named)
        alike = self._by_code.get(code, [])
        coded = [offer for offer in alike if offer.code == written] or alike
        if len(coded) == 1:
            return Match(coded[0], _at_odds(coded[0], name, named))
        if coded:
            return Match(error=_several(code, coded))
        if len(named) == 1:
            return Match(named[0], warning=_other_code(code, named[0]))
        return Match(error=_unknown_code(code, self._nearest(code, name)))

    def _find_by_name(self, name: str, named: Sequence[Offer]) -> Match:
        if len(named) == 1:
            return Match(named[0])
        if len(named) > 1:
            return Match(error=_several(name, named))
        if not name:
            said = Invalid(
                "The row has a price, and neither code nor name.",
                mend="Write the service's code beside the price.",
                code="service-missing",
            )
            return Match(error=said)
        near = self._nearest("", name)
        if near is None:
            said = Invalid(
                "There is no service named “{said}”.",
                mend="Compare it with the list of services, and add the service there if it is new.",
                code="service-unknown",
                said=name,
            )
            return Match(error=said)
        said = Invalid(
            "There is no service named “{said}”; the nearest is “{name}” (code {code_}).",
            mend="Write the name exactly as it is in the list of services, or the code.",
            code="service-unknown",
            said=name,
            name=near.name,
            code_=near.code,
        )
        return Match(error=said)

    def _nearest(self, code: str, name: str) -> Offer | None:
        """The service that is probably meant: with the same code or name but for case, accents and the like, else a likely one."""
        if self._skeletons is None:
            self._skeletons = {_skeleton(offer.name): offer for offer in reversed(self._offers)}
            self._skeletons |= {_skeleton(offer.code): offer for offer in reversed(self._offers)}
        for bare in filter(None, map(_skeleton, (code, name))):
            if bare in self._skeletons:
                return self._skeletons[bare]
        self._searches += 1
        if self._searches > MOST_SEARCHES:
            return None
        return self._search(code, lambda offer: offer.code) or self._search(name, lambda offer: offer.name)

    def _search(self, said: str, text_of: Callable[[Offer], str]) -> Offer | None:
        """The service with the likest code or name among those that share the most pairs of letters."""
        if self._pairs is None:
            self._pairs = defaultdict(list)
            for number, offer in enumerate(self._offers):
                for pair in _pairs(offer.code) | _pairs(offer.name):
                    self._pairs[pair].append(number)
        shared = Counter(number for pair in _pairs(said) for number in self._pairs.get(pair, ()))
        rated = [
            (
                SequenceMatcher(None, said.casefold(), text_of(self._offers[number]).casefold()).ratio(),
                -number,
            )
            for number, _ in shared.most_common(_CANDIDATES)
        ]
        best = max(rated, default=(0.0, 0))
        return self._offers[-best[1]] if best[0] >= _NEAR else None


def _grouped(offers: Sequence[Offer], key: Callable[[Offer], str]) -> dict[str, list[Offer]]:
    groups: dict[str, list[Offer]] = defaultdict(list)
    for offer in offers:
        groups[key(offer)].append(offer)
    return groups


def _pairs(text: str) -> set[str]:
    small = text.casefold()
    return {small[at : at + 2] for at in range(len(small) - 1)}


def _unknown_code(code: str, near: Offer | None) -> Invalid:
    if near is None:
        return Invalid(
            "There is no service with the code “{said}”.",
            mend="Compare it with the list of services, and add the service there if it is new.",
            code="service-unknown",
            said=code,
        )
    return Invalid(
        "There is no service with the code “{said}”; the nearest is “{near}” ({name}).",
        mend="Write “{near}” if that is meant, or add the service first.",
        code="service-unknown",
        said=code,
        near=near.code,
        name=near.name,
    )


def _several(name: str, named: Sequence[Offer]) -> Invalid:
    return Invalid(
        "{count} services are named “{said}”.",
        mend="Write the code: {codes}.",
        code="service-ambiguous",
        count=len(named),
        said=name,
        codes=", ".join(offer.code for offer in named[:5]),
    )


def _at_odds(found: Offer, name: str, named: Sequence[Offer]) -> Invalid | None:
    """A code of one service beside the very name of another: a row slipped, and nobody can say which is meant."""
    if not named or found in named:
        return None
    return Invalid(
        "The code “{code_}” is that of “{own}”, and the name “{said}” that of the code “{other}”.",
        mend="Correct the code or the name, so that both mean the same service.",
        code="code-and-name-differ",
        code_=found.code,
        own=found.name,
        said=name,
        other=named[0].code,
    )


def _other_code(code: str, found: Offer) -> Invalid:
    return Invalid(
        "There is no service with the code “{said}”; the row was matched by its exact name (code “{near}”).",
        mend="Write “{near}” to be sure.",
        code="matched-by-name",
        said=code,
        near=found.code,
    )
