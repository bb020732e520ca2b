"""People on our side on a real Postgres: assignments with their history, retirements, substitutes, and all of it at once."""

import asyncio
import json
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import update

from adapters.database import assignments, people, records, substitutions
from adapters.database.people_tables import AccountManagerRow
from adapters.database.records import ASSIGNED
from adapters.database.session import Database
from adapters.database.tables import OnboardingRow
from domain.errors import Conflict, Invalid, NotFound, RacordError, TooLate
from tests.connections import go_live
from tests.people import ANA, away, begun, events, hired, seen
from tests.stack import PATIENCE

REASON = "She knows the clinic."


async def give(database: Database, onboarding_id: str, person_id: str | None) -> bool:
    async with database.transaction() as session:
        return await assignments.assign(session, onboarding_id, person_id, by=ANA, reason=REASON)


async def retire(database: Database, person_id: str, hand_over_to: str | None = None) -> None:
    async with database.transaction() as session:
        await assignments.retire(session, person_id, hand_over_to=hand_over_to, by=ANA, reason="She left.")


async def lead_of(database: Database, person_id: str) -> str | None:
    async with database.transaction() as session:
        return (await people.one(session, person_id)).lead_id


async def test_an_assignment_is_a_line_of_the_history_at_the_revision_there_is(database: Database) -> None:
    onboarding, eva, dan = await begun(database), await hired(database, "Eva"), await hired(database, "Dan")
    revision = (await seen(database, onboarding)).row.revision
    assert await give(database, onboarding, eva)
    assert not await give(database, onboarding, eva)
    assert await give(database, onboarding, dan)
    assert await give(database, onboarding, None)
    lines = await events(database, onboarding, ASSIGNED)
    named = {id: {"id": id, "name": name} for id, name in ((eva, "Eva"), (dan, "Dan"))}
    assert [(line.data["from"], line.data["to"]) for line in lines] == [
        (None, named[eva]),
        (named[eva], named[dan]),
        (named[dan], None),
    ]
    assert {(line.revision, line.data["reason"], line.actor["name"]) for line in lines} == {
        (revision, REASON, "Ana Pop")
    }
    found = await seen(database, onboarding)
    assert (found.row.revision, found.assignee, found.acting) == (revision, None, None)


async def test_the_open_pages_hear_of_an_assignment(database: Database, postgres_url: str) -> None:
    onboarding, eva = await begun(database), await hired(database, "Eva")
    async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as listener:
        await listener.execute(f"LISTEN {records.EVENTS_CHANNEL}")
        await give(database, onboarding, eva)
        news = await anext(listener.notifies(timeout=PATIENCE, stop_after=1))
    assert json.loads(news.payload)["onboarding"] == onboarding


async def test_a_live_onboarding_has_an_account_manager_and_a_cancelled_one_gets_none(
    database: Database,
) -> None:
    eva = await hired(database, "Eva")
    assert await give(database, (await go_live(database)).onboarding_id, eva)
    ended = await begun(database)
    async with database.transaction() as session:
        row = update(OnboardingRow).where(OnboardingRow.id == ended)
        await session.execute(row.values(status="cancelled"))
    with pytest.raises(TooLate, match="cancelled"):
        await give(database, ended, eva)
    with pytest.raises(NotFound):
        await give(database, "onb_unknown", eva)
    with pytest.raises(NotFound):
        await give(database, ended, "amg_unknown")


async def test_who_has_open_work_retires_only_by_handing_it_over(database: Database) -> None:
    first, second, live = await begun(database), await begun(database), await go_live(database)
    eva, dan, ion = [await hired(database, name) for name in ("Eva", "Dan", "Ion")]
    for onboarding in (first, second, live.onboarding_id):
        await give(database, onboarding, eva)
    today = datetime.now(UTC).date()
    async with database.transaction() as session:
        for_ion = await away(session, ion, eva, today + timedelta(days=3))
        await away(session, dan, eva, today + timedelta(days=3))
        past = await away(session, ion, eva, today - timedelta(days=9))
    with pytest.raises(Conflict) as refused:
        await retire(database, eva)
    assert refused.value.reason == "open-work"
    assert "(2)" in refused.value.detail
    assert (await seen(database, first)).row.assignee_id == eva
    with pytest.raises(Invalid):
        await retire(database, eva, eva)
    await retire(database, eva, dan)
    for onboarding in (first, second):
        assert (await seen(database, onboarding)).row.assignee_id == dan
        line = (await events(database, onboarding, ASSIGNED))[-1]
        assert (line.data["from"]["id"], line.data["to"]["id"]) == (eva, dan)
        assert line.data["reason"] == "She left."
    assert (await seen(database, live.onboarding_id)).row.assignee_id == eva
    async with database.transaction() as session:
        kept = await substitutions.listed(session, ion)
        standing = {one.substitute_id: one.first_day for one in kept if one.ended_at is None}
        assert standing == {dan: today + timedelta(days=3), eva: today - timedelta(days=9)}
        gone = {one.id for one in kept if one.ended_at is not None}
        (own,) = await substitutions.listed(session, dan)
        assert (gone, own.ended_reason, (own.ended_by or {})["name"]) == ({for_ion}, "She left.", "Ana Pop")
        assert past in {one.id for one in kept}
    with pytest.raises(Conflict, match="retired"):
        await give(database, first, eva)
    with pytest.raises(Conflict, match="retired"):
        await retire(database, eva)


async def test_whom_the_retired_led_is_led_by_their_lead(database: Database) -> None:
    marta = await hired(database, "Marta")
    eva = await hired(database, "Eva", marta)
    dan = await hired(database, "Dan", eva)
    await retire(database, eva)
    assert await lead_of(database, dan) == marta
    await retire(database, marta)
    assert await lead_of(database, dan) is None


async def test_days_of_substitutes_do_not_overlap(database: Database) -> None:
    eva, dan, ion = [await hired(database, name) for name in ("Eva", "Dan", "Ion")]
    async with database.transaction() as session:
        kept = await away(session, eva, dan, date(2026, 12, 21), date(2026, 12, 31))
        await away(session, eva, ion, date(2027, 1, 1))
        await away(session, ion, dan, date(2026, 12, 24))
    for first, last in (((12, 31), (12, 31)), ((12, 1), (12, 21)), ((12, 22), (12, 23)), ((12, 1), (12, 31))):
        with pytest.raises(Conflict) as refused:
            async with database.transaction() as session:
                await away(session, eva, ion, date(2026, *first), date(2026, *last))
        assert refused.value.reason == "substitution-overlaps"
        assert "2026-12-21" in refused.value.detail
    async with database.transaction() as session:
        assert await substitutions.end(session, eva, kept, reason="She is back.", by=ANA)
        assert not await substitutions.end(session, eva, "sub_unknown", reason="She is back.", by=ANA)
        await away(session, eva, ion, date(2026, 12, 22))


async def test_of_many_who_want_the_same_days_one_gets_them(database: Database) -> None:
    eva, dan = await hired(database, "Eva"), await hired(database, "Dan")

    async def ask() -> bool:
        try:
            async with database.transaction() as session:
                await away(session, eva, dan, date(2026, 12, 24), date(2026, 12, 26))
        except Conflict:
            return False
        return True

    assert sum(await asyncio.gather(*(ask() for _ in range(20)))) == 1


async def test_two_who_would_lead_each_other_at_the_same_moment_do_not(database: Database) -> None:
    eva, dan = await hired(database, "Eva"), await hired(database, "Dan")

    async def lead(person: str, by: str) -> bool:
        try:
            async with database.transaction() as session:
                await people.lock(session)
                await people.change(session, await people.working(session, person), {"lead_id": by})
        except Conflict as refused:
            assert refused.reason == "leads-in-circle"  # noqa: PT017 - one of both is in time
            return False
        return True

    assert sorted(await asyncio.gather(lead(eva, dan), lead(dan, eva))) == [False, True]


async def test_work_given_while_somebody_retires_is_never_left_with_them(database: Database) -> None:
    eva, dan = await hired(database, "Eva"), await hired(database, "Dan")
    given = [await begun(database) for _ in range(8)]

    async def assign(onboarding: str) -> None:
        try:
            await give(database, onboarding, eva)
        except RacordError as refused:
            assert refused.reason == "person-retired"  # noqa: PT017 - most are in time, some are not

    await asyncio.gather(
        *(assign(one) for one in given[:4]), retire(database, eva, dan), *map(assign, given[4:])
    )
    assert {(await seen(database, one)).row.assignee_id for one in given} <= {dan, None}


async def test_who_acts_for_an_onboarding_today_and_who_leads(database: Database) -> None:
    marta = await hired(database, "Marta")
    eva, dan = await hired(database, "Eva", marta), await hired(database, "Dan")
    onboarding, nobodys = await begun(database), await begun(database)
    await give(database, onboarding, eva)
    now = datetime.now(UTC)
    async with database.transaction() as session:
        await away(session, eva, dan, now.date(), now.date() + timedelta(days=1))
        acting, lead = (
            await people.acting_for(session, onboarding, now),
            await people.lead_of(session, onboarding, now),
        )
        assert acting is not None
        assert lead is not None
        assert (acting.id, lead.id) == (dan, marta)
        assert await people.acting_for(session, nobodys, now) is None
        assert await people.lead_of(session, nobodys, now) is None
    found = await seen(database, onboarding)
    assert (found.assignee and found.assignee.id, found.acting and found.acting.id) == (eva, dan)


async def test_an_address_belongs_to_one_person_until_they_retire(database: Database) -> None:
    eva = await hired(database, "Eva")
    async with database.transaction() as session:
        row = await session.get_one(AccountManagerRow, eva)
        with pytest.raises(Conflict) as refused:
            await people.create(
                session, name="Eva II", email=row.email.upper(), locale="en", time_zone="UTC", lead_id=None
            )
    assert refused.value.reason == "email-taken"
    await retire(database, eva)
    assert await hired(database, "Eva") != eva
