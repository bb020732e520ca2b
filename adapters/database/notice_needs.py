"""Which notices a connection needs: new examinations (R14), and price edits one by one (R16).

Nothing here commits; the connection's row is locked by the caller.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import connections
from adapters.database.connection_tables import ConnectionRow, ConnectionServiceRow, NoticeRow
from adapters.database.notices import OPEN, described
from adapters.database.price_edits import changes
from adapters.database.tables import Price, PriceEditRow, Service
from adapters.identifiers import new_id
from domain.connection import ConnectionEvent, Line, NoticeKind, NoticeState
from domain.prices import Priced


async def admitted(session: AsyncSession, connection_id: str) -> set[str]:
    """Ids of the services that the partner has confirmed (R14)."""
    ask = select(ConnectionServiceRow.service_id).where(
        ConnectionServiceRow.connection_id == connection_id, ConnectionServiceRow.admitted_at.is_not(None)
    )
    return set(await session.scalars(ask))


async def asked_for(session: AsyncSession, connection_id: str) -> set[str]:
    """Ids of the services that the partner is being asked to take up."""
    return {line["service_id"] for row in await _open(session, connection_id) for line in row.lines} - {""}


async def _open(session: AsyncSession, connection_id: str) -> Sequence[NoticeRow]:
    ask = select(NoticeRow).where(
        NoticeRow.connection_id == connection_id,
        NoticeRow.kind == NoticeKind.NEW_SERVICES,
        NoticeRow.state.in_(OPEN),
    )
    return (await session.scalars(ask.order_by(NoticeRow.number))).all()


async def dismiss(session: AsyncSession, connection_id: str, service_ids: Iterable[str]) -> None:
    """These services are published no more: ticked again, they are new again (R14)."""
    await session.execute(
        update(ConnectionServiceRow)
        .where(
            ConnectionServiceRow.connection_id == connection_id,
            ConnectionServiceRow.service_id.in_(list(service_ids)),
        )
        .values(admitted_at=None)
    )


async def ask_for(
    session: AsyncSession, found: ConnectionRow, *, ticked: set[str], ready: set[str], now: datetime
) -> None:
    """Has an open notice for every service that is ``ready``: ticked, and only not confirmed by the partner (R14).

    What is no longer ``ticked`` is taken out of the notices that ask for it; one of which nothing is left is withdrawn.
    """
    known: set[str] = set()
    for row in await _open(session, found.id):
        kept = [line for line in row.lines if line["service_id"] in ticked]
        known.update(line["service_id"] for line in kept)
        if len(kept) == len(row.lines):
            continue
        if kept:
            row.lines = kept
        else:
            row.state, row.settled_at = NoticeState.WITHDRAWN, now
            await connections.tell(
                session, found.id, ConnectionEvent.NOTICE_WITHDRAWN, data=described(row), now=now
            )
    if new := ready - known:
        told = await lines(session, found, new)
        await _open_one(session, found, NoticeKind.NEW_SERVICES, told, now)


async def tell_edits(session: AsyncSession, found: ConnectionRow, now: datetime) -> None:
    """One notice for every price edit that was not looked at yet and touches what the partner has or is asked for (R16)."""
    known = await admitted(session, found.id) | await asked_for(session, found.id)
    edits = (
        select(PriceEditRow)
        .where(PriceEditRow.provider_id == found.provider_id, PriceEditRow.partner == found.partner)
        .where(PriceEditRow.number > found.edits_seen)
        .order_by(PriceEditRow.number)
    )
    for edit in (await session.scalars(edits)).all():
        found.edits_seen = edit.number
        touched = [one for one in await changes(session, edit.id) if one.service_id in known]
        minutes = await _minutes(session, [one.service_id for one in touched])
        told = [
            Line(
                service_id=one.service_id,
                code=one.code,
                name=one.name,
                duration_minutes=minutes[one.service_id],
                old=_money(one.old),
                new=_money(one.new),
            )
            for one in touched
        ]
        if told:
            await _open_one(session, found, NoticeKind.PRICES, told, now, edit_id=edit.id)


async def skip_edits(session: AsyncSession, found: ConnectionRow) -> None:
    """The partner takes recorded prices: edits need no notice."""
    newest = select(func.max(PriceEditRow.number)).where(
        PriceEditRow.provider_id == found.provider_id, PriceEditRow.partner == found.partner
    )
    found.edits_seen = await session.scalar(newest) or found.edits_seen


async def _open_one(
    session: AsyncSession,
    found: ConnectionRow,
    kind: NoticeKind,
    lines: list[Line],
    now: datetime,
    *,
    edit_id: str | None = None,
) -> None:
    newest = select(func.max(NoticeRow.number)).where(NoticeRow.connection_id == found.id)
    row = NoticeRow(
        id=new_id("ntc"),
        connection_id=found.id,
        number=(await session.scalar(newest) or 0) + 1,
        kind=kind.value,
        edit_id=edit_id,
        lines=[line.model_dump(mode="json") for line in lines],
        state=NoticeState.WAITING,
        attempt=1,
        created_at=now,
    )
    session.add(row)
    await session.flush()
    await connections.tell(session, found.id, ConnectionEvent.NOTICE_OPENED, data=described(row), now=now)


async def lines(session: AsyncSession, found: ConnectionRow, service_ids: Iterable[str]) -> list[Line]:
    """Those services as the catalogue has them now, by their codes; deleted ones are left out."""
    # No join: with statistics of before a bulk edit, one of 10,000 services takes seconds.
    wanted = list(service_ids)
    priced = select(Price).where(Price.provider_id == found.provider_id, Price.partner == found.partner)
    prices = {
        price.service_id: {"amount": str(price.amount), "currency": price.currency}
        for price in await session.scalars(priced.where(Price.service_id.in_(wanted)))
    }
    ask = select(Service).where(Service.id.in_(wanted), Service.deleted_at.is_(None))
    return [
        Line(
            service_id=service.id,
            code=service.code,
            name=service.name,
            duration_minutes=service.duration_minutes,
            new=prices.get(service.id),
        )
        for service in await session.scalars(ask.order_by(Service.code, Service.id))
    ]


async def _minutes(session: AsyncSession, service_ids: list[str]) -> dict[str, int]:
    ask = select(Service.id, Service.duration_minutes).where(Service.id.in_(service_ids))
    return {row.id: row.duration_minutes for row in await session.execute(ask)}


def _money(price: Priced | None) -> dict[str, str] | None:
    return {"amount": str(price.amount), "currency": price.currency} if price else None
