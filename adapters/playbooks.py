"""Reads playbooks (R4, R4a) and, with them, the consent declarations that they name (R9)."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from adapters.declarations import Declarations as Declarations
from adapters.declarations import DeclarationText as DeclarationText
from adapters.playbook_file import MAX_BYTES as MAX_BYTES
from adapters.playbook_file import Located as Located
from adapters.playbook_file import PlaybookError as PlaybookError
from adapters.playbook_file import Source
from adapters.playbook_words import explained
from domain.errors import NotFound
from domain.playbook import Playbook, Problem, problems


class Playbooks:
    """The partners there are, sorted by name; immutable."""

    def __init__(self, playbooks: Iterable[Playbook], declarations: Declarations):
        self._by_slug = {one.slug: one for one in sorted(playbooks, key=lambda one: one.name.casefold())}
        self.declarations = declarations

    def __iter__(self) -> Iterator[Playbook]:
        return iter(self._by_slug.values())

    def __len__(self) -> int:
        return len(self._by_slug)

    def __contains__(self, slug: object) -> bool:
        return slug in self._by_slug

    def get(self, slug: str) -> Playbook:
        """Raises :class:`NotFound`, which names the slugs there are."""
        if slug in self._by_slug:
            return self._by_slug[slug]
        known = ", ".join(sorted(self._by_slug))
        raise NotFound("There is no partner “{slug}”.", mend="Use one of: {known}.", slug=slug, known=known)

    def counting(self, slug: str) -> tuple[str, ...]:
        """The declaration that facts are read against (R9); a partner whose playbook was taken away has none."""
        return self.declarations.counting(self._by_slug[slug]) if slug in self._by_slug else ("",)


def load_playbooks(folder: Path, templates: frozenset[str]) -> Playbooks:
    """Every ``*.yaml`` and ``*.yml`` there; raises one :class:`PlaybookError` for all of them together."""
    declarations = Declarations(folder / "declarations")
    sources: dict[str, Source] = {}
    playbooks: list[Playbook] = []
    found: list[Located] = []
    for path in sorted((*folder.glob("*.yaml"), *folder.glob("*.yml"))):
        try:
            source, playbook = _loaded(path, templates, declarations)
        except PlaybookError as error:
            found.extend(error.problems)
            continue
        if other := sources.get(playbook.slug):
            what = f"the slug “{playbook.slug}” is already that of {other.file}"
            found.append(source.located(("slug",), what, "give every partner a slug of its own"))
        sources.setdefault(playbook.slug, source)
        playbooks.append(playbook)
    if found:
        raise PlaybookError(found)
    if not playbooks:
        nothing = Located(str(folder), 1, 1, "", "no playbook is in this folder", "put one *.yaml there")
        raise PlaybookError([nothing])
    return Playbooks(playbooks, declarations)


def load_playbook(path: Path, templates: frozenset[str]) -> Playbook:
    """One partner's file, ``declarations/`` beside it; raises :class:`PlaybookError` with every mistake."""
    return _loaded(path, templates, Declarations(path.parent / "declarations"))[1]


def check_file(path: Path, templates: frozenset[str]) -> list[str]:
    """A line for each mistake in the file; none where it is right."""
    try:
        load_playbook(path, templates)
    except PlaybookError as error:
        return [str(problem) for problem in error.problems]
    return []


def _loaded(path: Path, templates: frozenset[str], declarations: Declarations) -> tuple[Source, Playbook]:
    source = Source(path)
    try:
        playbook = Playbook.model_validate(source.data)
    except ValidationError as error:
        found = [*source.wrong, *(source.located(*said) for said in explained(error, Playbook))]
        raise PlaybookError(found) from None
    across: Iterable[Problem] = problems(playbook, templates, declarations.known())
    found = [*source.wrong, *(source.located(one.path, one.problem, one.mend) for one in across)]
    try:
        declarations.versions(playbook)
    except NotFound as error:
        found.append(source.located(("declaration", "version"), error.detail, error.mend))
    if found:
        raise PlaybookError(found)
    return source, playbook
