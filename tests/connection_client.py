"""The API of live connections on a real Postgres; the partner's side is played by the store's own functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from activities.connections import ConnectionActivities
from adapters.database import connections, deliveries, delivery_answers
from adapters.database.connection_tables import ConnectionRow
from domain.delivery import ItemResult, PushAnswer, Verdict
from domain.messages import CloseConnection, Compared, PlanRound, Round
from tests.catalogue_client import Client
from tests.connections import NOW, Live
from tests.stack import PDF


@dataclass
class Line:
    """One connection, and what its sync and its partner do."""

    live: Live
    api: Client

    @property
    def path(self) -> str:
        return f"/connections/{self.live.connection_id}"

    @property
    def _activities(self) -> ConnectionActivities:
        return ConnectionActivities(self.live.database, self.api.context.playbooks)

    async def plan(self, now: datetime = NOW) -> Round:
        """The sync looks."""
        ask = PlanRound(connection_id=self.live.connection_id, may_push=True, now=now)
        return await self._activities.plan_round(ask)

    async def take(self, *rejected: str, now: datetime = NOW) -> None:
        """The sync looks, and the partner takes what there is, but for the services ``rejected``."""
        planned = await self.plan(now)
        assert planned.delivery_id is not None
        await self.answer(_taken(rejected), now)

    async def answer(self, answer: PushAnswer, now: datetime = NOW) -> None:
        """What the partner says to the delivery that waits."""
        async with self.live.database.transaction() as session:
            made = await deliveries.waiting(session, self.live.connection_id)
            assert made is not None
            made.tries += 1
            if answer.verdict is Verdict.TAKEN:
                await delivery_answers.settle(session, made, answer, now)
            else:
                made.verdict, made.answer = answer.verdict, answer.detail

    async def plan_end(self) -> Round:
        """The end is carried out as far as that goes without the partner."""
        ask = PlanRound(connection_id=self.live.connection_id, may_push=True, now=NOW)
        return await self._activities.plan_end(ask)

    async def end(self) -> None:
        """The end, withdrawn at the partner and verified (R17)."""
        if (await self.plan_end()).delivery_id is not None:
            await self.answer(_taken(()))
        held = Compared(known=True, held=0)
        await self._activities.close_connection(
            CloseConnection(connection_id=self.live.connection_id, now=NOW, held=held)
        )

    async def change(self, **values: Any) -> None:
        """Writes to the connection's row."""
        async with self.live.database.transaction() as session:
            found = await connections.locked(session, self.live.connection_id)
            assert isinstance(found, ConnectionRow)
            for name, value in values.items():
                setattr(found, name, value)

    async def on_behalf(self) -> dict[str, Any]:
        """A body that records the partner's word, with a file that shows it."""
        path, files = f"/onboardings/{self.live.onboarding_id}/evidence", {"file": ("call.pdf", PDF)}
        file = (await self.api.call("POST", path, expect=201, files=files))["id"]
        return {
            "evidence": {"document": "Call of 12 March, note 7", "date": "2026-03-12", "file": file},
            "on_behalf_of": {"party": "partner", "name": "Ștefan Pop"},
            "note": "They have no mail today.",
        }

    async def see(self, what: str = "", **query: Any) -> Any:
        return await self.api.call("GET", f"{self.path}{what}", params=query)

    async def do(self, what: str, body: Any, expect: int = 200, **more: Any) -> Any:
        return await self.api.call("POST", f"{self.path}/{what}", body, expect, **more)


def _taken(rejected: Sequence[str]) -> PushAnswer:
    results = tuple(
        ItemResult(id=id, status="rejected", code="unknown-category", detail="No such category.")
        for id in rejected
    )
    return PushAnswer(verdict=Verdict.TAKEN, status=200, rejected=results)


async def every_page(api: Client, path: str, **query: Any) -> list[Any]:
    """All items of a list, by its cursors."""
    items: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = await api.call("GET", path, params={**query, **cursor})
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = {"cursor": page["next_cursor"]}
