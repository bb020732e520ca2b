"""The services (examinations) that a provider offers.

Nothing here commits; writers hold :func:`catalogue.lock`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import changes as history
from adapters.database.catalogue import change, touch
from adapters.database.changes import RACORD, Author, Kind
from adapters.database.connections import end_on_channel
from adapters.database.tables import Price, PublishedService, Service
from adapters.identifiers import new_id
from domain.connection import Cause

_FORGET_IN_CALENDARS = text(
    """
    UPDATE calendars SET service_ids = service_ids - CAST(:service AS text), version = version + 1
    WHERE provider_id = :provider AND service_ids ? :service
    RETURNING id
    """
)


async def service(session: AsyncSession, provider_id: str, service_id: str) -> Service | None:
    """A living service of that provider."""
    found = await session.get(Service, service_id)
    return found if found and found.provider_id == provider_id and found.deleted_at is None else None


async def service_with_code(session: AsyncSession, provider_id: str, code: str) -> Service | None:
    """The provider's living service with that code."""
    return (await session.scalars(_living(provider_id).where(Service.code == code))).one_or_none()


async def create_service(
    session: AsyncSession,
    provider_id: str,
    *,
    code: str,
    name: str,
    duration_minutes: int,
    by: Author = RACORD,
) -> Service:
    """A new service, ticked nowhere (R14); the caller has seen to it that the code is free."""
    made = Service(
        id=new_id("srv"),
        provider_id=provider_id,
        code=code,
        name=name,
        duration_minutes=duration_minutes,
        version=1,
    )
    session.add(made)
    await session.flush()
    await history.write(
        session, provider_id, Kind.SERVICE_CREATED, by, service_id=made.id, new=_described(made)
    )
    await touch(session, provider_id)
    return made


async def change_service(
    session: AsyncSession, found: Service, changes: Mapping[str, Any], *, by: Author = RACORD
) -> bool:
    """Whether anything changed; the caller has seen to it that a new code is free."""
    old = await change(session, found, changes)
    if old:
        new = {name: changes[name] for name in old}
        await history.write(
            session, found.provider_id, Kind.SERVICE_CHANGED, by, service_id=found.id, old=old, new=new
        )
        await touch(session, found.provider_id)
    return bool(old)


async def delete_service(session: AsyncSession, found: Service, *, by: Author = RACORD) -> None:
    """Takes the service out of every channel and calendar (R17); its row stays, to explain the past (R20).

    A live connection on whose channel it was the last one ends.
    The history keeps what it was, where it was ticked, at which prices, and in which calendars.
    """
    found.deleted_at = datetime.now(UTC)
    found.version += 1
    await session.flush()
    gone = delete(PublishedService).where(PublishedService.service_id == found.id)
    ticked = await session.scalars(gone.returning(PublishedService.partner))
    unpriced = delete(Price).where(Price.service_id == found.id)
    prices = await session.execute(unpriced.returning(Price.partner, Price.amount, Price.currency))
    here = {"provider": found.provider_id, "service": found.id}
    calendars = await session.scalars(_FORGET_IN_CALENDARS, here)
    old = {
        **_described(found),
        "ticked": sorted(ticked),
        "prices": {partner: {"amount": str(amount), "currency": money} for partner, amount, money in prices},
        "calendars": sorted(calendars),
    }
    await history.write(session, found.provider_id, Kind.SERVICE_DELETED, by, service_id=found.id, old=old)
    # Before looking for connections: one that begins meanwhile is found, or finds that nothing is left.
    await touch(session, found.provider_id)
    for partner in old["ticked"]:
        left = select(PublishedService.service_id).where(
            PublishedService.provider_id == found.provider_id, PublishedService.partner == partner
        )
        if (await session.scalars(left.limit(1))).first() is None:
            await end_on_channel(session, found.provider_id, partner, Cause.LAST_SERVICE_DELETED, by.actor)


async def list_services(
    session: AsyncSession, provider_id: str, *, limit: int, after: tuple[str, str] | None = None
) -> Sequence[Service]:
    """At most ``limit`` living services by code, from behind ``after`` = (code, id)."""
    ask = _living(provider_id).order_by(Service.code, Service.id).limit(limit)
    if after is not None:
        ask = ask.where(tuple_(Service.code, Service.id) > after)
    return (await session.scalars(ask)).all()


async def unknown_services(session: AsyncSession, provider_id: str, service_ids: Iterable[str]) -> list[str]:
    """Those of the ids that are no living service of this provider, in the order given."""
    wanted = list(dict.fromkeys(service_ids))
    ask = select(Service.id).where(Service.provider_id == provider_id, Service.deleted_at.is_(None))
    living = set((await session.scalars(ask)).all()) if wanted else set()
    return [id for id in wanted if id not in living]


def _described(found: Service) -> dict[str, Any]:
    return {"code": found.code, "name": found.name, "duration_minutes": found.duration_minutes}


def _living(provider_id: str) -> Any:
    return select(Service).where(Service.provider_id == provider_id, Service.deleted_at.is_(None))
