"""Live connections, made by the store's own functions: what the bench of them stands on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import (
    catalogue,
    catalogue_channels,
    catalogue_services,
    connections,
    price_edits,
    records,
)
from adapters.database.catalogue_channels import Accepted
from adapters.database.facts import read_facts
from adapters.database.price_edits import By, Wanted
from adapters.database.session import Database
from adapters.identifiers import new_id
from adapters.playbooks import Playbooks
from domain import progress as engine
from domain.model import SYSTEM, OnboardingStatus, Person
from domain.playbook import Playbook
from domain.prices import Priced, Source
from domain.progress import Case, Change

_SERVICES = text(
    """
    INSERT INTO services (id, provider_id, code, name, duration_minutes, version)
    SELECT :provider || '-' || n, :provider, 'C' || n, 'Examination ' || n, 30, 1
    FROM generate_series(1, CAST(:count AS integer)) n
    """
)


@dataclass(frozen=True)
class Clinic:
    """A provider, its services, and its live connection with each partner."""

    database: Database
    id: str
    services: int
    connections: dict[str, str]

    @property
    def first(self) -> str:
        """The service whose duration is changed."""
        return f"{self.id}-1"

    async def change_duration(self, minutes: int) -> None:
        async with self.database.transaction() as session:
            await catalogue.lock(session, self.id)
            found = await catalogue_services.service(session, self.id, self.first)
            assert found is not None
            await catalogue_services.change_service(session, found, {"duration_minutes": minutes})

    async def change_prices(self, partner: str, amount: Decimal) -> None:
        """Every price on the channel, in one edit."""
        async with self.database.transaction() as session:
            await catalogue.lock(session, self.id)
            wanted = Wanted(_prices(self.id, self.services, amount), replace=True)
            await price_edits.save(session, self.id, {partner: wanted}, By(SYSTEM, Source.PUT))


async def clinic(database: Database, playbooks: Playbooks, slugs: Sequence[str], services: int) -> Clinic:
    """A clinic that just went live at each of the partners."""
    found: dict[str, str] = {}
    async with database.transaction() as session:
        made = await catalogue.create_provider(
            session, name="Clinica Armonia", email="contact@armonia.example", locale="ro",
            time_zone="Europe/Bucharest", country="RO", contacts=[],
        )  # fmt: skip
        await session.execute(_SERVICES, {"provider": made.id, "count": services})
        for slug in slugs:
            found[slug] = await _connected(session, playbooks.get(slug), made.id, services)
    return Clinic(database, made.id, services, found)


async def _connected(session: AsyncSession, playbook: Playbook, provider_id: str, services: int) -> str:
    here = (session, provider_id, playbook.slug)
    declared = playbook.declaration
    accepted = Accepted(document=declared.document, version=declared.version, language="ro", sha256="00")
    ana = Person(name="Dr. Ana Ionescu", role="Administrator")
    await catalogue_channels.enable(*here, True)
    await catalogue_channels.publish(*here, [f"{provider_id}-{n}" for n in range(1, services + 1)])
    await catalogue_channels.put_prices(*here, _prices(provider_id, services, Decimal(100)))
    await catalogue_channels.accept_consent(*here, accepted, ana, recorded_by=SYSTEM, address=None)
    return await _went_live(session, playbook, provider_id)


async def _went_live(session: AsyncSession, playbook: Playbook, provider_id: str) -> str:
    now = datetime.now(UTC)
    in_force = (playbook.declaration.document, playbook.declaration.version)
    facts = await read_facts(session, provider_id, playbook.slug, in_force, now)
    case = Case(onboarding_id=new_id("onb"), provider_id=provider_id, playbook=playbook)
    first = engine.begin(case, facts, now, SYSTEM).progress
    await records.open_onboarding(session, case, Change(progress=first))
    live = first.model_copy(update={"status": OnboardingStatus.LIVE, "revision": first.revision + 1})
    await records.write(await session.connection(), case.onboarding_id, live, ())
    found = await connections.live_on_channel(session, provider_id, playbook.slug)
    assert found is not None
    return found.id


def _prices(provider_id: str, services: int, amount: Decimal) -> list[Priced]:
    return [Priced(f"{provider_id}-{n}", amount, "RON") for n in range(1, services + 1)]
