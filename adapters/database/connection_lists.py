"""Reading live connections: lists, one, its services, notices and history (R14–R17). Changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    exists,
    func,
    or_,
    select,
    text,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from adapters.database.connection_tables import (
    ConnectionEventRow,
    ConnectionRow,
    ConnectionServiceRow,
    DeliveryRow,
    NoticeRow,
    PartnerHealthRow,
)
from adapters.database.drift import drifting
from adapters.database.farewells import IS_UNTOLD
from adapters.database.notice_order import held_by
from adapters.database.tables import MailRow, Provider, Service
from domain.connection import DeliveryState, NoticeState

OPEN = tuple(state for state in NoticeState if state.is_open)


@dataclass(frozen=True)
class Filter:
    """What a list is narrowed to; None means everything. ``reach`` is the one provider that the reader may see."""

    partner: str | None = None
    status: str | None = None
    provider_id: str | None = None
    drift: bool | None = None
    q: str | None = None
    reach: str | None = None


@dataclass(frozen=True)
class Listed:
    """A connection with its counts, the delivery that waits, and how the partner's system does.

    Of its open notices, ``asked`` are with the partner, ``refused`` came back to us, the others wait to go out;
    ``untold`` are those who could not be told of its end.
    """

    row: ConnectionRow
    provider_name: str
    bookable: int
    acknowledged: int
    drifting: int
    rejected: int
    notices_open: int
    asked: int
    refused: int
    untold: int
    delivery: DeliveryRow | None
    health: PartnerHealthRow | None


def like(words: str) -> str:
    """A pattern that finds these very words anywhere."""
    escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


async def listed(
    session: AsyncSession,
    chosen: Filter,
    priced: Sequence[str],
    *,
    limit: int,
    after: tuple[datetime, str] | None = None,
) -> Sequence[Listed]:
    """At most ``limit``, those begun last first, from behind ``after`` = (started_at, id): one statement."""
    page = _chosen(select(ConnectionRow.id).join(Provider), chosen, priced)
    if after is not None:
        page = page.where(tuple_(ConnectionRow.started_at, ConnectionRow.id) < after)
    newest = (ConnectionRow.started_at.desc(), ConnectionRow.id.desc())
    ids = page.order_by(*newest).limit(limit).subquery("page")
    ask = _whole(priced).join(ids, ids.c.id == ConnectionRow.id).order_by(*newest)
    return [Listed(*row) for row in await session.execute(ask)]


async def one(session: AsyncSession, connection_id: str, priced: Sequence[str]) -> Listed | None:
    ask = _whole(priced).where(ConnectionRow.id == connection_id)
    row = (await session.execute(ask)).one_or_none()
    return Listed(*row) if row else None


def _chosen(ask: Select[str], chosen: Filter, priced: Sequence[str]) -> Select[str]:
    if chosen.partner:
        ask = ask.where(ConnectionRow.partner == chosen.partner)
    if chosen.status:
        ask = ask.where(ConnectionRow.status == chosen.status)
    for provider_id in (chosen.provider_id, chosen.reach):
        if provider_id:
            ask = ask.where(ConnectionRow.provider_id == provider_id)
    if chosen.drift is not None:
        drifts = exists().where(ConnectionServiceRow.connection_id == ConnectionRow.id, drifting(priced))
        drifts = drifts.correlate(ConnectionRow)
        ask = ask.where(drifts if chosen.drift else ~drifts)
    if chosen.q:
        ask = ask.where(or_(Provider.name.ilike(like(chosen.q)), ConnectionRow.id == chosen.q))
    return ask


def _whole(priced: Sequence[str]) -> Select[Any]:
    service, notice = ConnectionServiceRow, NoticeRow
    services = (
        select(
            func.count(service.content).label("bookable"),
            func.count(service.connection_id).filter(service.acknowledged != {}).label("acknowledged"),
            func.count(service.connection_id).filter(drifting(priced)).label("drifting"),
            func.count(service.rejection).label("rejected"),
        )
        .where(service.connection_id == ConnectionRow.id)
        .correlate(ConnectionRow)
        .lateral("counted_services")
    )
    refused = or_(notice.state == NoticeState.REJECTED, notice.trouble.is_not(None))
    notices = (
        select(
            func.count(notice.id).label("open"),
            func.count(notice.id).filter(notice.state == NoticeState.SENT).label("asked"),
            func.count(notice.id).filter(refused).label("refused"),
        )
        .where(notice.connection_id == ConnectionRow.id, notice.state.in_(OPEN))
        .correlate(ConnectionRow)
        .lateral("counted_notices")
    )
    untold = (
        select(func.count(MailRow.id))
        .where(MailRow.onboarding_id == ConnectionRow.onboarding_id, text(IS_UNTOLD))
        .correlate(ConnectionRow)
        .scalar_subquery()
    )
    waits = and_(DeliveryRow.connection_id == ConnectionRow.id, DeliveryRow.state == DeliveryState.WAITING)
    return (
        select(ConnectionRow, Provider.name, *services.c, *notices.c, untold, DeliveryRow, PartnerHealthRow)
        .join(Provider, Provider.id == ConnectionRow.provider_id)
        .join(services, true())
        .join(notices, true())
        .outerjoin(DeliveryRow, waits)
        .outerjoin(PartnerHealthRow, PartnerHealthRow.partner == ConnectionRow.partner)
        .options(defer(DeliveryRow.body))
    )


async def services(
    session: AsyncSession,
    connection_id: str,
    priced: Sequence[str],
    *,
    drift: bool | None = None,
    q: str | None = None,
    limit: int,
    after: tuple[str, str] | None = None,
) -> Sequence[tuple[ConnectionServiceRow, str, str]]:
    """Services that are or were bookable, or were refused, with code and name, from behind ``after`` = (code, id)."""
    row = ConnectionServiceRow
    wanted = _is_of_interest()
    if drift is not None:
        wanted = and_(wanted, drifting(priced, negated=not drift))
    # No join with the services: with statistics of before a bulk edit, one of 10,000 takes seconds.
    of_it = select(wanted).join_from(row, ConnectionRow, ConnectionRow.id == row.connection_id)
    of_it = of_it.where(row.connection_id == connection_id, row.service_id == Service.id).correlate(Service)
    provider = select(ConnectionRow.provider_id).where(ConnectionRow.id == connection_id)
    ask = select(Service.id, Service.code, Service.name).where(
        Service.provider_id == provider.scalar_subquery(), of_it.scalar_subquery()
    )
    if q:
        ask = ask.where(or_(Service.code.ilike(like(q)), Service.name.ilike(like(q)), Service.id == q))
    if after is not None:
        ask = ask.where(tuple_(Service.code, Service.id) > after)
    page = (await session.execute(ask.order_by(Service.code, Service.id).limit(limit))).all()
    rows = select(row).where(row.connection_id == connection_id, row.service_id.in_([one.id for one in page]))
    found = {one.service_id: one for one in await session.scalars(rows)}
    return [(found[one.id], one.code, one.name) for one in page]


def _is_of_interest() -> ColumnElement[bool]:
    row = ConnectionServiceRow
    said = (row.content, row.acknowledged, row.rejection, row.delivery_id, row.admitted_at)
    return or_(*(column.is_not(None) for column in said))


NOTICE_COLUMNS = tuple(
    getattr(NoticeRow, name)
    for name in (
        "id", "connection_id", "number", "kind", "edit_id", "state", "attempt", "created_at", "sent_at", "trouble",
        "settled_at", "settled_by", "reason",
    )
)  # fmt: skip


async def notices(
    session: AsyncSession, connection_id: str, *, limit: int, before: int | None
) -> Sequence[Row[Any, *tuple[Any, ...]]]:
    """At most ``limit`` notices, newest first, their lines only counted: one of them may have 20,000."""
    counted = func.jsonb_array_length(NoticeRow.lines).label("services")
    ask = select(*NOTICE_COLUMNS, counted, held_by().label("held_by"))
    ask = ask.where(NoticeRow.connection_id == connection_id)
    if before is not None:
        ask = ask.where(NoticeRow.number < before)
    return (await session.execute(ask.order_by(NoticeRow.number.desc()).limit(limit))).all()


async def events(
    session: AsyncSession, connection_id: str, *, limit: int, before: int | None
) -> Sequence[ConnectionEventRow]:
    """The history, newest first, from before the event with the id ``before``."""
    ask = select(ConnectionEventRow).where(ConnectionEventRow.connection_id == connection_id)
    if before is not None:
        ask = ask.where(ConnectionEventRow.id < before)
    return (await session.scalars(ask.order_by(ConnectionEventRow.id.desc()).limit(limit))).all()
