"""A live connection in the database, made by the store's own functions: what tests of what comes after activation stand on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import (
    catalogue,
    catalogue_calendars,
    catalogue_channels,
    catalogue_services,
    connections,
    notice_needs,
    price_edits,
    records,
    tested,
)
from adapters.database.catalogue_channels import Accepted
from adapters.database.connection_tables import ConnectionRow, NoticeRow
from adapters.database.facts import read_facts
from adapters.database.price_edits import By, Wanted
from adapters.database.session import Database
from adapters.database.tables import Service
from adapters.identifiers import new_id
from adapters.mail.render import TEMPLATES
from adapters.playbooks import load_playbook
from adapters.settings import PACKAGED_PARTNERS
from domain import progress as engine
from domain.model import SYSTEM, Actor, OnboardingStatus, Person, StepState
from domain.playbook import Playbook
from domain.prices import Priced, Source
from domain.progress import Case, Change
from domain.steps.base import StepRecord

NOW = datetime(2026, 3, 12, 8, 0, tzinfo=UTC)
IOANA = Actor(kind="session", id="ses_1", name="Ioana Mureșan", role="provider")
CLINIC = "office@clinic.example"


def packaged(slug: str) -> Playbook:
    """A playbook that comes with Racord."""
    return load_playbook(Path(PACKAGED_PARTNERS) / f"{slug.replace('-', '_')}.yaml", TEMPLATES)


@dataclass
class Live:
    """A provider that is live at one partner, with its services in the order of their codes."""

    database: Database
    playbook: Playbook
    provider_id: str
    onboarding_id: str
    connection_id: str
    service_ids: list[str]

    async def notice(self, notice_id: str) -> NoticeRow:
        async with self.database.transaction() as session:
            return await session.get_one(NoticeRow, notice_id)

    async def add_service(self, code: str, *, name: str | None = None, price: str = "80.00") -> str:
        """A service that is ticked and priced after the activation."""
        async with self.database.transaction() as session:
            here = (session, self.provider_id, self.playbook.slug)
            service_id = await _service(session, self.provider_id, code, name or f"Service {code}")
            await catalogue_channels.publish(*here, [*self.service_ids, service_id])
            await self._save(session, {service_id: price})
        self.service_ids.append(service_id)
        return service_id

    async def ask_for(self, *service_ids: str) -> str:
        """Opens the notice that asks the partner to take up new services (R14); its id."""
        async with self.database.transaction() as session:
            found = await self._locked(session)
            new = set(service_ids)
            await notice_needs.ask_for(session, found, ticked=new, ready=new, now=NOW)
            return await self._newest_notice(session)

    async def change_prices(self, prices: dict[str, str]) -> str:
        """Saves one edit of prices, and opens its notice (R16); its id."""
        async with self.database.transaction() as session:
            await self._save(session, prices)
            await notice_needs.tell_edits(session, await self._locked(session), NOW)
            return await self._newest_notice(session)

    async def change_prices_only(self, prices: dict[str, str]) -> None:
        """Saves one edit of prices; whoever looks next opens its notice."""
        async with self.database.transaction() as session:
            await self._save(session, prices)

    async def _save(self, session: AsyncSession, prices: dict[str, str]) -> None:
        wanted = Wanted([Priced(id, Decimal(price), "RON") for id, price in prices.items()])
        await price_edits.save(session, self.provider_id, {self.playbook.slug: wanted}, By(IOANA, Source.PUT))

    async def _locked(self, session: AsyncSession) -> ConnectionRow:
        found = await connections.locked(session, self.connection_id)
        assert found is not None
        return found

    async def _newest_notice(self, session: AsyncSession) -> str:
        ask = select(NoticeRow.id).where(NoticeRow.connection_id == self.connection_id)
        newest = await session.scalar(ask.order_by(NoticeRow.number.desc()).limit(1))
        assert newest is not None
        return newest


async def go_live(
    database: Database, slug: str = "global-assistance", *, services: int = 2, price: str = "100.00"
) -> Live:
    """A provider with so many services, ticked and priced, whose onboarding at the partner just went live."""
    playbook = packaged(slug)
    async with database.transaction() as session:
        provider = await catalogue.create_provider(session, **_clinic())
        ids = [
            await _service(session, provider.id, f"S{number:05}", f"Service {number}")
            for number in range(services)
        ]
        await catalogue_calendars.put_calendar(session, provider.id, "cal_1", _calendar(ids))
        return await live_on(session, database, playbook, provider.id, ids, price)


async def all_set(database: Database, playbook: Playbook) -> str:
    """A provider whose channel has all that an onboarding asks of its catalogue, before there is one; its id."""
    async with database.transaction() as session:
        provider = await catalogue.create_provider(session, **_clinic())
        ids = [await _service(session, provider.id, "S00000", "Service 0")]
        await catalogue_calendars.put_calendar(session, provider.id, "cal_1", _calendar(ids))
        await _all_set(session, playbook, provider.id, ids, "100.00")
        return provider.id


async def _all_set(
    session: AsyncSession, playbook: Playbook, provider_id: str, ids: list[str], price: str
) -> None:
    here = (session, provider_id, playbook.slug)
    await catalogue_channels.enable(*here, True)
    await catalogue_channels.publish(*here, ids)
    await catalogue_channels.put_prices(*here, [Priced(id, Decimal(price), "RON") for id in ids])
    await catalogue_channels.accept_consent(
        *here, _declared(playbook), Person(name="Ioana", role="Admin"), recorded_by=SYSTEM, address=None
    )


async def go_live_together(database: Database, slugs: Sequence[str], services: int) -> list[Live]:
    """One provider with many services, all of them live at several partners."""
    async with database.transaction() as session:
        provider = await catalogue.create_provider(session, **_clinic())
        made = [
            {"id": new_id("srv"), "provider_id": provider.id, "code": f"S{n:05}", "name": f"Service {n}"}
            for n in range(services)
        ]
        await session.execute(insert(Service), [{**one, "duration_minutes": 30} for one in made])
        ids = [one["id"] for one in made]
        await catalogue_calendars.put_calendar(session, provider.id, "cal_1", _calendar(ids))
        return [
            await live_on(session, database, packaged(slug), provider.id, ids, "100.00") for slug in slugs
        ]


async def live_on(
    session: AsyncSession,
    database: Database,
    playbook: Playbook,
    provider_id: str,
    ids: list[str],
    price: str,
) -> Live:
    """The provider goes live at that partner with these services; the session's transaction stays open."""
    here = (session, provider_id, playbook.slug)
    await _all_set(session, playbook, provider_id, ids, price)
    onboarding_id = await _live_onboarding(session, playbook, provider_id)
    found = await connections.live_on_channel(*here)
    assert found is not None
    return Live(database, playbook, provider_id, onboarding_id, found.id, ids)


async def go_live_again(live: Live) -> Live:
    """The same channel, enabled again and brought live anew after its connection ended: another connection."""
    async with live.database.transaction() as session:
        here = (session, live.provider_id, live.playbook.slug)
        await catalogue_channels.enable(*here, True)
        onboarding_id = await _live_onboarding(session, live.playbook, live.provider_id)
        found = await connections.live_on_channel(*here)
        assert found is not None
        ids = list(await catalogue_channels.published(*here))
    return Live(live.database, live.playbook, live.provider_id, onboarding_id, found.id, ids)


async def live_onboarding(live: Live) -> str:
    """A further onboarding of the channel goes live, whatever has become of the channel; its id."""
    async with live.database.transaction() as session:
        return await _live_onboarding(session, live.playbook, live.provider_id)


async def _live_onboarding(session: AsyncSession, playbook: Playbook, provider_id: str) -> str:
    """Opened, and then live: the connection begins with the facts that the joint test tested."""
    in_force = (playbook.declaration.document, playbook.declaration.version)
    facts = await read_facts(session, provider_id, playbook.slug, in_force, datetime.now(UTC))
    case = Case(onboarding_id=new_id("onb"), provider_id=provider_id, playbook=playbook, rules=engine.RULES)
    first = engine.begin(case, facts, NOW, SYSTEM).progress
    await records.open_onboarding(session, case, Change(progress=first))
    await tested.keep(session, provider_id, playbook.slug, facts.digest)
    done = {key: _done(record) for key, record in first.steps.items()}
    update = {"status": OnboardingStatus.LIVE, "revision": first.revision + 1, "steps": done}
    live = first.model_copy(update=update)
    await records.write(await session.connection(), case.onboarding_id, live, ())
    return case.onboarding_id


def _done(record: StepRecord) -> StepRecord:
    result = (
        {"evidence": {"document": "Contract 1", "date": "2026-01-05"}} if record.key == "contract" else {}
    )
    done = {"state": StepState.DONE, "was_done": True, "waiting_on": None, "result": result}
    return record.model_copy(update=done)


async def _service(session: AsyncSession, provider_id: str, code: str, name: str) -> str:
    made = await catalogue_services.create_service(
        session, provider_id, code=code, name=name, duration_minutes=30
    )
    return made.id


def _declared(playbook: Playbook) -> Accepted:
    declared = playbook.declaration
    return Accepted(document=declared.document, version=declared.version, language="ro", sha256="00")


def _calendar(service_ids: list[str]) -> dict[str, Any]:
    hours = [{"day": day, "from": "09:00", "to": "17:00"} for day in ("mon", "tue", "wed", "thu", "fri")]
    return {
        "physician": "Dr. Ana Ionescu",
        "weekly_hours": hours,
        "exceptions": [],
        "service_ids": service_ids,
    }


def _clinic() -> dict[str, Any]:
    return {
        "name": "Clinica Sfânta Maria",
        "email": CLINIC,
        "locale": "ro",
        "time_zone": "Europe/Bucharest",
        "country": "RO",
        "contacts": [],
    }
