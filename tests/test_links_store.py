"""Links as rows: the same link while it lives, one use whatever the race, and reissue revokes."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from adapters.database import links
from adapters.database.links import LinkHolder
from adapters.database.session import Database
from adapters.database.tables import LinkRow, OnboardingRow, Provider
from domain.model import Party

NOW = datetime(2026, 3, 12, 8, 0, tzinfo=UTC)
VALID = timedelta(days=21)
HOLDER = LinkHolder(
    onboarding_id="onb_1",
    step="settings",
    attempt=1,
    party=Party.PARTNER,
    role="technical",
    name="Integration",
    email="integration@generali.example",
    language="ro",
)


@pytest.fixture(autouse=True)
async def _an_onboarding(database: Database) -> None:
    async with database.transaction() as session:
        session.add(
            Provider(
                id="prv_1",
                name="Clinica",
                email="c@c.example",
                locale="ro",
                time_zone="Europe/Bucharest",
                country="RO",
            )
        )
        await session.flush()
        for onboarding_id in ("onb_1", "onb_2"):
            session.add(
                OnboardingRow(
                    id=onboarding_id,
                    provider_id="prv_1",
                    partner=onboarding_id,
                    status="in_progress",
                    revision=1,
                    case={},
                    progress={},
                )
            )


async def issued(
    database: Database, holder: LinkHolder = HOLDER, *, now: datetime = NOW, fresh: bool = False
) -> str:
    async with database.transaction() as session:
        return (await links.issue(session, holder, now=now, valid=VALID, fresh=fresh)).id


async def stored(database: Database, link_id: str) -> LinkRow:
    async with database.transaction() as session:
        row = await links.find(session, link_id)
        assert row is not None
        return row


async def test_a_message_sent_again_has_the_same_link(database: Database) -> None:
    first = await issued(database)
    assert await issued(database, now=NOW + timedelta(days=3)) == first
    row = await stored(database, first)
    assert (row.expires_at, row.recipient_email, row.party) == (NOW + VALID, HOLDER.email, Party.PARTNER)


async def test_a_link_lives_a_week_longer_than_its_answer_may_take(database: Database) -> None:
    for due, ends in ((timedelta(days=25), timedelta(days=32)), (timedelta(days=2), VALID)):
        async with database.transaction() as session:
            row = await links.issue(session, HOLDER, now=NOW, valid=VALID, due_at=NOW + due, fresh=True)
            assert row.expires_at == NOW + ends


async def test_a_fresh_link_revokes_the_old_one_in_the_same_transaction(database: Database) -> None:
    first = await issued(database)
    with suppress(RuntimeError):
        async with database.transaction() as session:
            await links.issue(session, HOLDER, now=NOW, valid=VALID, fresh=True)
            raise RuntimeError("killed before the commit")
    assert links.is_usable(await stored(database, first), NOW)
    second = await issued(database, fresh=True)
    assert second != first
    assert not links.is_usable(await stored(database, first), NOW)
    assert links.is_usable(await stored(database, second), NOW)


@pytest.mark.parametrize(
    "change",
    [{"attempt": 2}, {"email": "other@generali.example"}, {"party": Party.PROVIDER}],
    ids=["another attempt", "another address", "another party"],
)
async def test_a_link_is_never_reused_for_something_else(
    database: Database, change: dict[str, object]
) -> None:
    first = await issued(database)
    second = await issued(database, HOLDER.model_copy(update=change))
    assert second != first
    assert not links.is_usable(await stored(database, first), NOW)


@pytest.mark.parametrize(
    "change", [{"role": "partnerships"}, {"step": "activation"}, {"onboarding_id": "onb_2"}]
)
async def test_other_peoples_links_stay_alive(database: Database, change: dict[str, object]) -> None:
    first = await issued(database)
    await issued(database, HOLDER.model_copy(update=change), fresh=True)
    assert links.is_usable(await stored(database, first), NOW)


async def test_forty_at_once_get_one_and_the_same_link(database: Database) -> None:
    assert len(set(await asyncio.gather(*(issued(database) for _ in range(40))))) == 1


async def test_of_forty_fresh_links_at_once_one_lives(database: Database) -> None:
    made = await asyncio.gather(*(issued(database, fresh=True) for _ in range(40)))
    assert len(set(made)) == 40
    async with database.transaction() as session:
        rows = (await session.scalars(select(LinkRow))).all()
    assert sum(links.is_usable(row, NOW) for row in rows) == 1


async def test_expiry_is_exact(database: Database) -> None:
    row = await stored(database, await issued(database))
    assert links.is_usable(row, NOW + VALID - timedelta(seconds=1))
    assert not links.is_usable(row, NOW + VALID)
    assert await issued(database, now=NOW + VALID) != row.id


async def test_of_forty_parallel_uses_one_wins(database: Database) -> None:
    link_id = await issued(database)

    async def use() -> bool:
        async with database.transaction() as session:
            return await links.use(session, link_id, NOW)

    assert sum(await asyncio.gather(*(use() for _ in range(40)))) == 1
    assert (await stored(database, link_id)).used_at == NOW


async def test_a_revoked_or_unknown_link_cannot_be_used(database: Database) -> None:
    link_id = await issued(database)
    async with database.transaction() as session:
        assert await links.revoke_all(session, "onb_1", NOW) == 1
        assert await links.revoke_all(session, "onb_1", NOW) == 0
        assert not await links.use(session, link_id, NOW)
        assert not await links.use(session, "lnk_unknown", NOW)
        assert await links.find(session, "lnk_unknown") is None


async def test_a_used_link_is_not_given_out_again(database: Database) -> None:
    first = await issued(database)
    async with database.transaction() as session:
        assert await links.use(session, first, NOW)
    assert await issued(database) != first
    assert (await stored(database, first)).revoked_at is None
