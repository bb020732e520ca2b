"""The list of uploaded evidence. Nothing here commits, and nothing is ever changed: what proved something stays."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.evidence_tables import EvidenceRow
from adapters.database.records import FILED
from adapters.database.tables import EventRow, OnboardingRow
from adapters.evidence_files import Kept
from adapters.identifiers import new_id
from domain.model import Actor


async def add(
    session: AsyncSession, onboarding_id: str, kept: Kept, name: str, by: Actor, now: datetime
) -> EvidenceRow:
    """Notes a file that is on the disk already, in the list and in the onboarding's history."""
    row = EvidenceRow(
        id=new_id("evd"),
        onboarding_id=onboarding_id,
        name=name,
        media_type=kept.media_type,
        size=kept.size,
        sha256=kept.sha256,
        uploaded_at=now,
        uploaded_by=by.model_dump(mode="json"),
    )
    session.add(row)
    await session.flush()
    await _tell(session, row)
    return row


async def _tell(session: AsyncSession, row: EvidenceRow) -> None:
    """A line of the history beside the workflow's own: it moves no step, so the revision stays as it is."""
    revision = select(OnboardingRow.revision).where(OnboardingRow.id == row.onboarding_id).scalar_subquery()
    await session.execute(
        insert(EventRow).values(
            onboarding_id=row.onboarding_id,
            revision=revision,
            type=FILED,
            at=row.uploaded_at,
            step=None,
            actor=row.uploaded_by,
            on_behalf_of=None,
            data={"file": row.id, "name": row.name, "sha256": row.sha256},
            command_id=None,
        )
    )


async def one(session: AsyncSession, onboarding_id: str, evidence_id: str) -> EvidenceRow | None:
    """The file of that id, where it belongs to that onboarding."""
    row = await session.get(EvidenceRow, evidence_id)
    return row if row is not None and row.onboarding_id == onboarding_id else None


async def listed(
    session: AsyncSession, onboarding_id: str, *, limit: int, before: tuple[datetime, str] | None
) -> Sequence[EvidenceRow]:
    """Newest first, from before ``before`` = (uploaded_at, id)."""
    ask = select(EvidenceRow).where(EvidenceRow.onboarding_id == onboarding_id)
    if before is not None:
        ask = ask.where(tuple_(EvidenceRow.uploaded_at, EvidenceRow.id) < before)
    order = (EvidenceRow.uploaded_at.desc(), EvidenceRow.id.desc())
    return (await session.scalars(ask.order_by(*order).limit(limit))).all()
