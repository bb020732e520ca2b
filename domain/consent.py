"""Versions of a consent declaration: which is in force, which acceptances still count, why it is asked again (R9)."""

from collections.abc import Collection
from datetime import date

from pydantic import Field

from domain.model import Frozen, Line, LocalText, Text

ALWAYS = date.min


class DeclarationVersion(Frozen):
    """One version. A ``material`` one asks everybody again; any other leaves older acceptances as they are."""

    version: Line
    valid_from: date = ALWAYS
    material: bool = True
    changed: LocalText | None = Field(default=None, description="what is different from the version before")


class Standing(Frozen):
    """A declaration on one day: the version in force, and those whose acceptance counts (itself, and since when)."""

    document: str
    in_force: DeclarationVersion
    counting: tuple[str, ...]
    coming: tuple[DeclarationVersion, ...] = ()


class AskedAgain(Frozen):
    """Why somebody who accepted once is asked again: what they accepted, and the versions that came since."""

    reason: str = Field(pattern="^(material_version|other_document)$")
    accepted_document: str
    accepted_version: str
    versions: tuple[DeclarationVersion, ...] = ()


class Versions(Frozen):
    """The versions of one document, oldest first."""

    document: str
    versions: tuple[DeclarationVersion, ...] = Field(min_length=1)

    def on(self, day: date, pinned: str) -> Standing:
        """In force is the newest version whose day has come, and never one older than ``pinned``."""
        names = [one.version for one in self.versions]
        come = [place for place, one in enumerate(self.versions) if one.valid_from <= day]
        now = max([names.index(pinned), *come])
        first = max((place for place in range(now + 1) if self.versions[place].material), default=0)
        return Standing(
            document=self.document,
            in_force=self.versions[now],
            counting=tuple(names[first : now + 1]),
            coming=self.versions[now + 1 :],
        )

    def asked_again(self, standing: Standing, accepted: Collection[tuple[str, str]]) -> AskedAgain | None:
        """Why acceptances of these (document, version), newest first, do not count; None where one does or none is."""
        ours = [version for document, version in accepted if document == self.document]
        if not accepted or any(version in standing.counting for version in ours):
            return None
        names = [one.version for one in self.versions]
        known = [version for version in ours if version in names]
        if not known:
            document, version = next(iter(accepted))
            reason = "material_version" if ours else "other_document"
            return AskedAgain(reason=reason, accepted_document=document, accepted_version=version)
        newest = max(map(names.index, known))
        since = self.versions[newest + 1 : names.index(standing.in_force.version) + 1]
        return AskedAgain(
            reason="material_version",
            accepted_document=self.document,
            accepted_version=names[newest],
            versions=since,
        )


REASONS = {
    "material_version": Text(
        en="Version {accepted} was accepted. A newer version with material changes is in force: it has to be accepted anew.",
        ro="A fost acceptată versiunea {accepted}. O versiune mai nouă, cu modificări esențiale, este în vigoare și trebuie acceptată.",
        de="Angenommen wurde Version {accepted}. In Kraft ist eine neuere Version mit wesentlichen Änderungen: Sie ist neu anzunehmen.",
        it="È stata accettata la versione {accepted}. È in vigore una versione nuova con modifiche sostanziali: va accettata di nuovo.",
        hu="A(z) {accepted} verziót fogadták el. Lényeges módosításokkal újabb verzió lépett hatályba: újra el kell fogadni.",
    ),
    "other_document": Text(
        en="Version {accepted} of another declaration was accepted. This one is in force now: it has to be accepted.",
        ro="A fost acceptată versiunea {accepted} a altei declarații. Acum este în vigoare aceasta: trebuie acceptată.",
        de="Angenommen wurde Version {accepted} einer anderen Erklärung. Jetzt gilt diese: Sie ist anzunehmen.",
        it="È stata accettata la versione {accepted} di un'altra dichiarazione. Ora è in vigore questa: va accettata.",
        hu="Egy másik nyilatkozat {accepted} verzióját fogadták el. Most ez van hatályban: el kell fogadni.",
    ),
}
