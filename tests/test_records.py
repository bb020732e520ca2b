"""The read model's writing side: one revision, one truth, whatever was written in a turn that the workflow lost (0003)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from sqlalchemy import select
from structlog.testing import capture_logs

from adapters.database import assignments, evidence, links, onboardings, records
from adapters.database.links import LinkHolder
from adapters.database.session import Database
from adapters.database.tables import EventRow, LinkRow
from adapters.evidence_files import Kept
from domain.model import Party
from domain.progress import Event, Progress
from tests.connections import NOW
from tests.people import ANA, begun, hired

VALID = timedelta(days=9)


@dataclass
class Writer:
    """Writes one onboarding's progress, as the workflow does in one of its turns."""

    database: Database
    onboarding_id: str
    progress: Progress
    turn: int = 1

    async def write(self, revision: int, what: str, link: str | None = None, **data: Any) -> None:
        async with self.database.single.connect() as connection:
            await records.write(
                connection,
                self.onboarding_id,
                self.progress.model_copy(update={"revision": revision, "reason": what}),
                [Event(type=what, at=NOW, data=data)],
                command_id=f"link-{link}" if link else None,
                used_link=link,
                turn=self.turn,
            )

    async def seen(self) -> tuple[int, str | None]:
        async with self.database.transaction() as session:
            found = await onboardings.one(session, self.onboarding_id)
        assert found is not None
        return found.progress.revision, found.progress.reason

    async def history(self) -> list[tuple[int, str]]:
        ask = select(EventRow.revision, EventRow.type).where(EventRow.onboarding_id == self.onboarding_id)
        async with self.database.transaction() as session:
            lines = [(row.revision, row.type) for row in await session.execute(ask.order_by(EventRow.id))]
        return lines[lines.index((1, "step.waiting")) + 1 :]


@pytest.fixture
async def writer(database: Database) -> Writer:
    onboarding = await begun(database)
    async with database.transaction() as session:
        found = await onboardings.one(session, onboarding)
    assert found is not None
    return Writer(database, onboarding, found.progress)


async def linked(writer: Writer, now: datetime = NOW) -> str:
    """A link that waits for its answer; its id."""
    holder = LinkHolder(
        onboarding_id=writer.onboarding_id,
        step="settings",
        attempt=1,
        party=Party.PARTNER,
        role="technical",
        name="Integration",
        email="integration@generali.example",
        language="ro",
    )
    async with writer.database.transaction() as session:
        return (await links.issue(session, holder, now=now, valid=VALID, fresh=True)).id


async def link_row(writer: Writer, link: str) -> LinkRow:
    async with writer.database.transaction() as session:
        found = await links.find(session, link)
    assert found is not None
    return found


async def test_what_a_lost_turn_wrote_is_written_over_by_the_turn_that_counts(writer: Writer) -> None:
    link, ana = await linked(writer), await hired(writer.database, "Ana Pop")
    await writer.write(2, "step.complete", link)
    await writer.write(3, "mail.sent")
    async with writer.database.transaction() as session:
        await assignments.assign(session, writer.onboarding_id, ana, by=ANA, reason="Hers")
        kept = Kept(sha256="0" * 64, size=9, media_type="application/pdf")
        await evidence.add(session, writer.onboarding_id, kept, "Contract.pdf", ANA, NOW)
    assert (await link_row(writer, link)).used_at is not None

    writer.turn = 2
    not_the_workflows = [(3, "onboarding.assigned"), (3, "evidence.added")]
    for _ in range(2):
        await writer.write(2, "step.stale")
    assert await writer.seen() == (2, "step.stale")
    assert await writer.history() == [*not_the_workflows, (2, "step.stale")]
    assert (await link_row(writer, link)).used_at is None, "its answer does not count: it may be given again"

    await writer.write(3, "step.waiting")
    writer.turn = 1  # what the lost turn wrote comes even later
    for revision in (2, 3, 4):
        await writer.write(revision, "late")
    assert await writer.seen() == (3, "step.waiting")
    assert await writer.history() == [*not_the_workflows, (2, "step.stale"), (3, "step.waiting")]


async def test_a_write_of_the_same_turn_that_comes_late_takes_nothing_back(writer: Writer) -> None:
    await writer.write(2, "step.complete")
    await writer.write(3, "mail.sent")
    await writer.write(2, "step.complete")
    assert await writer.seen() == (3, "mail.sent")
    assert await writer.history() == [(2, "step.complete"), (3, "mail.sent")]


async def test_what_one_turn_says_stays_whole_where_it_says_otherwise_later(writer: Writer) -> None:
    await writer.write(2, "step.complete")
    await writer.write(3, "mail.sent")
    for revision in (2, 3):
        await writer.write(revision, "step.stale")
    assert await writer.seen() == (3, "mail.sent")
    assert await writer.history() == [(2, "step.complete"), (3, "mail.sent")]


async def test_a_write_that_counts_for_nothing_is_logged_and_a_repetition_is_not(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A logger that was used keeps the settings of that day, and an app that was made since has set others.
    monkeypatch.setattr(records, "log", structlog.get_logger())
    writer.turn = 2
    with capture_logs() as logged:
        for revision in (2, 3, 2, 3):
            await writer.write(revision, f"step.{revision}")
    assert not logged
    writer.turn = 1
    with capture_logs() as logged:
        await writer.write(4, "late")
    assert logged == [
        {
            "log_level": "warning",
            "event": "onboarding not written: what is there counts",
            "onboarding": writer.onboarding_id,
            "revision": 4,
            "turn": 1,
            "there_revision": 3,
            "there_turn": 2,
        }
    ]


async def test_a_hold_that_ends_in_a_lost_turn_lengthens_links_once(writer: Writer) -> None:
    link = await linked(writer)
    held = {"held_since": (NOW - timedelta(days=30)).isoformat()}
    await writer.write(2, "onboarding.resume", **held)
    assert (await link_row(writer, link)).expires_at == NOW + VALID + timedelta(days=30)
    writer.turn = 2
    await writer.write(2, "onboarding.resume", **held | {"reason": "Again"})
    assert (await link_row(writer, link)).expires_at == NOW + VALID + timedelta(days=30)
    writer.turn = 3
    await writer.write(2, "step.stale")
    assert (await link_row(writer, link)).expires_at == NOW + VALID


async def test_a_link_outlives_its_steps_due_date_wherever_that_moves_unless_it_is_over(
    writer: Writer,
) -> None:
    now = datetime.now(UTC)
    link = await linked(writer, now)

    async def ends(revision: int, due: timedelta) -> timedelta:
        record = writer.progress.steps["settings"].model_copy(
            update={"waiting_on": Party.PARTNER, "due_at": now + due}
        )
        writer.progress = writer.progress.model_copy(
            update={"steps": {**writer.progress.steps, "settings": record}}
        )
        await writer.write(revision, "step.due")
        return (await link_row(writer, link)).expires_at - now

    month = timedelta(days=30)
    assert await ends(2, timedelta(days=1)) == VALID
    assert await ends(3, month) == month + links.OUTLIVES_DUE
    assert await ends(4, timedelta(days=2)) == month + links.OUTLIVES_DUE, "no promise is taken back"
    link = await linked(writer, now - VALID)
    assert await ends(5, month) == timedelta(0), "nobody's dead link comes back to life"
