"""A link to a notice of a live connection: the partner confirms new examinations (R14), acknowledges prices (R16)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import connections, links, notice_order, notices
from adapters.database.connection_tables import ConnectionRow, NoticeRow
from adapters.database.onboardings import Found
from adapters.database.tables import LinkRow
from api.context import AppContext
from api.held_link import HeldLink, Refused, dead
from api.pages import notice_link as pages
from api.schemas.links import Acknowledge, Decline, LinkView, NoticeView
from domain.connection import ConnectionStatus, LineNow, NoticeKind, NoticeState
from domain.errors import NotFound
from domain.model import Actor, Party
from domain.steps.base import Action
from domain.validation import explain

SHOWN = 50
_YES = Action(name="complete", body=Acknowledge, allowed_for=(Party.PARTNER,), by_link=True)
_NO = Action(name="reject", body=Decline, allowed_for=(Party.PARTNER,), by_link=True)
# A price is changed, whatever the partner thinks of it; a new examination it may be unable to take up.
_ACTIONS = {NoticeKind.PRICES: (_YES,), NoticeKind.NEW_SERVICES: (_YES, _NO)}
_ANSWERABLE = (NoticeState.WAITING, NoticeState.SENT)


@dataclass(frozen=True)
class HeldNotice(HeldLink):
    row: LinkRow
    found: Found
    actions: tuple[Action, ...]
    notice: NoticeRow
    lines: tuple[LineNow, ...]

    def view(self) -> LinkView:
        said = self._said()
        return LinkView(
            provider=self.found.provider_name,
            partner=self.found.case.playbook.name,
            step=self.row.step,
            title=pages.title_of(said, self.row.language),
            recipient=self.row.recipient_name,
            expires_at=self.row.expires_at,
            actions=self.action_views(),
            notice=said,
        )

    def asking(self, request: Request, refused: Refused | None = None) -> HTMLResponse:
        return pages.asking(request, self.row, self.found, self._said(), self.actions, refused)

    def answered(self, request: Request, action: str, *, recorded: bool) -> HTMLResponse:
        return pages.answered(request, self.row, self.found, self._said(), action)

    async def carry_out(self, context: AppContext, name: str, body: dict[str, Any]) -> bool:
        """The link's one use and what it leads to, in one transaction; always recorded at once."""
        typed = self._validated(name, body)
        now = datetime.now(UTC)
        async with context.database.transaction() as session:
            notice = await _locked(session, self.notice)
            if notice is None or not await links.use(session, self.row.id, now):
                raise dead()
            if isinstance(typed, Decline):
                await notices.reject(session, notice, typed.reason, self.actor(body), now)
            else:
                await notices.acknowledge(session, notice, self.actor(body), now)
        return True

    def _validated(self, name: str, body: dict[str, Any]) -> Acknowledge:
        if not self.schema(name):
            raise NotFound(
                "The notice does not offer “{action}”.",
                mend="It offers: {names}.",
                action=name,
                names=", ".join(action.name for action in self.actions),
            )
        try:
            return (Decline if name == "reject" else Acknowledge).model_validate(body)
        except ValidationError as error:
            raise explain(error, what=f"{name} of notice {self.notice.number}") from error

    def _said(self) -> NoticeView:
        return NoticeView(
            number=self.notice.number,
            kind=NoticeKind(self.notice.kind),
            created_at=self.notice.created_at,
            services=len(self.lines),
            lines=list(self.lines[:SHOWN]),
        )


async def find(
    session: AsyncSession, row: LinkRow, found: Found, priced: Collection[str]
) -> HeldNotice | None:
    """The notice that the link is for; None where there is none, or nobody is asked any more.

    ``priced`` are the partners who take recorded prices (R16).
    """
    notice = await session.get(NoticeRow, row.step)
    connection = await session.get(ConnectionRow, notice.connection_id) if notice else None
    if notice is None or connection is None or not _is_asked(connection, notice):
        return None
    lines = await notice_order.lines_now(session, notice, is_priced=connection.partner in priced)
    return HeldNotice(row, found, _ACTIONS[NoticeKind(notice.kind)], notice, lines)


async def renew(session: AsyncSession, row: LinkRow, now: datetime) -> bool:
    """Whether the link is for a notice; one that was sent, or could not be, then goes out again with a fresh link."""
    notice = await session.get(NoticeRow, row.step)
    if notice is None:
        return False
    asked = await _locked(session, notice)
    if asked is not None and (asked.state == NoticeState.SENT or asked.trouble):
        by = Actor(kind="link", id=row.id, name=row.recipient_name, role=row.recipient_role)
        await notices.again(session, asked, by, now)
    return True


async def _locked(session: AsyncSession, notice: NoticeRow) -> NoticeRow | None:
    """The notice, ours to change behind its connection, where it is still asked."""
    connection = await connections.locked(session, notice.connection_id)
    locked = await notices.locked(session, notice.id)
    return locked if connection and locked and _is_asked(connection, locked) else None


def _is_asked(connection: ConnectionRow, notice: NoticeRow) -> bool:
    return ConnectionStatus(connection.status).is_live and notice.state in _ANSWERABLE
