"""Why a channel is not bookable, as pages say it: the API's own reading, the same function, the reader's words and clock (R18–R20)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request

from adapters.database import readiness as store
from adapters.database.onboardings import Found
from adapters.i18n import format_when, say
from api.access import Principal
from api.context import AppContext
from api.pages.reader import Reader, reader_of
from api.routes.providers import read_provider
from api.routes.readiness import Teller
from api.schemas.readiness import ReasonView, RemedyView
from domain.errors import N_
from domain.facts import Remedy
from domain.readiness import Readiness, explain
from domain.reasons import Code, Reason
from domain.snapshot import Snapshot

START, SEE = N_("Start an onboarding"), N_("See the onboarding")
SEE_CONNECTION = N_("See the connection")
FORM_OF = {Code.SERVICE_NO_OPENING.value: Remedy.PUT_CALENDAR}


@dataclass(frozen=True)
class Mend:
    """What to do about a reason: a link to the form or page that does it. ``form`` names one on the channel's page."""

    label: str
    href: str
    form: Remedy | None = None


@dataclass(frozen=True)
class Line:
    """One reason. ``view`` is what the API says of it, ``text`` the same on the reader's clock."""

    view: ReasonView
    text: str
    mend: Mend | None


@dataclass(frozen=True)
class Why:
    """One channel as the explainer sees it, told to one reader."""

    snapshot: Snapshot
    found: Readiness
    provider_name: str
    href: str
    teller: Teller
    reader: Reader

    @property
    def run_id(self) -> str | None:
        return self.snapshot.run.id if self.snapshot.run else None

    @property
    def lines(self) -> list[Line]:
        """The channel's reasons, in the explainer's order."""
        return self.told(self.found.reasons)

    def told(self, reasons: Iterable[Reason]) -> list[Line]:
        return [self._line(reason) for reason in reasons]

    def _line(self, reason: Reason) -> Line:
        view = self.teller.told(reason)
        return Line(view, reason.said(self.reader.language, self._when), self._mend(view))

    def _when(self, at: datetime, language: str) -> str:
        return format_when(at, language, self.reader.zone)

    def _mend(self, view: ReasonView) -> Mend | None:
        if view.remedy is None:
            return None
        remedy = FORM_OF.get(view.code, view.remedy.name)
        if remedy in set(Remedy):
            form = Remedy(remedy)
            return Mend(self.reader.action(form), f"{self.href}#form-all-{form}", form)
        if view.remedy.name == "start":
            return Mend(say(self.reader.language, START), "/onboardings/new")
        if self.snapshot.link is not None and f"/connections/{self.snapshot.link.id}" in view.remedy.href:
            return self._resuming(view.remedy, self.snapshot.link.id)
        return self._steering(view, view.remedy)

    def _resuming(self, remedy: RemedyView, connection_id: str) -> Mend:
        """The form on the connection's page, else that page."""
        page = f"/connections/{connection_id}"
        if remedy.kind == "link":
            return Mend(say(self.reader.language, SEE_CONNECTION), page)
        return Mend(self.reader.action(remedy.name, "connection"), f"{page}#form-all-{remedy.name}")

    def _steering(self, view: ReasonView, remedy: RemedyView) -> Mend:
        """The form on the onboarding's page, else that page at the step."""
        page, step = f"/onboardings/{self.run_id}", view.step
        if remedy.kind == "link":
            return Mend(say(self.reader.language, SEE), f"{page}#step-{step}" if step else page)
        found = self.snapshot.playbook.step(step) if step else None
        kind = found.kind if found else ""
        return Mend(self.reader.action(remedy.name, kind), f"{page}#form-{step or 'all'}-{remedy.name}")


async def why(
    request: Request, context: AppContext, principal: Principal, provider_id: str, slug: str
) -> Why:
    """Raises :class:`NotFound` for a provider that this principal may not see, and for an unknown partner."""
    reader, playbook = reader_of(request), context.playbooks.get(slug)
    async with context.database.transaction() as session:
        await store.one_moment(session)
        provider = await read_provider(session, principal, provider_id)
        counting = context.declarations.counting(playbook)
        looked = await store.look(session, provider, playbook, counting, reader.now)
    return Why(
        snapshot=looked.snapshot,
        found=explain(looked.snapshot),
        provider_name=provider.name,
        href=f"/providers/{provider.id}/channels/{slug}/readiness",
        teller=Teller(
            provider,
            slug,
            principal,
            reader.language,
            looked.case,
            looked.snapshot.run,
            looked.snapshot.link,
        ),
        reader=reader,
    )


async def of_onboarding(
    request: Request, context: AppContext, principal: Principal, found: Found
) -> Why | None:
    """That of the onboarding's channel; None where its partner is not served any more."""
    if found.row.partner not in context.playbooks:
        return None
    return await why(request, context, principal, found.row.provider_id, found.row.partner)
