"""What a call that changes a live connection stands in: one transaction, the connection locked, the work done once."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Path, Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import connection_lists, connections
from adapters.database.connection_tables import ConnectionRow
from api import connection_view as view
from api.access import Policy, Principal, allow, not_found
from api.context import Context
from api.idempotency import Once
from api.schemas.catalogue import ID
from api.schemas.connections import ConnectionView
from domain.connection import ConnectionStatus
from domain.errors import N_, Conflict

ConnectionId = Annotated[str, Path(pattern=ID, examples=["con_3k9d0m2x7q4w8z1v5b6n"])]
Steerer = Annotated[Principal, Depends(allow(Policy.STEER_CONNECTION))]
STATUSES = {
    ConnectionStatus.ACTIVE: (N_("active"), N_("It works: nothing is to be resumed.")),
    ConnectionStatus.PAUSED: (N_("paused"), N_("Resume it first.")),
    ConnectionStatus.ENDING: (N_("ending"), N_("It cannot be brought back; start a new onboarding.")),
    ConnectionStatus.ENDED: (N_("ended"), N_("It cannot be brought back; start a new onboarding.")),
}


@dataclass(frozen=True)
class Steering:
    """Who asks, for which connection, under which Idempotency-Key."""

    connection_id: ConnectionId
    context: Context
    principal: Steerer
    once: Once

    async def carry(
        self, work: Callable[[AsyncSession, ConnectionRow], Awaitable[None]], *wanted: ConnectionStatus
    ) -> Response:
        """Does the work on the connection in one of the statuses ``wanted``; it, as it is then."""

        async def shown(session: AsyncSession, connection: ConnectionRow) -> ConnectionView:
            await work(session, connection)
            await session.flush()
            found = await connection_lists.one(session, connection.id, view.priced(self.context.playbooks))
            assert found is not None
            return view.whole(found, self.context.playbooks, self.principal, datetime.now(UTC))

        return await self.answer(shown, *wanted)

    async def answer(
        self, work: Callable[[AsyncSession, ConnectionRow], Awaitable[BaseModel]], *wanted: ConnectionStatus
    ) -> Response:
        """The same, with an answer of the work's own."""
        async with self.context.database.transaction() as session:

            async def done() -> BaseModel:
                return await work(session, await self._locked(session, *wanted))

            return await self.once.once(session, self.principal, done, status=200)

    async def _locked(self, session: AsyncSession, *wanted: ConnectionStatus) -> ConnectionRow:
        """The connection, ours to change; NotFound, or Conflict naming its status."""
        found = await connections.locked(session, self.connection_id)
        if found is None:
            raise not_found("connection", self.connection_id)
        self.principal.must_reach(found.provider_id, "connection", self.connection_id)
        if found.status not in wanted:
            name, mend = STATUSES[ConnectionStatus(found.status)]
            raise Conflict(
                "The connection is {status}: this cannot be done now.",
                mend=mend,
                code="connection-state",
                status=name,
            )
        return found


Steered = Annotated[Steering, Depends()]
