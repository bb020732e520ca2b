"""The sample catalogue: realistic, loaded once, and a channel as far along as it is asked to be."""

from datetime import UTC, datetime

import pytest

from adapters import sample_data
from adapters.database import (
    catalogue,
    catalogue_calendars,
    catalogue_channels,
    catalogue_services,
    people,
    ticks,
)
from adapters.database.session import Database
from adapters.mail.render import TEMPLATES
from adapters.playbooks import Playbooks, load_playbooks
from adapters.settings import PACKAGED_PARTNERS


@pytest.fixture(scope="module")
def playbooks() -> Playbooks:
    return load_playbooks(PACKAGED_PARTNERS, TEMPLATES)


async def test_the_sample_is_a_clinic_with_its_examinations_and_loads_only_once(database: Database) -> None:
    ids = await sample_data.load(database)
    assert ids is not None
    assert await sample_data.load(database) is None
    async with database.transaction() as session:
        without = ticks.Filter(has_calendar=False)
        assert not await ticks.chosen(session, ids.provider_id, "generali", without, datetime.now(UTC))
        services = await catalogue_services.list_services(session, ids.provider_id, limit=100)
        assert len(services) >= 24
        calendars = await catalogue_calendars.list_calendars(session, ids.provider_id, limit=10)
        assert len(calendars) == 6
        assert len(await catalogue.list_providers(session, limit=10, after=None)) == 2


async def test_the_samples_two_account_managers_have_one_lead(database: Database) -> None:
    ids = await sample_data.load(database)
    assert ids is not None
    async with database.transaction() as session:
        led = [await people.one(session, id) for id in ids.account_manager_ids]
        team = await people.listed(session)
    assert len(led) == 2
    assert {row.lead_id for row in led} == {row.id for row in team} - set(ids.account_manager_ids)


async def test_the_samples_channel_goes_as_far_as_it_is_asked_to(
    database: Database, playbooks: Playbooks
) -> None:
    ids = await sample_data.load(database)
    assert ids is not None
    for _ in range(2):
        await sample_data.prepare_channel(
            database, playbooks, ids.provider_id, "generali", enabled=False, ticked=3, priced=2, consent=False
        )
    await sample_data.prepare_channel(database, playbooks, ids.provider_id, "europ-assistance")
    async with database.transaction() as session:
        first = await catalogue_channels.prices(session, ids.provider_id, "generali")
        assert [str(price.amount) for price in first] == ["288.00", "243.00"]
        assert len(await catalogue_channels.published(session, ids.provider_id, "generali")) == 3
        assert len(await catalogue_channels.prices(session, ids.provider_id, "europ-assistance")) == 30
        declaration = playbooks.get("europ-assistance").declaration
        accepted = await catalogue_channels.consent(
            session, ids.provider_id, "europ-assistance", declaration.document, declaration.version
        )
        assert accepted is not None
        assert accepted.language == "ro"
