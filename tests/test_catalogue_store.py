"""The catalogue in a real Postgres: what is kept, and what of it reaches the outbox."""

from decimal import Decimal

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import catalogue, catalogue_calendars, catalogue_channels, catalogue_services
from adapters.database.catalogue_channels import Accepted, Priced
from adapters.database.session import Database
from adapters.database.tables import (
    OUTBOX_CHANNEL,
    Calendar,
    Outbox,
    Price,
    Provider,
    PublishedService,
    Service,
)
from domain.model import SYSTEM, Person
from tests.stack import PATIENCE

CLINIC: dict[str, object] = {
    "name": "Clinica Test",
    "email": "office@clinic.example",
    "locale": "ro",
    "time_zone": "Europe/Bucharest",
    "country": "RO",
    "contacts": [],
}
HOURS = [{"day": "mon", "from": "09:00", "to": "17:00"}]
DECLARED = Accepted(document="declared", version="1", language="ro", sha256="00")
SOMEBODY = Person(name="Ioana", role="Administrator", email="ioana@clinic.example")


async def clinic(session: AsyncSession, services: int = 2) -> tuple[Provider, list[Service]]:
    """A provider whose channel to generali was touched once before."""
    provider = await catalogue.create_provider(session, **CLINIC)
    made = [
        await catalogue_services.create_service(
            session, provider.id, code=f"S{number}", name=f"Service {number}", duration_minutes=30
        )
        for number in range(services)
    ]
    await catalogue.touch(session, provider.id, ["generali"])
    return provider, made


async def outbox(session: AsyncSession) -> list[tuple[str, int]]:
    rows = await session.execute(select(Outbox.partner, Outbox.version).order_by(Outbox.id))
    return [(row.partner, row.version) for row in rows]


async def test_touching_a_channel_makes_it_bumps_its_version_and_fills_the_outbox(database: Database) -> None:
    async with database.transaction() as session:
        provider, _ = await clinic(session, 0)
        assert await catalogue.touch(session, provider.id, ["generali", "europ-assistance"]) == {
            "generali": 2,
            "europ-assistance": 1,
        }
        assert await catalogue.touch(session, provider.id) == {"generali": 3, "europ-assistance": 2}
        assert sorted(await outbox(session)) == [
            ("europ-assistance", 1),
            ("europ-assistance", 2),
            ("generali", 1),
            ("generali", 2),
            ("generali", 3),
        ]


async def test_a_channel_that_is_being_onboarded_counts_though_nobody_touched_it(database: Database) -> None:
    async with database.transaction() as session:
        provider, _ = await clinic(session, 0)
        for status, partner in (("in_progress", "europ-assistance"), ("cancelled", "global-assistance")):
            await session.execute(
                text(
                    "INSERT INTO onboardings"
                    " (id, provider_id, partner, status, revision, case_data, progress)"
                    " VALUES (:partner, :provider, :partner, :status, 1, '{}', '{}')"
                ),
                {"partner": partner, "provider": provider.id, "status": status},
            )
        assert await catalogue.touch(session, provider.id) == {"generali": 2, "europ-assistance": 1}


async def test_of_a_provider_only_what_moves_its_openings_touches_its_channels(database: Database) -> None:
    """R6: its public holidays, and its clock."""
    async with database.transaction() as session:
        provider, _ = await clinic(session, 0)
        await catalogue.change_provider(session, provider, {"name": "Clinica Nouă", "country": "RO"})
        assert await outbox(session) == [("generali", 1)]
        await catalogue.change_provider(session, provider, {"country": "IT"})
        await catalogue.change_provider(session, provider, {"time_zone": "Europe/Rome", "locale": "it"})
        assert await outbox(session) == [("generali", 1), ("generali", 2), ("generali", 3)]


async def test_a_change_and_its_nudge_are_rolled_back_together(database: Database) -> None:
    async with database.transaction() as session:
        await clinic(session)
        await session.rollback()
    async with database.transaction() as session:
        assert await outbox(session) == []
        assert (await session.scalars(select(Provider))).all() == []


async def test_listeners_are_notified_when_the_change_is_committed(
    database: Database, postgres_url: str
) -> None:
    async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as listener:
        await listener.execute(f"LISTEN {OUTBOX_CHANNEL}")
        async with database.transaction() as session:
            await clinic(session)
            assert [note async for note in listener.notifies(timeout=0.1)] == []
        notes = [note async for note in listener.notifies(timeout=PATIENCE, stop_after=1)]
    assert [note.channel for note in notes] == ["racord_outbox"]


async def test_what_changes_nothing_touches_nothing(database: Database) -> None:
    async with database.transaction() as session:
        provider, (one, two) = await clinic(session)
        await catalogue_calendars.put_calendar(session, provider.id, "cal_1", calendar([one.id]))
        await catalogue_channels.enable(session, provider.id, "generali", True)
        await catalogue_channels.publish(session, provider.id, "generali", [one.id, two.id])
        await catalogue_channels.put_prices(session, provider.id, "generali", [priced(one, "120.00")])
        await accept(session, provider.id)
        before = await outbox(session)
        assert not await catalogue_services.change_service(session, one, {"duration_minutes": 30})
        await catalogue_calendars.put_calendar(session, provider.id, "cal_1", calendar([one.id]))
        assert not await catalogue_channels.enable(session, provider.id, "generali", True)
        assert not await catalogue_channels.publish(
            session, provider.id, "generali", [two.id, one.id, one.id]
        )
        assert not await catalogue_channels.put_prices(session, provider.id, "generali", [priced(one, "120")])
        await accept(session, provider.id)
        assert await outbox(session) == before


async def test_disabling_a_channel_that_was_never_enabled_changes_nothing(database: Database) -> None:
    async with database.transaction() as session:
        provider, _ = await clinic(session, 0)
        assert not await catalogue_channels.enable(session, provider.id, "europ-assistance", False)
        assert await catalogue_channels.channel_version(session, provider.id, "europ-assistance") == 0


async def test_deleting_a_service_withdraws_it_everywhere_and_keeps_its_row(database: Database) -> None:
    """R17, R20."""
    async with database.transaction() as session:
        provider, (one, two) = await clinic(session)
        for partner in ("generali", "europ-assistance"):
            await catalogue_channels.publish(session, provider.id, partner, [one.id, two.id])
            await catalogue_channels.put_prices(
                session, provider.id, partner, [priced(one, "1"), priced(two, "2")]
            )
        await catalogue_calendars.put_calendar(session, provider.id, "cal_1", calendar([one.id, two.id]))
        await catalogue_services.delete_service(session, one)
    async with database.transaction() as session:
        assert set(await session.scalars(select(PublishedService.service_id))) == {two.id}
        assert set(await session.scalars(select(Price.service_id))) == {two.id}
        assert [c.service_ids for c in await session.scalars(select(Calendar))] == [[two.id]]
        kept = await session.get(Service, one.id)
        assert kept is not None
        assert kept.deleted_at is not None
        assert await catalogue_services.service(session, provider.id, one.id) is None
        assert len(await catalogue_services.list_services(session, provider.id, limit=9)) == 1


async def test_a_deleted_services_code_is_free_again_and_a_living_ones_is_not(database: Database) -> None:
    async with database.transaction() as session:
        provider, (one, _) = await clinic(session)
        await catalogue_services.delete_service(session, one)
        await catalogue_services.create_service(
            session, provider.id, code=one.code, name="Again", duration_minutes=5
        )
    with pytest.raises(IntegrityError):
        async with database.transaction() as session:
            await catalogue_services.create_service(
                session, provider.id, code=one.code, name="Twice", duration_minutes=5
            )


async def test_a_price_list_replaces_the_one_before(database: Database) -> None:
    """R8."""
    async with database.transaction() as session:
        provider, (one, two) = await clinic(session)
        await catalogue_channels.put_prices(session, provider.id, "generali", [priced(one, "120.50")])
        assert await catalogue_channels.put_prices(session, provider.id, "generali", [priced(two, "80")])
        assert await catalogue_channels.prices(session, provider.id, "generali") == [priced(two, "80.00")]
        assert await catalogue_channels.put_prices(session, provider.id, "generali", [])
        assert await catalogue_channels.prices(session, provider.id, "generali") == []


async def test_ids_that_are_no_living_service_of_the_provider_are_named(database: Database) -> None:
    async with database.transaction() as session:
        provider, (one, two) = await clinic(session)
        _, (foreign, _) = await clinic(session)
        await catalogue_services.delete_service(session, two)
        asked = [foreign.id, one.id, "srv_none", two.id, foreign.id]
        unknown = await catalogue_services.unknown_services(session, provider.id, asked)
        assert unknown == [foreign.id, "srv_none", two.id]


async def test_accepting_a_version_again_keeps_the_first_acceptance(database: Database) -> None:
    """R9."""
    async with database.transaction() as session:
        provider, _ = await clinic(session, 0)
        first = await accept(session, provider.id)
        again = await accept(session, provider.id)
        assert again is first
        newer = Accepted(document="declared", version="2", language="ro", sha256="11")
        assert await accept(session, provider.id, newer) is not first
        assert await catalogue_channels.consent(session, provider.id, "generali", "declared", "1") is first


def calendar(service_ids: list[str]) -> dict[str, object]:
    return {"physician": "Dr. Pop", "weekly_hours": HOURS, "exceptions": [], "service_ids": service_ids}


def priced(service: Service, amount: str) -> Priced:
    return Priced(service.id, Decimal(amount), "RON")


async def accept(session: AsyncSession, provider_id: str, what: Accepted = DECLARED) -> object:
    return await catalogue_channels.accept_consent(
        session, provider_id, "generali", what, SOMEBODY, recorded_by=SYSTEM, address=None
    )
