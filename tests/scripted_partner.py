"""A connection's activities on real Postgres, with a partner that answers as a test says."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, cast

from temporalio.testing import ActivityEnvironment

from activities.connections import ConnectionActivities
from activities.partner import PartnerActivities
from adapters.database import connections, tasks
from adapters.mail.render import TEMPLATES
from adapters.partners.client import NoAnswer, PartnerClient
from adapters.partners.endpoints import PartnerEndpoint
from adapters.playbooks import Playbooks, load_playbooks
from adapters.settings import PACKAGED_PARTNERS
from domain.connection import Cause
from domain.delivery import Held, ItemResult, PushAnswer, Verdict
from domain.messages import Compared, CompareHeld, PlanRound, PushDelivery, Pushed, Round
from embedded.sandbox.keys import new_secret
from tests.connections import IOANA, Live
from tests.stack import settings_for

TAKEN = PushAnswer(verdict=Verdict.TAKEN, status=200)
DOWN = PushAnswer(verdict=Verdict.LATER, status=503, detail="it answered 503")


@cache
def _playbooks() -> Playbooks:
    return load_playbooks(PACKAGED_PARTNERS, TEMPLATES)


def rejecting(*service_ids: str) -> PushAnswer:
    results = tuple(ItemResult(id=id, status="rejected", code="no", detail="Not ours.") for id in service_ids)
    return TAKEN.model_copy(update={"rejected": results})


@dataclass
class Line:
    """One connection, its activities, and the partner at the other end."""

    live: Live
    answer: PushAnswer = TAKEN
    holds: Held | None = None
    trouble: str = ""
    sent: list[str] = field(default_factory=list)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def push(
        self, endpoint: PartnerEndpoint, delivery_id: str, body: bytes, now: datetime
    ) -> PushAnswer:
        self.sent.append(delivery_id)
        return self.answer

    async def held(self, endpoint: PartnerEndpoint, connection_id: str, now: datetime) -> Held | None:
        if self.trouble:
            raise NoAnswer(self.trouble)
        return self.holds

    async def plan(self, *, may_push: bool = True) -> Round:
        ask = PlanRound(connection_id=self.live.connection_id, may_push=may_push, now=self._later())
        return await ConnectionActivities(self.live.database, _playbooks()).plan_round(ask)

    async def plan_end(self) -> Round:
        ask = PlanRound(connection_id=self.live.connection_id, may_push=True, now=self._later())
        return await ConnectionActivities(self.live.database, _playbooks()).plan_end(ask)

    async def disable(self) -> None:
        """The connection ends (R17)."""
        async with self.live.database.transaction() as session:
            here = (session, self.live.provider_id, self.live.playbook.slug)
            await connections.end_on_channel(*here, Cause.PERMISSION_DISABLED, IOANA)

    async def try_(self, delivery_id: str) -> Pushed:
        ask = PushDelivery(connection_id=self.live.connection_id, delivery_id=delivery_id, now=self._later())
        return cast(Pushed, await ActivityEnvironment().run(self._partner.push_delivery, ask))

    async def compare(self) -> Compared:
        ask = CompareHeld(connection_id=self.live.connection_id, now=self._later())
        return cast(Compared, await ActivityEnvironment().run(self._partner.compare_held, ask))

    async def settle(self, most: int = 5) -> Round:
        """Rounds and tries until nothing is to be pushed; fails where that has no end."""
        for _ in range(most):
            planned = await self.plan()
            if planned.delivery_id is None:
                return planned
            await self.try_(planned.delivery_id)
        raise AssertionError(f"still pushing after {most} tries")

    async def tasks(self) -> list[tuple[str, str]]:
        async with self.live.database.transaction() as session:
            found = await tasks.waiting(session, tasks.Chosen(), limit=50, after=None, now=self.now)
        return [(one.key, one.waiting_on) for one, _ in found]

    @property
    def _partner(self) -> PartnerActivities:
        more: dict[str, Any] = {
            "partner_private_hosts": ("127.0.0.1",),
            "partner_endpoints": {
                self.live.playbook.slug: {"url": "http://127.0.0.1:1/", "secrets": [new_secret()]}
            },
        }
        settings = settings_for("postgresql://", "127.0.0.1:1", 1, **more)
        return PartnerActivities(self.live.database, cast(PartnerClient, self), settings)

    def _later(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now
