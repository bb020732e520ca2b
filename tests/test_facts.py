"""What the steps look at: counts and digest of a channel, from a real Postgres (R5–R9)."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from activities.catalogue import CatalogueActivities
from adapters.database import catalogue, catalogue_calendars, catalogue_channels, catalogue_services
from adapters.database.catalogue_channels import Accepted, Priced
from adapters.database.facts import read_facts
from adapters.database.session import Database
from adapters.mail.render import TEMPLATES
from adapters.playbooks import load_playbooks
from adapters.settings import PACKAGED_PARTNERS
from domain.facts import FACTS, ChannelFacts, FactName
from domain.messages import ReadFacts
from domain.model import SYSTEM, Person
from tests.test_catalogue_store import HOURS, calendar, clinic

IN_FORCE = ("declared", "2")
MONDAY = datetime(2026, 3, 2, 6, tzinfo=UTC)
SOMEBODY = Person(name="Ioana", role="Administrator", email="ioana@clinic.example")


async def facts(
    session: AsyncSession, provider_id: str, partner: str = "generali", now: datetime = MONDAY
) -> ChannelFacts:
    return await read_facts(session, provider_id, partner, IN_FORCE, now)


async def accept(session: AsyncSession, provider_id: str, version: str) -> None:
    what = Accepted(document="declared", version=version, language="ro", sha256="00")
    await catalogue_channels.accept_consent(
        session, provider_id, "generali", what, SOMEBODY, recorded_by=SYSTEM, address=None
    )


async def test_an_untouched_channel_has_no_facts_but_the_providers_services(database: Database) -> None:
    async with database.transaction() as session:
        provider, _ = await clinic(session)
        found = await facts(session, provider.id, "europ-assistance")
        assert found == ChannelFacts(services=2, digest=found.digest)
        assert len(found.digest) == 64
        assert not any(fact.holds(found) for fact in FACTS.values())
        assert (await facts(session, "prv_nobody")).services == 0


async def test_everything_is_counted_once(database: Database) -> None:
    async with database.transaction() as session:
        provider, (one, two, three) = await clinic(session, 3)
        _, (foreign,) = await clinic(session, 1)
        here = (session, provider.id, "generali")
        await catalogue_channels.enable(*here, True)
        await catalogue_channels.publish(*here, [one.id, two.id])
        await catalogue_channels.put_prices(
            *here, [Priced(one.id, Decimal(120), "RON"), Priced(three.id, Decimal(90), "RON")]
        )
        for id in ("cal_1", "cal_2"):
            await catalogue_calendars.put_calendar(session, provider.id, id, calendar([one.id, foreign.id]))
        found = await facts(session, provider.id)
        assert found.model_dump(exclude={"version", "digest"}) == {
            "enabled": True,
            "services": 3,
            "published": 2,
            "priced": 2,
            "published_without_price": 1,
            "calendars": 2,
            "published_without_calendar": 1,
            "consent": None,
        }
        assert found.version == await catalogue_channels.channel_version(*here)


async def test_a_calendar_that_never_opens_counts_and_covers_nothing(database: Database) -> None:
    """R6."""
    async with database.transaction() as session:
        provider, (one,) = await clinic(session, 1)
        await catalogue_channels.publish(session, provider.id, "generali", [one.id])
        idle = {**calendar([one.id]), "weekly_hours": []}
        await catalogue_calendars.put_calendar(session, provider.id, "cal_1", idle)
        found = await facts(session, provider.id)
        assert (found.calendars, found.published_without_calendar) == (0, 1)
        await catalogue_calendars.put_calendar(session, provider.id, "cal_1", {**idle, "weekly_hours": HOURS})
        assert FACTS[FactName.CALENDARS_SET].holds(await facts(session, provider.id))


SATURDAY = {"date": "2026-03-14", "from": "09:00", "to": "10:00"}
ONLY_SATURDAY: dict[str, Any] = {"weekly_hours": [], "exceptions": [SATURDAY]}
CLOSED = [{"date": f"2026-03-{day:02}", "closed": True} for day in (2, 9, 16, 23, 30)]


@pytest.mark.parametrize(
    ("hours", "minutes", "ok"),
    [
        (ONLY_SATURDAY, 60, True),
        (ONLY_SATURDAY, 61, False),
        ({"weekly_hours": HOURS}, 480, True),
        ({"weekly_hours": HOURS}, 481, False),
        ({"weekly_hours": HOURS, "exceptions": CLOSED}, 30, False),
    ],
)
async def test_a_service_is_covered_where_it_has_an_opening_long_enough(
    database: Database, hours: dict[str, Any], minutes: int, ok: bool
) -> None:
    """R6: open days count, closed days do not, and the opening must hold the whole examination."""
    async with database.transaction() as session:
        provider, (one,) = await clinic(session, 1)
        await catalogue_channels.publish(session, provider.id, "generali", [one.id])
        await catalogue_services.change_service(session, one, {"duration_minutes": minutes})
        await catalogue_calendars.put_calendar(session, provider.id, "cal", {**calendar([one.id]), **hours})
        assert FACTS[FactName.CALENDARS_SET].holds(await facts(session, provider.id)) is ok


async def test_days_that_pass_change_the_calendars_and_never_the_digest(database: Database) -> None:
    """R6, R12: what was tested together is not void because it is tomorrow."""
    async with database.transaction() as session:
        provider, (one,) = await clinic(session, 1)
        await catalogue_channels.publish(session, provider.id, "generali", [one.id])
        content = {**calendar([one.id]), **ONLY_SATURDAY}
        await catalogue_calendars.put_calendar(session, provider.id, "cal", content)
        before = await facts(session, provider.id)
        after = await facts(session, provider.id, now=MONDAY + timedelta(days=14))
        assert (before.calendars, before.published_without_calendar) == (1, 0)
        assert (after.calendars, after.published_without_calendar) == (0, 1)
        lost = {"calendars": 0, "published_without_calendar": 1}
        assert after == before.model_copy(update=lost)


async def test_a_deleted_service_counts_nowhere(database: Database) -> None:
    """R17: also where a tick of it was left behind."""
    async with database.transaction() as session:
        provider, (one,) = await clinic(session, 1)
        await catalogue_channels.publish(session, provider.id, "generali", [one.id])
        await catalogue_channels.put_prices(
            session, provider.id, "generali", [Priced(one.id, Decimal(1), "RON")]
        )
        await session.execute(text("UPDATE services SET deleted_at = now()"))
        found = await facts(session, provider.id)
        assert (found.services, found.published, found.priced, found.published_without_price) == (0, 0, 0, 0)


async def test_consent_holds_only_in_the_version_in_force(database: Database) -> None:
    """R9."""
    async with database.transaction() as session:
        provider, _ = await clinic(session, 0)
        await accept(session, provider.id, "1")
        found = await facts(session, provider.id)
        assert found.consent is not None
        assert (found.consent.version, found.consent.in_force) == ("1", False)
        assert not FACTS[FactName.CONSENT_ACCEPTED].holds(found)
        await accept(session, provider.id, "2")
        await accept(session, provider.id, "3")
        found = await facts(session, provider.id)
        assert found.consent is not None
        assert (found.consent.version, found.consent.accepted_by, found.consent.in_force) == (
            "2",
            "Ioana",
            True,
        )


Change = Callable[[AsyncSession, str, list[str]], Awaitable[object]]


async def _enable(session: AsyncSession, provider_id: str, ids: list[str]) -> None:
    await catalogue_channels.enable(session, provider_id, "generali", True)


async def _tick(session: AsyncSession, provider_id: str, ids: list[str]) -> None:
    await catalogue_channels.publish(session, provider_id, "generali", ids)


async def _price(session: AsyncSession, provider_id: str, ids: list[str]) -> None:
    await catalogue_channels.put_prices(
        session, provider_id, "generali", [Priced(ids[0], Decimal("99.99"), "RON")]
    )


async def _longer(session: AsyncSession, provider_id: str, ids: list[str]) -> None:
    service = await catalogue_services.service(session, provider_id, ids[0])
    assert service is not None
    await catalogue_services.change_service(session, service, {"duration_minutes": 45})


@pytest.mark.parametrize("change", [_enable, _tick, _price, _longer])
async def test_the_digest_sees_each_thing_that_a_joint_test_tests(database: Database, change: Change) -> None:
    """R12."""
    async with database.transaction() as session:
        provider, services = await clinic(session, 2)
        ids = [one.id for one in services]
        await catalogue_channels.publish(session, provider.id, "generali", ids[:1])
        before = await facts(session, provider.id)
        await change(session, provider.id, ids)
        assert (await facts(session, provider.id)).digest != before.digest


async def test_the_digest_is_blind_to_what_no_test_sees(database: Database) -> None:
    async with database.transaction() as session:
        provider, services = await clinic(session, 2)
        ids = [one.id for one in services]
        await catalogue_channels.publish(session, provider.id, "generali", ids[:1])
        before = await facts(session, provider.id)
        await _longer(session, provider.id, ids[1:])
        await _price(session, provider.id, ids[1:])
        await catalogue_services.change_service(session, services[0], {"name": "Another name"})
        await catalogue_calendars.put_calendar(session, provider.id, "cal_1", calendar(ids))
        after = await facts(session, provider.id)
        assert after.version > before.version
        assert after.digest == before.digest


async def test_twenty_thousand_services_are_counted_fast(database: Database) -> None:
    """Also right after they came, when Postgres has no statistics yet: what is asked takes no joins."""
    async with database.transaction() as session:
        provider = (await clinic(session, 0))[0]
        many = {"provider": provider.id}
        for statement in (
            "INSERT INTO services (id, provider_id, code, name, duration_minutes, version)"
            " SELECT 'srv_' || n, :provider, 'C' || n, 'Name', 30, 1 FROM generate_series(1, 20000) n",
            "INSERT INTO published_services SELECT :provider, 'generali', id FROM services",
            "INSERT INTO prices SELECT :provider, 'generali', id, 120, 'RON' FROM services",
        ):
            await session.execute(text(statement), many if ":provider" in statement else {})
        found = await facts(session, provider.id)
        assert (found.published, found.priced) == (20_000, 20_000)


async def test_the_activity_reads_against_the_declaration_in_force(database: Database) -> None:
    playbooks = load_playbooks(PACKAGED_PARTNERS, TEMPLATES)
    declared = playbooks.get("generali").declaration
    async with database.transaction() as session:
        provider, _ = await clinic(session, 1)
        what = Accepted(declared.document, declared.version, "ro", "00")
        for partner in ("generali", "gone"):
            await catalogue_channels.accept_consent(
                session, provider.id, partner, what, SOMEBODY, recorded_by=SYSTEM, address=None
            )
    activities = CatalogueActivities(database, playbooks)
    found = await activities.read_facts(ReadFacts(provider_id=provider.id, partner="generali"))
    assert found.consent is not None
    assert found.consent.in_force
    gone = await activities.read_facts(ReadFacts(provider_id=provider.id, partner="gone"))
    assert gone.consent is not None
    assert not gone.consent.in_force


async def test_writers_of_one_provider_take_turns(database: Database) -> None:
    async with database.transaction() as session:
        provider, _ = await clinic(session, 0)
    async with database.transaction() as first, database.transaction() as second:
        assert await catalogue.lock(first, provider.id) is not None
        await second.execute(text("SET LOCAL lock_timeout = '100ms'"))
        with pytest.raises(Exception, match="lock timeout"):
            await catalogue.lock(second, provider.id)
        await second.rollback()
