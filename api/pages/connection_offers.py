"""What can be done about a live connection, as forms: steer it, settle its open notices, end it (R14, R16, R17)."""

from dataclasses import dataclass

from sqlalchemy import select

from adapters.database.connection_tables import NoticeRow
from api.access import Policy, Principal
from api.context import AppContext
from api.pages.offers import Attempted, Offer, offer
from api.pages.reader import Reader
from api.remedies import remedy_address
from api.routes import connection_notices
from api.schemas.connections import ConnectionNotice, ConnectionView
from api.schemas.onboardings import ActionView
from domain.connection import ConnectionStatus, NoticeState
from domain.facts import Remedy

# A notice may have 20,000 lines: those beyond these are a page further.
MOST_OPEN = 5
END = "end"
OPEN = tuple(state for state in NoticeState if state.is_open)
_TAKES_THE_PERMISSION = {
    "type": "object",
    "properties": {"enabled": {"type": "boolean", "const": False}},
    "required": ["enabled"],
}


@dataclass(frozen=True)
class OpenNotice:
    """A notice that waits, with the forms that settle it."""

    notice: ConnectionNotice
    offers: tuple[Offer, ...]


async def open_notices(
    context: AppContext, principal: Principal, connection_id: str
) -> list[ConnectionNotice]:
    """The oldest of those that wait: they went out first."""
    ask = select(NoticeRow.id).where(NoticeRow.connection_id == connection_id, NoticeRow.state.in_(OPEN))
    async with context.database.transaction() as session:
        ids = list(await session.scalars(ask.order_by(NoticeRow.number).limit(MOST_OPEN)))
    return [await connection_notices.without_lines(connection_id, id, context, principal) for id in ids]


def of_notice(notice: ConnectionNotice, reader: Reader, attempted: Attempted | None) -> OpenNotice:
    offers = [offer(notice.id, "notice", action, reader, attempted) for action in notice.actions]
    return OpenNotice(notice, tuple(offers))


def steering(
    view: ConnectionView, principal: Principal, reader: Reader, attempted: Attempted | None
) -> list[Offer]:
    """Pause, resume, everything again, the partner's word for the end; and the end, which is looked at before it can be asked for."""
    offers = [offer("", "connection", action, reader, attempted) for action in view.actions]
    if action := end_of(view, principal):
        offers.append(offer("", "connection", action, reader, attempted, previews=True, looks_first=True))
    return offers


def end_of(view: ConnectionView, principal: Principal) -> ActionView | None:
    """Taking the channel's permission ends its connection (R17)."""
    if not ConnectionStatus(view.status).is_live or not principal.may(Policy.EDIT_CATALOGUE):
        return None
    method, href = remedy_address(Remedy.ENABLE_CHANNEL, view.provider.id, view.partner)
    return ActionView(
        name=END, method=method, href=href, body_schema=_TAKES_THE_PERMISSION, allowed_for=["us", "provider"]
    )


async def offered(
    context: AppContext, principal: Principal, view: ConnectionView, step: str, name: str
) -> ActionView | None:
    """The action of that name, of the connection itself or of the notice ``step``."""
    if name == END and not step:
        return end_of(view, principal)
    actions = view.actions
    if step:
        actions = (await connection_notices.without_lines(view.id, step, context, principal)).actions
    return next((action for action in actions if action.name == name), None)
