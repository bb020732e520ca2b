"""The read model's writing side: one revision, one truth, whatever was written in a turn that the workflow lost (0003)."""

from datetime import timedelta

from sqlalchemy import select

from adapters.database import assignments, links, onboardings, records
from adapters.database.links import LinkHolder
from adapters.database.session import Database
from adapters.database.tables import EventRow
from domain.model import Party
from domain.progress import Event, Progress
from tests.connections import NOW
from tests.people import ANA, begun, hired


async def history(database: Database, onboarding_id: str) -> list[tuple[int, str]]:
    ask = select(EventRow.revision, EventRow.type).where(EventRow.onboarding_id == onboarding_id)
    async with database.transaction() as session:
        return [(row.revision, row.type) for row in await session.execute(ask.order_by(EventRow.id))]


async def written(
    database: Database, onboarding_id: str, progress: Progress, what: str, link: str | None = None
) -> None:
    async with database.single.connect() as connection:
        await records.write(
            connection,
            onboarding_id,
            progress,
            [Event(type=what, at=NOW)],
            command_id=f"link-{link}" if link else None,
            used_link=link,
        )


async def test_what_a_lost_turn_wrote_is_written_over_by_the_turn_that_counts(database: Database) -> None:
    onboarding, ana = await begun(database), await hired(database, "Ana Pop")
    holder = LinkHolder(
        onboarding_id=onboarding,
        step="settings",
        attempt=1,
        party=Party.PARTNER,
        role="technical",
        name="Integration",
        email="integration@generali.example",
        language="ro",
    )
    async with database.transaction() as session:
        link = (await links.issue(session, holder, now=NOW, valid=timedelta(days=9))).id
        found = await onboardings.one(session, onboarding)
    assert found is not None
    confirmed = found.progress.model_copy(update={"revision": 2, "reason": "confirmed by link"})
    await written(database, onboarding, confirmed, "step.complete", link)
    async with database.transaction() as session:
        await assignments.assign(session, onboarding, ana, by=ANA, reason="Hers")
    before = await history(database, onboarding)

    counted = confirmed.model_copy(update={"reason": "a price was removed before"})
    for _ in range(2):
        await written(database, onboarding, counted, "step.stale")
    async with database.transaction() as session:
        now = await onboardings.one(session, onboarding)
        kept = await links.find(session, link)
    assert now is not None
    assert kept is not None
    assert now.progress == counted
    assert kept.used_at is None, "its answer does not count, so it may be given again"
    lost = (2, "step.complete")
    assert lost in before
    assert await history(database, onboarding) == [*(one for one in before if one != lost), (2, "step.stale")]

    await written(database, onboarding, confirmed.model_copy(update={"revision": 1}), "step.late")
    assert (await history(database, onboarding))[-1] == (2, "step.stale")
