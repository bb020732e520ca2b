"""Calls to partners' systems (R15–R17). Every call is one try: when the next one comes is the workflow's to wait for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.contract import PARTNER_HEARTBEAT, ActivityName
from adapters.database import comparisons, connections, deliveries, delivery_answers, partner_health
from adapters.database.connection_tables import ConnectionRow, DeliveryRow
from adapters.database.session import Database
from adapters.partners.client import NoAnswer, PartnerClient
from adapters.settings import Settings
from domain.connection import ConnectionEvent, ConnectionStatus, DeliveryState
from domain.delivery import LONGEST_WISH, DeliveryType, PushAnswer, Verdict, next_try
from domain.messages import Compared, CompareHeld, PushDelivery, Pushed

LOOK_FOR_AN_ENDPOINT_AGAIN = timedelta(hours=1)
NO_ENDPOINT = "No address of the partner's system is set (RACORD_PARTNER_ENDPOINTS)."


@dataclass(frozen=True)
class _Ready:
    """A delivery of which the row says that a try begins."""

    partner: str
    body: bytes


@dataclass(frozen=True)
class PartnerActivities:
    """One client for all partners; each partner's calls come through a queue of its own."""

    database: Database
    client: PartnerClient
    settings: Settings

    @activity.defn(name=ActivityName.PUSH_DELIVERY)
    async def push_delivery(self, ask: PushDelivery) -> Pushed:
        """One try, the same id and body as in every other try of this delivery; what came of it is written down.

        A worker that dies in between leaves the delivery waiting: the next try is a repetition, which the partner knows
        by its id. What was settled or superseded meanwhile is not sent.
        """
        ready = await self._begin(ask)
        if isinstance(ready, Pushed):
            return ready
        began, endpoint = _now(), self.settings.partner_endpoints.get(ready.partner)
        if endpoint is None:
            answer = PushAnswer(verdict=Verdict.REFUSED, detail=NO_ENDPOINT)
        else:
            async with _beating():
                answer = await self.client.push(endpoint, ask.delivery_id, ready.body, _now())
        # On the workflow's clock, when the answer came.
        return await self._settle(ask, answer, ask.now + (_now() - began))

    @activity.defn(name=ActivityName.COMPARE_HELD)
    async def compare_held(self, ask: CompareHeld) -> Compared:
        """What the partner says it holds; where it differs from what we thought, its word counts and is made good."""
        async with self.database.transaction() as session:
            found = await connections.locked(session, ask.connection_id)
            assert found is not None
            asked, endpoint = _standing(found), self.settings.partner_endpoints.get(found.partner)
        held, detail = None, ""
        try:
            async with _beating():
                held = await self.client.held(endpoint, ask.connection_id, _now()) if endpoint else None
        except NoAnswer as trouble:
            detail = str(trouble)
        said = Compared(known=held is not None, held=len(held.services) if held else 0, detail=detail)
        async with self.database.transaction() as session:
            found = await connections.locked(session, ask.connection_id)
            assert found is not None
            if held is None and found.status == ConnectionStatus.ENDING:
                said = said.model_copy(update={"held": await delivery_answers.rejected_in(session, found.id)})
            found.compared_at = ask.now  # without an answer too: the next comparison is tomorrow's
            # What is under way, or came after the question, is not to be judged by the answer. Whatever else the partner
            # says counts, also where it, or we, went back to a backup: the next delivery is newer than both.
            if _standing(found) == asked and not await deliveries.waiting(session, found.id):
                await comparisons.take_in(session, found, said, held, ask.now)
        return said

    async def _begin(self, ask: PushDelivery) -> _Ready | Pushed:
        async with self.database.transaction() as session:
            found = await connections.locked(session, ask.connection_id)
            made = await session.get(DeliveryRow, ask.delivery_id)
            if found is None or made is None or not _is_wanted(found, made):
                return Pushed(taken=False)
            if outage := await partner_health.may_try(session, found.partner, ask.now):
                made.next_try_at = deliveries.turn_after(made, outage, ask.now)
                return Pushed(taken=False, next_try_at=made.next_try_at)
            made.tries += 1
            made.last_try_at = ask.now
            return _Ready(found.partner, deliveries.payload(made))

    async def _settle(self, ask: PushDelivery, answer: PushAnswer, at: datetime) -> Pushed:
        async with self.database.transaction() as session:
            found = await connections.locked(session, ask.connection_id)
            made = await session.get(DeliveryRow, ask.delivery_id, populate_existing=True)
            assert found is not None
            assert made is not None
            if answer.verdict is Verdict.LATER:
                await partner_health.failed(session, found.partner, answer.detail, at, tries=made.tries)
            elif answer.status is not None:
                await partner_health.answered(session, found.partner, at)
            if made.state != DeliveryState.WAITING:
                return Pushed(taken=False)
            is_over = made.type == DeliveryType.ENDED and answer.verdict is Verdict.GONE
            if answer.verdict is Verdict.TAKEN or is_over:
                await _taken(session, made, answer, at)
                return Pushed(taken=True)
            await _not_taken(session, found, made, answer, at)
            return Pushed(taken=False, next_try_at=made.next_try_at)


async def _taken(session: AsyncSession, made: DeliveryRow, answer: PushAnswer, at: datetime) -> None:
    rejected = await delivery_answers.settle(session, made, answer, at)
    counted = {name: getattr(made, name) for name in ("sequence", "services", "withdrawn", "tries")}
    said = {"delivery": made.id, **counted, "rejected": rejected}
    if made.answer:
        said["detail"] = made.answer
    await connections.tell(session, made.connection_id, ConnectionEvent.DELIVERY_TAKEN, data=said, now=at)
    for one in answer.rejected[:50]:
        why = one.model_dump(mode="json")
        await connections.tell(
            session, made.connection_id, ConnectionEvent.SERVICE_REJECTED, data=why, now=at
        )


async def _not_taken(
    session: AsyncSession, found: ConnectionRow, made: DeliveryRow, answer: PushAnswer, at: datetime
) -> None:
    """It comes again when its time has come; the history tells of the first failure, and of the partner's last word."""
    made.verdict, made.status, made.answer = answer.verdict, answer.status, answer.detail
    outage = await partner_health.outage(session, found.partner, at)
    at_least = outage.pause if outage else timedelta()
    made.next_try_at = next_try(answer, made.tries, at, deliveries.spread(made), at_least=at_least)
    made.not_before = at + min(answer.retry_after, LONGEST_WISH) if answer.retry_after is not None else None
    if answer.detail == NO_ENDPOINT:
        made.tries -= 1  # nothing went out
        made.next_try_at = at + LOOK_FOR_AN_ENDPOINT_AGAIN
    is_gone = answer.verdict is Verdict.GONE
    if made.tries <= 1 or is_gone:
        said = {
            "delivery": made.id,
            **answer.model_dump(mode="json", include={"verdict", "status", "detail"}),
        }
        await connections.tell(session, found.id, ConnectionEvent.DELIVERY_FAILED, data=said, now=at)
    if is_gone and found.status == ConnectionStatus.ACTIVE:
        paused = (ConnectionStatus.PAUSED, ConnectionEvent.PAUSED)
        await connections.move(session, found, *paused, reason=answer.detail, now=at)


def _standing(found: ConnectionRow) -> tuple[int, str]:
    """What moves when something is sent, or its status changes."""
    return found.sequence, found.status


def _is_wanted(found: ConnectionRow, made: DeliveryRow) -> bool:
    """Nothing goes out while it is paused, and after the end only what says that it ended; without a consent in force
    only what withdraws (R9).
    """
    if made.state != DeliveryState.WAITING:
        return False
    if made.type == DeliveryType.ENDED:
        return found.status == ConnectionStatus.ENDING
    return found.status == ConnectionStatus.ACTIVE and (found.consented or made.services == 0)


def _now() -> datetime:
    """The clock on the wall: signatures are of the moment."""
    return datetime.now(UTC)


@asynccontextmanager
async def _beating() -> AsyncIterator[None]:
    """Says while the block runs that this worker lives: another one takes the call over only from a dead one."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(PARTNER_HEARTBEAT.total_seconds() / 3)

    beats = asyncio.create_task(beat())
    try:
        yield
    finally:
        beats.cancel()
