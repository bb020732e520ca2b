"""The history of the catalogue: every change, who made it, when, old and new, through which call or file.

Written in the very transaction of the change, so that there is neither a change without its line nor a line without its
change. Nothing here commits, and nothing here changes or deletes a line.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, insert, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.tables import CatalogueChangeRow, PriceChangeRow, PriceEditRow, Service
from adapters.identifiers import new_id
from domain.model import SYSTEM, Actor


class Kind(StrEnum):
    """What happened. Stable: readers and the explainer of R20 go by it."""

    PROVIDER_CREATED = "provider_created"
    PROVIDER_CHANGED = "provider_changed"
    SERVICE_CREATED = "service_created"
    SERVICE_CHANGED = "service_changed"
    SERVICE_DELETED = "service_deleted"
    CALENDAR_CREATED = "calendar_created"
    CALENDAR_CHANGED = "calendar_changed"
    CALENDAR_DELETED = "calendar_deleted"
    CHANNEL_ENABLED = "channel_enabled"
    CHANNEL_DISABLED = "channel_disabled"
    SERVICES_TICKED = "services_ticked"
    SERVICES_UNTICKED = "services_unticked"
    CONSENT_ACCEPTED = "consent_accepted"
    DECLARATION_IN_FORCE = "declaration_in_force"
    PRICES_CHANGED = "prices_changed"


# Of an edit of 20,000 prices so many are shown; the edit's own page has them all.
PRICES_SHOWN = 50
_PRICES = text(
    """
    SELECT line.* FROM unnest(CAST(:edits AS text[])) AS edit(id) CROSS JOIN LATERAL (
        SELECT * FROM price_changes
        WHERE edit_id = edit.id AND (CAST(:service AS text) IS NULL OR service_id = :service)
        ORDER BY service_id LIMIT :most
    ) line
    """
)

OF_THE_PROVIDER = (Kind.PROVIDER_CREATED, Kind.PROVIDER_CHANGED)


@dataclass(frozen=True)
class Author:
    """Who changes the catalogue, and through what: a call such as ``PUT /providers/{provider_id}``, or a file's name."""

    actor: Actor
    source: str


RACORD = Author(SYSTEM, "racord")


@dataclass(frozen=True)
class Changed:
    """One line of the history. ``service_ids`` are the services it concerns; of a price edit the first of ``total``."""

    id: str
    at: datetime
    provider_id: str
    partner: str | None
    service_ids: Sequence[str]
    kind: str
    old: dict[str, Any] | None
    new: dict[str, Any] | None
    author: dict[str, Any]
    source: str
    total: int


@dataclass(frozen=True)
class Chosen:
    """What of a provider's history is wanted; None means everything.

    A channel's history holds its own changes and those that concern all channels: of services and calendars.
    """

    partner: str | None = None
    service_id: str | None = None
    kind: str | None = None


async def write(
    session: AsyncSession,
    provider_id: str,
    kind: Kind,
    by: Author,
    *,
    partner: str | None = None,
    service_id: str | None = None,
    service_ids: Iterable[str] = (),
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
) -> None:
    """Writes one line. ``old`` and ``new`` are plain JSON; several services at once are one line."""
    ids = list(service_ids)
    if len(ids) == 1:
        service_id = ids[0]
    await session.execute(
        insert(CatalogueChangeRow).values(
            id=new_id("chg"),
            provider_id=provider_id,
            partner=partner,
            service_id=service_id,
            service_ids=ids if len(ids) > 1 else None,
            kind=kind.value,
            old=old,
            new=new,
            author=by.actor.model_dump(mode="json"),
            source=by.source,
        )
    )


async def listed(
    session: AsyncSession, provider_id: str, chosen: Chosen, *, limit: int, after: tuple[datetime, str] | None
) -> list[Changed]:
    """At most ``limit`` lines, newest first, from behind ``after`` = (at, id)."""
    found = await _catalogue(session, provider_id, chosen, limit, after)
    if chosen.kind in (None, Kind.PRICES_CHANGED):
        found += await _prices(session, provider_id, chosen, limit, after)
    return sorted(found, key=lambda line: (line.at, line.id), reverse=True)[:limit]


async def _catalogue(
    session: AsyncSession, provider_id: str, chosen: Chosen, limit: int, after: tuple[datetime, str] | None
) -> list[Changed]:
    row = CatalogueChangeRow
    ask = _page(select(row), row, provider_id, limit, after)
    if chosen.partner is not None:
        everywhere = row.partner.is_(None) & row.kind.not_in(OF_THE_PROVIDER)
        ask = ask.where(or_(row.partner == chosen.partner, everywhere))
    if chosen.service_id is not None:
        ask = ask.where(
            or_(row.service_id == chosen.service_id, row.service_ids.contains([chosen.service_id]))
        )
    if chosen.kind is not None:
        ask = ask.where(row.kind == chosen.kind)
    return [_changed(found) for found in await session.scalars(ask)]


async def _prices(
    session: AsyncSession, provider_id: str, chosen: Chosen, limit: int, after: tuple[datetime, str] | None
) -> list[Changed]:
    """Price edits keep their lines in tables of their own (R8, R16); here each is one line of the history."""
    row = PriceEditRow
    ask = _page(select(row), row, provider_id, limit, after)
    if chosen.partner is not None:
        ask = ask.where(row.partner == chosen.partner)
    if chosen.service_id is not None:
        of_it = select(PriceChangeRow.edit_id).where(PriceChangeRow.service_id == chosen.service_id)
        ask = ask.where(row.id.in_(of_it))
    edits = (await session.scalars(ask)).all()
    given = {"edits": [edit.id for edit in edits], "service": chosen.service_id, "most": PRICES_SHOWN}
    lines: dict[str, list[Any]] = {edit.id: [] for edit in edits}
    for line in await session.execute(_PRICES, given):
        lines[line.edit_id].append(line)
    return [_price_edit(edit, lines[edit.id], chosen.service_id) for edit in edits]


def _page(
    ask: Select[Any], row: Any, provider_id: str, limit: int, after: tuple[datetime, str] | None
) -> Select[Any]:
    ask = ask.where(row.provider_id == provider_id).order_by(row.at.desc(), row.id.desc()).limit(limit)
    return ask if after is None else ask.where(tuple_(row.at, row.id) < after)


def _changed(row: CatalogueChangeRow) -> Changed:
    ids = row.service_ids or ([row.service_id] if row.service_id else [])
    own = ("id", "at", "provider_id", "partner", "kind", "old", "new", "author", "source")
    return Changed(**{name: getattr(row, name) for name in own}, service_ids=ids, total=len(ids))


def _price_edit(edit: PriceEditRow, lines: Sequence[Any], service_id: str | None) -> Changed:
    def prices(when: str) -> dict[str, Any]:
        amounts = {
            line.service_id: (getattr(line, f"{when}_amount"), getattr(line, f"{when}_currency"))
            for line in lines
        }
        return {
            id: amount and {"amount": str(amount), "currency": money}
            for id, (amount, money) in amounts.items()
        }

    more = {name: value for name, value in (("edit", edit.id), ("undoes", edit.undoes)) if value}
    return Changed(
        id=edit.id,
        at=edit.at,
        provider_id=edit.provider_id,
        partner=edit.partner,
        service_ids=[line.service_id for line in lines],
        kind=Kind.PRICES_CHANGED,
        old={"prices": prices("old")},
        new={"prices": prices("new"), **more},
        author=edit.author,
        source=edit.file_name or f"prices: {edit.source}",
        total=1 if service_id else edit.changes,
    )


async def named(session: AsyncSession, service_ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Code and name of services by id, deleted ones included."""
    ask = select(Service.id, Service.code, Service.name).where(Service.id.in_(set(service_ids)))
    return {row.id: (row.code, row.name) for row in await session.execute(ask)}
