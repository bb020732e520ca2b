"""What people do about a live connection: pause it, resume it, send everything again, confirm its end."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import comparisons, connection_lists, connections, deliveries, farewells
from adapters.database.connection_tables import ConnectionRow
from api import connection_view as view
from api.access import Policy, Principal, allow, not_found
from api.context import AppContext, Context
from api.ending import may_be_confirmed
from api.evidence import must_be_proved, must_be_the_partners
from api.idempotency import Once
from api.routes.connections import ConnectionId
from api.schemas.connections import ConfirmEnd, ConnectionView, SendAll, TellAgain
from api.schemas.onboardings import Reason
from domain.connection import ConnectionEvent, ConnectionStatus
from domain.errors import N_, Conflict
from domain.messages import Compared

router = APIRouter(tags=["connections"])

Steerer = Annotated[Principal, Depends(allow(Policy.STEER_CONNECTION))]
HERE = "/connections/{connection_id}"
STATUSES = {
    ConnectionStatus.ACTIVE: (N_("active"), N_("It works: nothing is to be resumed.")),
    ConnectionStatus.PAUSED: (N_("paused"), N_("Resume it first.")),
    ConnectionStatus.ENDING: (N_("ending"), N_("It cannot be brought back; start a new onboarding.")),
    ConnectionStatus.ENDED: (N_("ended"), N_("It cannot be brought back; start a new onboarding.")),
}


async def lock_connection(
    session: AsyncSession, principal: Principal, connection_id: str, *wanted: ConnectionStatus
) -> ConnectionRow:
    """The connection in one of the statuses ``wanted``, ours to change; NotFound, or Conflict naming its status."""
    found = await connections.locked(session, connection_id)
    if found is None:
        raise not_found("connection", connection_id)
    principal.must_reach(found.provider_id, "connection", connection_id)
    if found.status not in wanted:
        name, mend = STATUSES[ConnectionStatus(found.status)]
        raise Conflict(
            "The connection is {status}: this cannot be done now.",
            mend=mend,
            code="connection-state",
            status=name,
        )
    return found


async def _shown(
    session: AsyncSession, context: AppContext, principal: Principal, connection_id: str
) -> ConnectionView:
    await session.flush()
    found = await connection_lists.one(session, connection_id, view.priced(context.playbooks))
    assert found is not None
    return view.whole(found, context.playbooks, principal, datetime.now(UTC))


async def _at_once(session: AsyncSession, connection_id: str) -> None:
    """What waits for its next try waits no longer: somebody wants it now."""
    if waiting := await deliveries.waiting(session, connection_id):
        waiting.next_try_at = None


@router.post(f"{HERE}/pause", response_model=ConnectionView)
async def pause(
    connection_id: ConnectionId, body: Reason, context: Context, principal: Steerer, once: Once
) -> Response:
    """Nothing more is sent, of changes and notices, until it is resumed. The end is sent all the same (R17)."""

    async def work() -> ConnectionView:
        found = await lock_connection(session, principal, connection_id, ConnectionStatus.ACTIVE)
        await connections.move(
            session,
            found,
            ConnectionStatus.PAUSED,
            ConnectionEvent.PAUSED,
            by=principal.actor,
            reason=body.reason,
        )
        return await _shown(session, context, principal, connection_id)

    async with context.database.transaction() as session:
        return await once.once(session, principal, work, status=200)


@router.post(f"{HERE}/resume", response_model=ConnectionView)
async def resume(
    connection_id: ConnectionId, body: Reason, context: Context, principal: Steerer, once: Once
) -> Response:
    """Goes on: what differs is sent at once."""

    async def work() -> ConnectionView:
        found = await lock_connection(session, principal, connection_id, ConnectionStatus.PAUSED)
        await _at_once(session, connection_id)
        await connections.move(
            session,
            found,
            ConnectionStatus.ACTIVE,
            ConnectionEvent.RESUMED,
            by=principal.actor,
            reason=body.reason,
        )
        return await _shown(session, context, principal, connection_id)

    async with context.database.transaction() as session:
        return await once.once(session, principal, work, status=200)


@router.post(f"{HERE}/send-all", response_model=ConnectionView)
async def send_all(
    connection_id: ConnectionId, body: SendAll, context: Context, principal: Steerer, once: Once
) -> Response:
    """Tells the partner's system everything again, what it rejected too."""

    async def work() -> ConnectionView:
        found = await lock_connection(session, principal, connection_id, ConnectionStatus.ACTIVE)
        found.send_all = True
        await _at_once(session, connection_id)
        said = {"reason": body.reason} if body.reason else {}
        await connections.tell(
            session, connection_id, ConnectionEvent.SEND_ALL, by=principal.actor, data=said
        )
        await connections.nudge(session, [connection_id])
        return await _shown(session, context, principal, connection_id)

    async with context.database.transaction() as session:
        return await once.once(session, principal, work, status=200)


@router.post(f"{HERE}/confirm-end", response_model=ConnectionView)
async def confirm_end(
    connection_id: ConnectionId, body: ConfirmEnd, context: Context, principal: Steerer, once: Once
) -> Response:
    """Closes an end on the partner's word, which is its proof then, where its system took or refused it, or is out of reach (R17)."""
    must_be_the_partners(body.on_behalf_of)

    async def work() -> ConnectionView:
        now = datetime.now(UTC)
        found = await lock_connection(session, principal, connection_id, ConnectionStatus.ENDING)
        if not may_be_confirmed(found, await deliveries.waiting(session, connection_id), now):
            raise Conflict(
                "The partner's system is still being told of the end.",
                mend="Wait until it took the end or refused it, or a day has passed: the connection's “actions” offer this then.",
                code="end-under-way",
            )
        said = body.model_dump(mode="json", exclude_none=True)
        await must_be_proved(session, found.onboarding_id, said)
        held = found.comparison or Compared(known=False).model_dump(mode="json")
        proof = {**held, "recorded_by": principal.actor.model_dump(mode="json"), **said}
        await comparisons.close(session, found, proof, now, principal.actor)
        return await _shown(session, context, principal, connection_id)

    async with context.database.transaction() as session:
        return await once.once(session, principal, work, status=200)


@router.post(f"{HERE}/tell-again", response_model=ConnectionView)
async def tell_again(
    connection_id: ConnectionId, body: TellAgain, context: Context, principal: Steerer, once: Once
) -> Response:
    """Tells the end to everybody who could not be told, at their addresses of now (R17)."""

    async def work() -> ConnectionView:
        found = await lock_connection(session, principal, connection_id, *ConnectionStatus)
        _must_be_so(await farewells.again(session, found, principal.actor, datetime.now(UTC)))
        return await _shown(session, context, principal, connection_id)

    async with context.database.transaction() as session:
        return await once.once(session, principal, work, status=200)


@router.post(f"{HERE}/told", response_model=ConnectionView)
async def told(
    connection_id: ConnectionId, body: Reason, context: Context, principal: Steerer, once: Once
) -> Response:
    """Records that whoever could not be told of the end knows it by another way, and by which (R17)."""

    async def work() -> ConnectionView:
        found = await lock_connection(session, principal, connection_id, *ConnectionStatus)
        _must_be_so(await farewells.told(session, found, body.reason, principal.actor, datetime.now(UTC)))
        return await _shown(session, context, principal, connection_id)

    async with context.database.transaction() as session:
        return await once.once(session, principal, work, status=200)


def _must_be_so(is_untold: bool) -> None:
    if not is_untold:
        raise Conflict(
            "There is nobody who could not be told of an end.",
            mend="Read the connection again: its “actions” say what can be done.",
            code="connection-state",
        )
