"""The explainer over HTTP: why a channel, or a service, is not bookable (R18–R20); and a service's openings (R6)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query

from adapters.database import catalogue_services
from adapters.database import readiness as store
from adapters.database.availability import calendars_of, free_days
from adapters.database.tables import Provider
from adapters.i18n import format_when
from api.access import Policy, Principal, Reader, not_found
from api.context import Context, Language
from api.paging import Cursor, Limit, cursor_of, read_cursor
from api.remedies import remedy_address
from api.routes.partners import Partner
from api.routes.providers import ProviderId, read_provider
from api.routes.services import ServiceIdPath
from api.schemas import catalogue
from api.schemas.readiness import (
    AvailabilityView,
    OpeningView,
    ReadinessView,
    ReasonView,
    RemedyView,
    ServiceReadinessPage,
    ServiceReadinessView,
)
from domain import progress as engine
from domain.availability import DAYS, Opening, next_openings, openings
from domain.facts import Remedy
from domain.model import Party
from domain.progress import Case
from domain.readiness import ServiceReadiness, explain
from domain.reasons import Code, Reason
from domain.service_reasons import is_mended_by_resuming
from domain.snapshot import Link, Run

router = APIRouter(tags=["readiness"])
BASE = "/api/v1"

Chosen = Annotated[catalogue.Language | None, Query(description="of the texts; your own where left out")]
ServiceAsked = Annotated[
    str | None, Query(pattern=catalogue.ID, description="only this service, a deleted one too")
]
Days = Annotated[int, Query(ge=1, le=366, description="to look ahead, from today at the provider's")]

_START = (
    Code.ONBOARDING_NOT_STARTED,
    Code.ONBOARDING_CANCELLED,
    Code.ONBOARDING_FAILED,
    Code.CONNECTION_ENDED,
)


def catalogue_call(remedy: Remedy, provider_id: str, slug: str) -> RemedyView:
    """The call of the catalogue that mends it: the same as in the onboarding's actions."""
    method, href = remedy_address(remedy, provider_id, slug)
    return RemedyView(name=remedy, kind="call", method=method, href=href)


@dataclass(frozen=True)
class Teller:
    """Tells reasons to one reader."""

    provider: Provider
    slug: str
    principal: Principal
    language: str
    case: Case | None
    run: Run | None
    link: Link | None

    def told(self, reason: Reason) -> ReasonView:
        return ReasonView(
            code=reason.code,
            severity=reason.severity.value,
            text=reason.said(self.language, self._when),
            party=reason.party.value,
            since=reason.since,
            by=reason.by,
            step=reason.step,
            services=reason.services,
            remedy=self._remedy(reason),
        )

    def service(self, one: ServiceReadiness) -> ServiceReadinessView:
        reasons = [self.told(reason) for reason in one.reasons]
        return ServiceReadinessView(
            id=one.id, code=one.code, name=one.name, bookable=one.bookable, reasons=reasons
        )

    def _when(self, at: datetime, language: str) -> str:
        return format_when(at, language, self.provider.time_zone)

    def _remedy(self, reason: Reason) -> RemedyView | None:
        if reason.remedy is not None:
            consent = reason.remedy is Remedy.ACCEPT_CONSENT
            wanted = Policy.ACCEPT_CONSENT if consent else Policy.EDIT_CATALOGUE
            call = catalogue_call(reason.remedy, self.provider.id, self.slug)
            return call if self.principal.may(wanted) else None
        if reason.code in _START:
            call = RemedyView(name="start", kind="call", method="POST", href=f"{BASE}/onboardings")
            return call if self.principal.may(Policy.START_ONBOARDING) else None
        if reason.code == Code.SERVICE_NO_OPENING:
            href = f"{BASE}/providers/{self.provider.id}/calendars"
            return RemedyView(name="calendars", kind="link", method="GET", href=href)
        if self.link is not None and is_mended_by_resuming(reason):
            return self._resuming(self.link.id)
        of_the_onboarding = reason.step is not None or reason.code == Code.ONBOARDING_ON_HOLD
        return self._steering(reason, self.run.id) if of_the_onboarding and self.run else None

    def _resuming(self, id: str) -> RemedyView:
        if self.principal.may(Policy.STEER_CONNECTION):
            href = f"{BASE}/connections/{id}/resume"
            return RemedyView(name="resume", kind="call", method="POST", href=href)
        return RemedyView(name="connection", kind="link", method="GET", href=f"/connections/{id}")

    def _steering(self, reason: Reason, id: str) -> RemedyView:
        """The action that moves the onboarding on, else its page."""
        href = f"{BASE}/onboardings/{id}"
        if reason.code == Code.ONBOARDING_ON_HOLD and self.principal.may(Policy.STEER_ONBOARDING):
            return RemedyView(name="resume", kind="call", method="POST", href=f"{href}/resume")
        names = self._actions(reason.step) if reason.step else []
        if names:
            name = "remind" if "remind" in names and reason.party is not Party.US else names[0]
            href = f"{href}/steps/{reason.step}/{name}"
            return RemedyView(name=name, kind="call", method="POST", href=href)
        return RemedyView(name="onboarding", kind="link", method="GET", href=f"/onboardings/{id}")

    def _actions(self, key: str) -> list[str]:
        """Names of what this reader can do about the step now."""
        if self.case is None or self.run is None or not self.principal.may(Policy.ACT_ON_STEP):
            return []
        offered = engine.actions(self.case, self.run.progress, key)
        mine = (one for one in offered if not one.by_link and self.principal.party in one.allowed_for)
        return [one.name for one in mine]


@router.get("/providers/{provider_id}/channels/{slug}/readiness")
async def readiness(
    provider_id: ProviderId,
    slug: Partner,
    context: Context,
    reader: Language,
    principal: Reader,
    language: Chosen = None,
    service_id: ServiceAsked = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ReadinessView:
    """Why the channel is not bookable, who must act and what to do; then the services, page by page.

    Answers at every time: before an onboarding, after its end, and about deleted services.
    """
    playbook, after = context.playbooks.get(slug), read_cursor(cursor, int, str, str)
    async with context.database.transaction() as session:
        await store.one_moment(session)
        provider = await read_provider(session, principal, provider_id)
        counting = context.declarations.counting(playbook)
        looked = await store.look(session, provider, playbook, counting, datetime.now(UTC))
    found, run = explain(looked.snapshot), looked.snapshot.run
    teller = Teller(provider, slug, principal, language or reader, looked.case, run, looked.snapshot.link)
    services = [one for one in found.services if service_id in (None, one.id)]
    if service_id is not None and not services:
        raise not_found("service", service_id)
    rest = [one for one in services if after is None or (one.rank, one.code, one.id) > after]
    last = rest[limit - 1] if len(rest) > limit else None
    return ReadinessView(
        provider_id=provider_id,
        partner=slug,
        partner_name=looked.snapshot.playbook.name,
        bookable=found.bookable,
        onboarding=run.id if run else None,
        status=found.status.value if found.status else None,
        language=teller.language,
        reasons=[teller.told(reason) for reason in found.reasons],
        services=ServiceReadinessPage(
            items=[teller.service(one) for one in rest[:limit]],
            next_cursor=cursor_of(last.rank, last.code, last.id) if last else None,
        ),
    )


@router.get("/providers/{provider_id}/services/{service_id}/availability")
async def availability(
    provider_id: ProviderId,
    service_id: ServiceIdPath,
    context: Context,
    principal: Reader,
    days: Days = DAYS,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> AvailabilityView:
    """The next openings that hold the service, from now on, in order."""
    now, after = datetime.now(UTC), read_cursor(cursor, datetime, str)
    async with context.database.transaction() as session:
        provider = await read_provider(session, principal, provider_id)
        service = await catalogue_services.service(session, provider_id, service_id)
        calendars = await calendars_of(session, provider_id, service_id)
    if service is None:
        raise not_found("service", service_id)
    today, duration = (
        now.astimezone(ZoneInfo(provider.time_zone)).date(),
        timedelta(minutes=service.duration_minutes),
    )
    free = free_days(provider.country, provider.time_zone, now)
    each = (openings(calendar, provider.time_zone, free, today, days) for calendar in calendars)
    ahead = next_openings(each, duration, now)
    rest = [one for one in ahead if after is None or (one.begins, one.calendar_id) > after]
    last = rest[limit - 1] if len(rest) > limit else None
    return AvailabilityView(
        service_id=service_id,
        duration_minutes=service.duration_minutes,
        days=days,
        time_zone=provider.time_zone,
        available=bool(ahead),
        items=[_opening(one, provider.time_zone, now) for one in rest[:limit]],
        next_cursor=cursor_of(last.begins, last.calendar_id) if last else None,
    )


def _opening(one: Opening, zone: str, now: datetime) -> OpeningView:
    """What is left of it; where it is found by is its beginning, which stays while pages are turned."""
    starts_at = max(one.begins, now)
    begins, ends = (at.astimezone(ZoneInfo(zone)) for at in (starts_at, one.ends))
    return OpeningView(
        date=one.date,
        start=f"{begins:%H:%M}",
        end="24:00" if ends.date() > one.date else f"{ends:%H:%M}",
        starts_at=starts_at,
        ends_at=one.ends,
        calendar_id=one.calendar_id,
        physician=one.physician,
    )
