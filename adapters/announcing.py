"""A version of a declaration comes into force on its day, without anybody calling: the channels hear of it (R9)."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import catalogue, changes
from adapters.database.changes import Author, Kind
from adapters.database.session import Database
from adapters.playbooks import Playbooks
from domain.consent import Standing
from domain.model import SYSTEM
from domain.playbook import Playbook

# Whoever accepted something else than this version and has not been told of it.
_CONCERNED = text(
    """
    SELECT DISTINCT provider_id FROM consents c
    WHERE partner = :partner AND (document, version) <> (:document, :version)
        AND (CAST(:only AS text) IS NULL OR provider_id = :only)
        AND NOT EXISTS (SELECT FROM consents own WHERE own.provider_id = c.provider_id
            AND own.partner = c.partner AND (own.document, own.version) = (:document, :version))
        AND NOT EXISTS (SELECT FROM catalogue_changes told WHERE told.provider_id = c.provider_id
            AND told.partner = c.partner AND told.kind = :kind
            AND (told.new ->> 'document', told.new ->> 'version') = (:document, :version))
    ORDER BY provider_id
    """
)


async def announce_declarations(
    database: Database, playbooks: Playbooks, now: datetime | None = None
) -> list[tuple[str, str]]:
    """Tells every channel that accepted an older version of the one now in force, once: a line of history and a nudge.

    Answers with the (provider, partner) told. Several processes may do it side by side: each channel is told in a
    transaction of its own, under its provider's lock. A channel that accepted nothing is being asked anyway.
    """
    told = []
    for playbook in playbooks:
        standing = playbooks.declarations.standing(playbook, now)
        async with database.transaction() as session:
            concerned = await _concerned(session, playbook, standing)
        for provider_id in concerned:
            async with database.transaction() as session:
                if await _told(session, playbook, standing, provider_id):
                    told.append((provider_id, playbook.slug))
    return told


async def _concerned(
    session: AsyncSession, playbook: Playbook, standing: Standing, only: str | None = None
) -> list[str]:
    asked = {
        "partner": playbook.slug,
        "document": standing.document,
        "version": standing.in_force.version,
        "kind": Kind.DECLARATION_IN_FORCE.value,
        "only": only,
    }
    return list((await session.scalars(_CONCERNED, asked)).all())


async def _told(session: AsyncSession, playbook: Playbook, standing: Standing, provider_id: str) -> bool:
    await catalogue.lock(session, provider_id)
    if not await _concerned(session, playbook, standing, provider_id):
        return False
    version = standing.in_force
    await changes.write(
        session,
        provider_id,
        Kind.DECLARATION_IN_FORCE,
        Author(SYSTEM, f"declarations/{standing.document}/index.yaml"),
        partner=playbook.slug,
        new={"document": standing.document, **version.model_dump(mode="json", exclude_none=True)},
    )
    await catalogue.touch(session, provider_id, [playbook.slug])
    return True
