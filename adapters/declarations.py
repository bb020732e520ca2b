"""Consent declarations (R9): texts by document, version and language, and which version is in force when."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError

from adapters.playbook_file import Located, PlaybookError, Source, read_text
from adapters.playbook_words import explained
from domain.consent import DeclarationVersion, Standing, Versions
from domain.errors import NotFound
from domain.model import LANGUAGES, Frozen
from domain.playbook import Playbook

INDEX = "index.yaml"


class _Index(Frozen):
    """``<folder>/<document>/index.yaml``: the versions, oldest first."""

    versions: tuple[DeclarationVersion, ...] = Field(min_length=1)


@dataclass(frozen=True)
class DeclarationText:
    """A consent declaration as people read it; ``sha256`` is of the text's UTF-8 bytes."""

    document: str
    version: str
    language: str
    text: str
    sha256: str


class Declarations:
    """The texts ``<folder>/<document>/<version>.<language>.md``, read once: what is shown never changes.

    ``index.yaml`` beside them says from when each version holds. Without one, a playbook's version is in force.
    """

    def __init__(self, folder: Path):
        self._texts: dict[tuple[str, str], dict[str, DeclarationText]] = {}
        self._versions: dict[str, Versions] = {}
        for path in sorted(folder.glob("*/*.*.md")):
            version, _, language = path.name.removesuffix(".md").rpartition(".")
            if language in LANGUAGES:
                text = read_text(path)
                digest = hashlib.sha256(text.encode()).hexdigest()
                one = DeclarationText(path.parent.name, version, language, text, digest)
                self._texts.setdefault((one.document, version), {})[language] = one
        for path in sorted(folder.glob(f"*/{INDEX}")):
            self._versions[path.parent.name] = self._indexed(path)

    def known(self) -> Mapping[tuple[str, str], frozenset[str]]:
        """The languages of every (document, version)."""
        return {wanted: frozenset(texts) for wanted, texts in self._texts.items()}

    def text(self, document: str, version: str, *languages: str) -> DeclarationText:
        """The text in the first of these languages that it has, else in English; raises :class:`NotFound`."""
        texts = self._texts.get((document, version), {})
        for language in (*languages, "en"):
            if language in texts:
                return texts[language]
        raise NotFound(
            "There is no declaration “{document}” in version “{version}” in one of: {languages}.",
            mend="There are: {known}.",
            document=document,
            version=version,
            languages=", ".join((*languages, "en")),
            known=", ".join(f"{d}/{v} ({', '.join(t)})" for (d, v), t in self._texts.items()) or "none",
        )

    def versions(self, playbook: Playbook) -> Versions:
        """All versions of the playbook's document; raises :class:`NotFound` where its own is not among them."""
        document, pinned = playbook.declaration.document, playbook.declaration.version
        found = self._versions.get(document)
        if found is None:
            return Versions(document=document, versions=(DeclarationVersion(version=pinned),))
        if pinned not in [one.version for one in found.versions]:
            raise NotFound(
                "The version “{pinned}” is not in declarations/{document}/index.yaml.",
                mend="Add it there, or name in the playbook one of: {known}.",
                pinned=pinned,
                document=document,
                known=", ".join(one.version for one in found.versions),
            )
        return found

    def standing(self, playbook: Playbook, now: datetime | None = None) -> Standing:
        """The version in force now and those that count; a day begins at midnight where the partner is."""
        day = (now or datetime.now(UTC)).astimezone(ZoneInfo(playbook.time_zone)).date()
        return self.versions(playbook).on(day, playbook.declaration.version)

    def counting(self, playbook: Playbook, now: datetime | None = None) -> tuple[str, ...]:
        """The document, then the versions of it whose acceptance counts now: what facts are read against."""
        standing = self.standing(playbook, now)
        return (standing.document, *standing.counting)

    def next_change(self, playbook: Playbook, now: datetime) -> datetime | None:
        """When the next version comes into force: midnight where the partner is; None where none is to come."""
        coming = self.standing(playbook, now).coming
        if not coming:
            return None
        return datetime.combine(coming[0].valid_from, time(), ZoneInfo(playbook.time_zone)).astimezone(UTC)

    def in_force(self, playbook: Playbook, language: str, now: datetime | None = None) -> DeclarationText:
        """What a provider accepts (R9): in the language asked, else the playbook's first, else English."""
        standing = self.standing(playbook, now)
        return self.text(standing.document, standing.in_force.version, language, playbook.language)

    def _indexed(self, path: Path) -> Versions:
        """Raises :class:`PlaybookError` with every mistake in the index."""
        source = Source(path)
        try:
            index = _Index.model_validate(source.data)
        except ValidationError as error:
            found = [*source.wrong, *(source.located(*said) for said in explained(error, _Index))]
            raise PlaybookError(found) from None
        document = path.parent.name
        wrong = [*source.wrong, *self._mistakes(source, document, index.versions)]
        if wrong:
            raise PlaybookError(wrong)
        return Versions(document=document, versions=index.versions)

    def _mistakes(
        self, source: Source, document: str, versions: tuple[DeclarationVersion, ...]
    ) -> list[Located]:
        wrong: list[Located] = []

        def at(place: int, field: str, problem: str, mend: str) -> None:
            wrong.append(source.located(("versions", place, field), problem, mend))

        for place, one in enumerate(versions):
            if one.version in [before.version for before in versions[:place]]:
                at(place, "version", f"the version “{one.version}” is there twice", "keep one")
            if place and one.valid_from <= versions[place - 1].valid_from:
                at(place, "valid_from", "it holds no later than the version before", "put the oldest first")
            if place and one.changed is None:
                at(place, "changed", "nothing says what changed", "say it, for whoever is asked again")
            if (document, one.version) not in self._texts:
                text = f"{one.version}.en.md"
                at(place, "version", f"there is no text of “{one.version}”", f"write {text} beside this file")
        for name, version in self._texts:
            if name == document and version not in [one.version for one in versions]:
                what = f"the version “{version}” has texts but is not named here"
                wrong.append(source.located(("versions",), what, "add it with its valid_from"))
        return wrong
