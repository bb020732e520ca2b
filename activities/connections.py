"""Live connections, as activities on our own database: what is to be done, and the end (R14–R17)."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.contract import ActivityName
from adapters.database import (
    comparisons,
    connections,
    deliveries,
    delivery_answers,
    drift,
    farewells,
    notice_needs,
    notice_order,
    notices,
    partner_health,
    publishing,
)
from adapters.database.connection_tables import ConnectionRow
from adapters.database.session import Database
from adapters.playbooks import Playbooks
from domain.connection import ConnectionStatus
from domain.messages import CloseConnection, PlanRound, Round
from domain.playbook import Sync, SyncPolicy
from domain.readiness import Readiness, is_ready_but_for_the_partner, is_ticked

COMPARE_EVERY_HOURS = 24


@dataclass(frozen=True)
class ConnectionActivities:
    """Decides what a connection needs now; everything that it decides is a row before anybody acts on it."""

    database: Database
    playbooks: Playbooks

    @activity.defn(name=ActivityName.PLAN_ROUND)
    async def plan_round(self, ask: PlanRound) -> Round:
        """Looks at the catalogue, opens the notices that are due, makes the delivery that is due.

        Free to repeat: what was opened or made is found again. Nothing is sent for one that is paused. Without a consent
        in force nothing is told either (R9): what was saved meanwhile is told, one by one, once it is accepted.
        """
        async with self.database.transaction() as session:
            found = await connections.locked(session, ask.connection_id)
            if found is None or not ConnectionStatus(found.status).is_live:
                return Round(over=True)
            sync = self.playbooks.get(found.partner).sync
            if await publishing.is_unplanned(session, found, ask.now):
                said = await publishing.refresh(session, found, self.playbooks, ask.now)
                found.planned_version, found.planned_at = found.derived_version, found.derived_at
                if found.consented:
                    await _open_notices(session, found, sync, said, ask)
            else:
                await drift.note(session, found.id, found.partner, sync, ask.now)
            planned = Round(wake_at=found.derived_until)
            if found.status == ConnectionStatus.PAUSED:
                return planned
            if found.consented:
                to_send = await notice_order.to_send(session, found.id)
                copies = await notices.copies_due(session, found, ask.now)
                planned = planned.model_copy(update={"notices": tuple(to_send), "copies": tuple(copies)})
            if not ask.may_push:
                return planned
            made = await deliveries.plan(session, found, sync, ask.now)
            if made is None:
                return planned.model_copy(update={"compare": await _is_comparing_due(session, found, ask)})
            if made.next_try_at is None or made.next_try_at <= ask.now:
                outage = await partner_health.outage(session, found.partner, ask.now)
                if outage is None:
                    return planned.model_copy(update={"delivery_id": made.id})
                made.next_try_at = deliveries.turn_after(made, outage, ask.now)
            wake_at = min(filter(None, (made.next_try_at, found.derived_until)))
            return planned.model_copy(update={"wake_at": wake_at})

    @activity.defn(name=ActivityName.PLAN_END)
    async def plan_end(self, ask: PlanRound) -> Round:
        """Withdraws what is bookable and open, and makes the delivery that says so; whom to tell, after the end too. Free to repeat."""
        async with self.database.transaction() as session:
            found = await connections.locked(session, ask.connection_id)
            if found is None:
                return Round(over=True)
            planned = Round(
                tell=await farewells.are_on_the_way(session, found),
                tell_now=await farewells.asked_for(session, found),
            )
            if found.status != ConnectionStatus.ENDING:
                return planned.model_copy(update={"over": True})
            await publishing.withdraw_all(session, found, ask.now)
            await notices.withdraw_open(session, found.id, ask.now)
            if found.end_again_at and found.end_again_at > ask.now:
                return planned.model_copy(update={"wake_at": found.end_again_at})
            made = await deliveries.plan_end(session, found, ask.now)
            if made is None:
                return planned.model_copy(update={"compare": True})
            if made.next_try_at and made.next_try_at > ask.now:
                return planned.model_copy(update={"wake_at": made.next_try_at})
            return planned.model_copy(update={"delivery_id": made.id})

    @activity.defn(name=ActivityName.CLOSE_CONNECTION)
    async def close_connection(self, ask: CloseConnection) -> None:
        """Writes down the end with its proof (R17). Again, it changes nothing."""
        async with self.database.transaction() as session:
            found = await connections.locked(session, ask.connection_id)
            if found is None or found.status == ConnectionStatus.ENDED:
                return
            await comparisons.close(session, found, ask.held.model_dump(mode="json"), ask.now)


async def _open_notices(
    session: AsyncSession, found: ConnectionRow, sync: Sync, said: Readiness, ask: PlanRound
) -> None:
    """Edits come first: what was known to the partner when its price changed is told (R16), though it is unticked by
    now; and a price that came with a tick is in the notice of the new service already.
    """
    if sync.price is SyncPolicy.NOTIFY_EACH:
        await notice_needs.tell_edits(session, found, ask.now)
    else:
        await notice_needs.skip_edits(session, found)
    admitted = await notice_needs.admitted(session, found.id)
    ticked = {one.id for one in said.services if is_ticked(one)}
    await notice_needs.dismiss(session, found.id, admitted - ticked)
    if sync.new_service is SyncPolicy.NOTIFY_BOTH:
        ready = {one.id for one in said.services if is_ready_but_for_the_partner(one)}
        await notice_needs.ask_for(session, found, ticked=ticked - admitted, ready=ready, now=ask.now)


async def _is_comparing_due(session: AsyncSession, found: ConnectionRow, ask: PlanRound) -> bool:
    """Once a day, and not before there is anything to compare; at once where an answer left in doubt what was taken."""
    if found.sequence == 0:
        return False
    since = found.compared_at or found.started_at
    if (ask.now - since).total_seconds() >= COMPARE_EVERY_HOURS * 3600:
        return True
    doubtful_at = await delivery_answers.unread_at(session, found.id)
    return doubtful_at is not None and (found.compared_at is None or found.compared_at < doubtful_at)
