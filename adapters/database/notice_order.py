"""In which order notices reach a partner, so that whoever types in what came last has our prices (R16).

A notice of prices overtakes none that still waits. What overtook one before it came back, as nobody knew yet that it
would, is told with it when it is sent again. Nothing here commits.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from adapters.database import notice_needs
from adapters.database.connection_tables import ConnectionRow, NoticeRow
from adapters.database.ledger import MailState
from adapters.database.tables import MailRow
from domain.connection import Line, LineNow, NoticeKind, NoticeState

_LATER = text(
    """
    SELECT DISTINCT ON (line ->> 'service_id')
        line ->> 'service_id' AS service_id, n.number, nullif(line -> 'new', 'null'::jsonb) AS price
    FROM notices n CROSS JOIN LATERAL jsonb_array_elements(n.lines) line
    WHERE n.connection_id = :connection AND n.number > :number AND n.state <> 'withdrawn'
        AND (n.sent_at IS NOT NULL OR n.state = 'acknowledged') AND line ->> 'service_id' = ANY(:services)
    ORDER BY line ->> 'service_id', n.number DESC
    """
)


def held_by() -> ColumnElement[int | None]:
    """The number of the notice that holds this one back: the first before it that did not get through; None for none."""
    earlier = aliased(NoticeRow)
    return (
        select(func.min(earlier.number))
        .where(
            earlier.connection_id == NoticeRow.connection_id,
            earlier.number < NoticeRow.number,
            _waits(earlier, with_trouble=True),
            _waits(NoticeRow, with_trouble=False),
            NoticeRow.kind == NoticeKind.PRICES,
        )
        .correlate(NoticeRow)
        .scalar_subquery()
    )


def _waits(notice: type[NoticeRow], *, with_trouble: bool) -> ColumnElement[bool]:
    trouble = notice.trouble.is_not(None) if with_trouble else notice.trouble.is_(None)
    return and_(notice.state == NoticeState.WAITING, trouble)


async def to_send(session: AsyncSession, connection_id: str) -> Sequence[str]:
    """Ids of the notices that may go out now, in order."""
    ask = select(NoticeRow.id).where(
        NoticeRow.connection_id == connection_id,
        _waits(NoticeRow, with_trouble=False),
        held_by().is_(None),
    )
    return (await session.scalars(ask.order_by(NoticeRow.number))).all()


async def holder(session: AsyncSession, notice_id: str) -> int | None:
    """The number of the notice that holds this one back, if any does."""
    found: int | None = await session.scalar(select(held_by()).where(NoticeRow.id == notice_id))
    return found


async def first_before(session: AsyncSession, row: NoticeRow) -> int | None:
    """The number of the first notice that a notice of prices would overtake, were it sent now; None for none."""
    if row.kind != NoticeKind.PRICES:
        return None
    ask = select(func.min(NoticeRow.number)).where(
        NoticeRow.connection_id == row.connection_id,
        NoticeRow.number < row.number,
        NoticeRow.state == NoticeState.WAITING,
    )
    found: int | None = await session.scalar(ask)
    return found


async def lines_now(session: AsyncSession, row: NoticeRow, *, is_priced: bool) -> tuple[LineNow, ...]:
    """The notice's lines as they hold now: code, name and duration are those of the catalogue (R15).

    With ``is_priced`` the partner takes recorded prices: new examinations have those of the catalogue, too. Else each
    has the price of the newest notice about its service that the partner was sent, or acknowledged (R16). What was deleted
    stays as it was.
    """
    services = [line["service_id"] for line in row.lines]
    given: dict[str, Any] = {"connection": row.connection_id, "number": row.number, "services": services}
    newest = {one.service_id: one for one in await session.execute(_LATER, given)}
    found = await session.get_one(ConnectionRow, row.connection_id)
    offered = {line.service_id: line for line in await notice_needs.lines(session, found, services)}
    has_prices_of_now = is_priced and row.kind == NoticeKind.NEW_SERVICES
    return tuple(
        _line_now(line, offered.get(line.service_id, line), newest.get(line.service_id), has_prices_of_now)
        for line in map(LineNow.model_validate, row.lines)
    )


def _line_now(line: LineNow, offered: Line, newer: Row[Any] | None, has_price_of_now: bool) -> LineNow:
    said = offered.model_dump(include={"code", "name", "duration_minutes"})
    if has_price_of_now:
        said["new"] = offered.new
    elif newer is not None and newer.price != line.new:
        said |= {"new": newer.price, "later": newer.number}
    return line.model_copy(update=said)


async def was_sent(session: AsyncSession, onboarding_id: str, row: NoticeRow, *, to_support: bool) -> bool:
    """Whether an earlier attempt may have reached this reader; one that was refused, or came back, did not."""
    is_copy = MailRow.order_key.endswith(":support")
    ask = select(MailRow.id).where(
        MailRow.onboarding_id == onboarding_id,
        MailRow.step == row.id,
        MailRow.attempt < row.attempt,
        is_copy if to_support else ~is_copy,
        MailRow.state.in_((MailState.SENT, MailState.UNKNOWN)),
    )
    return (await session.scalars(ask.limit(1))).first() is not None
