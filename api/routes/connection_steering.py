"""What people do about a live connection: pause it, resume it, send everything again, confirm its end."""

from datetime import UTC, datetime

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import comparisons, connections, deliveries, farewells
from adapters.database.connection_tables import ConnectionRow
from api.ending import may_be_confirmed
from api.evidence import must_be_proved, must_be_the_partners
from api.schemas.connections import ConfirmEnd, ConnectionView, SendAll, TellAgain
from api.schemas.onboardings import Reason
from api.steered_connection import Steered
from domain.connection import ConnectionEvent, ConnectionStatus
from domain.errors import Conflict
from domain.messages import Compared

router = APIRouter(tags=["connections"])

HERE = "/connections/{connection_id}"


@router.post(f"{HERE}/pause", response_model=ConnectionView)
async def pause(body: Reason, steering: Steered) -> Response:
    """Nothing more is sent, of changes and notices, until it is resumed. The end is sent all the same (R17)."""
    by = steering.principal.actor

    async def work(session: AsyncSession, found: ConnectionRow) -> None:
        event = ConnectionEvent.PAUSED
        await connections.move(session, found, ConnectionStatus.PAUSED, event, by=by, reason=body.reason)

    return await steering.carry(work, ConnectionStatus.ACTIVE)


@router.post(f"{HERE}/resume", response_model=ConnectionView)
async def resume(body: Reason, steering: Steered) -> Response:
    """Goes on: what differs is sent at once."""
    by = steering.principal.actor

    async def work(session: AsyncSession, found: ConnectionRow) -> None:
        await _at_once(session, found.id)
        event = ConnectionEvent.RESUMED
        await connections.move(session, found, ConnectionStatus.ACTIVE, event, by=by, reason=body.reason)

    return await steering.carry(work, ConnectionStatus.PAUSED)


@router.post(f"{HERE}/send-all", response_model=ConnectionView)
async def send_all(body: SendAll, steering: Steered) -> Response:
    """Tells the partner's system everything again, what it rejected too."""
    by = steering.principal.actor
    said = {"reason": body.reason} if body.reason else {}

    async def work(session: AsyncSession, found: ConnectionRow) -> None:
        found.send_all = True
        await _at_once(session, found.id)
        await connections.tell(session, found.id, ConnectionEvent.SEND_ALL, by=by, data=said)
        await connections.nudge(session, [found.id])

    return await steering.carry(work, ConnectionStatus.ACTIVE)


@router.post(f"{HERE}/confirm-end", response_model=ConnectionView)
async def confirm_end(body: ConfirmEnd, steering: Steered) -> Response:
    """Closes an end on the partner's word, which is its proof then, where its system took or refused it, or is out of reach (R17)."""
    must_be_the_partners(body.on_behalf_of)
    by = steering.principal.actor
    said = body.model_dump(mode="json", exclude_none=True)

    async def work(session: AsyncSession, found: ConnectionRow) -> None:
        now = datetime.now(UTC)
        if not may_be_confirmed(found, await deliveries.waiting(session, found.id), now):
            raise Conflict(
                "The partner's system is still being told of the end.",
                mend="Wait until it took the end or refused it, or a day has passed: the connection's “actions” offer this then.",
                code="end-under-way",
            )
        await must_be_proved(session, found.onboarding_id, said)
        held = found.comparison or Compared(known=False).model_dump(mode="json")
        proof = {**held, "recorded_by": by.model_dump(mode="json"), **said}
        await comparisons.close(session, found, proof, now, by)

    return await steering.carry(work, ConnectionStatus.ENDING)


@router.post(f"{HERE}/tell-again", response_model=ConnectionView)
async def tell_again(body: TellAgain, steering: Steered) -> Response:
    """Tells the end to everybody who could not be told, at their addresses of now (R17)."""

    async def work(session: AsyncSession, found: ConnectionRow) -> None:
        _must_be_so(await farewells.again(session, found, steering.principal.actor, datetime.now(UTC)))

    return await steering.carry(work, *ConnectionStatus)


@router.post(f"{HERE}/told", response_model=ConnectionView)
async def told(body: Reason, steering: Steered) -> Response:
    """Records that whoever could not be told of the end knows it by another way, and by which (R17)."""

    async def work(session: AsyncSession, found: ConnectionRow) -> None:
        by, now = steering.principal.actor, datetime.now(UTC)
        _must_be_so(await farewells.told(session, found, body.reason, by, now))

    return await steering.carry(work, *ConnectionStatus)


async def _at_once(session: AsyncSession, connection_id: str) -> None:
    """What waits for its next try waits no longer: somebody wants it now."""
    if waiting := await deliveries.waiting(session, connection_id):
        waiting.next_try_at = None


def _must_be_so(is_untold: bool) -> None:
    if not is_untold:
        raise Conflict(
            "There is nobody who could not be told of an end.",
            mend="Read the connection again: its “actions” say what can be done.",
            code="connection-state",
        )
