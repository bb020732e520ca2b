"""What may happen to a live channel, as acts that a machine strings together (see test_sync_states.py)."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from adapters.database import catalogue_channels, notice_needs, price_edits
from adapters.database.connection_tables import ConnectionRow, NoticeRow
from adapters.database.connections import Alive
from adapters.database.tables import Outbox
from domain.connection import ConnectionStatus
from tests.connections import go_live_again
from tests.live_channel import Channel
from tests.sync_looks import Edit, prices_by_code, was_tried, were_posted
from tests.sync_network import Network
from tests.sync_parts import Parts
from tests.sync_troubles import LATER, NO, OUTAGES


@dataclass
class Story:
    """A channel and all that happened to it.

    ``tested`` are the prices that the joint test of its connection knew; ``past`` are its connections that were ended.
    """

    channel: Channel
    tested: dict[str, str]
    parts: Parts
    past: list[Channel] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    made: int = 0
    network: Network = field(default_factory=Network)

    @property
    def is_live(self) -> bool:
        return self.channel not in self.past

    @property
    def _home(self) -> str:
        return f"/providers/{self.channel.live.provider_id}"

    # Acts: (a, b) choose among what there is

    async def look(self, a: int, b: int) -> None:
        """Nothing happens until the workflow has seen all that did."""
        if self.is_live and self.parts.work:
            await self.channel.stack.until(self._is_seen, bool)

    async def tried(self, a: int, b: int) -> None:
        """Nothing happens until what is to be sent was tried, whatever came of that."""
        await self.look(a, b)
        if self.is_live and self.parts.work:
            await self.channel.stack.until(self.channel.connection, was_tried)

    async def posted(self, a: int, b: int) -> None:
        """Nothing happens until the mail server took every notice, or refused it for good."""
        await self.look(a, b)
        active = (await self.channel.connection())["status"] == "active"
        if active and self.parts.work and LATER not in self.channel.stack.mails.refusals.values():
            await self.channel.stack.until(self.channel.notices, were_posted)

    async def price(self, a: int, b: int) -> None:
        services = await self._services()
        chosen = {id: f"{60 + b % 50}.{n:02}" for n, id in enumerate(services) if a >> (n % 7) & 1}
        if not chosen:
            return
        known, ticked = await self._known(), await self._ticked()
        edit_id = await self.channel.costs(chosen)
        if edit_id is not None and self.is_live:
            async with self.channel.stack.database.transaction() as session:
                touched = {one.service_id for one in await price_edits.changes(session, edit_id)}
            self.edits.append(Edit(edit_id, touched, must=bool(touched & known & ticked)))

    async def duration(self, a: int, b: int) -> None:
        if services := await self._services():
            await self.channel.lasts(services[a % len(services)], 15 + b % 10 * 5)

    async def tick(self, a: int, b: int) -> None:
        await self._select("add", a)

    async def untick(self, a: int, b: int) -> None:
        await self._select("remove", a)

    async def new(self, a: int, b: int) -> None:
        """A new examination, with calendar, price and tick."""
        self.made += 1
        stack, body = self.channel.stack, {"name": f"New {self.made}", "duration_minutes": 20}
        made = await stack.call("POST", f"{self._home}/services", json={"code": f"N{self.made:02}", **body})
        ids = await self._services()
        await self.channel.offer(ids)
        await self.channel.costs({made["id"]: f"{80 + b % 9}.00"})
        await self._select("add", ids.index(made["id"]))

    async def delete(self, a: int, b: int) -> None:
        services = await self._services()
        if len(services) > 1:
            await self.channel.delete(services[a % len(services)])
            await self._note_end()

    async def disable(self, a: int, b: int) -> None:
        await self.channel.enable(False)
        await self._note_end()

    async def enable(self, a: int, b: int) -> None:
        """The channel goes live anew, where its connection ended and something is ticked."""
        if not self.is_live and await self._ticked():
            live = await go_live_again(self.channel.live)
            self.channel, self.edits = Channel(self.channel.stack, self.channel.sandbox, live), []
            self.tested = await prices_by_code(self.channel)

    async def mail_no(self, a: int, b: int) -> None:
        self.channel.stack.mails.refusals[self._desk] = NO

    async def mail_later(self, a: int, b: int) -> None:
        self.channel.stack.mails.refusals[self._desk] = LATER

    async def mail_back(self, a: int, b: int) -> None:
        self.channel.stack.mails.refusals.clear()

    async def remind(self, a: int, b: int) -> None:
        """A notice that the partner has had for hours, or that came back, is sent again."""
        async with self.channel.stack.database.transaction() as session:
            aged = NoticeRow.sent_at - timedelta(hours=2)
            await session.execute(update(NoticeRow).values(sent_at=aged))
        if open := [one for one in await self.channel.notices() if one["state"] in ("sent", "waiting")]:
            await self._remind(open[a % len(open)])

    async def late(self, a: int, b: int) -> None:
        await self.network.bring(self.channel, a)

    async def outage(self, a: int, b: int) -> None:
        await self.channel.behave(**OUTAGES[a % len(OUTAGES)])

    async def back(self, a: int, b: int) -> None:
        await self.channel.behave("ok")

    async def nudge_again(self, a: int, b: int) -> None:
        """Nudges doubled, and old ones once more."""
        stack = self.channel.stack
        for _ in range(1 + a % 3):
            for one in await self.alive():
                await stack.temporal.look_at(one)
        async with stack.database.transaction() as session:
            await session.execute(update(Outbox).where(Outbox.id % 3 == b % 3).values(delivered_at=None))

    async def send_all(self, a: int, b: int) -> None:
        await self._steer("send-all", {})

    async def pause(self, a: int, b: int) -> None:
        await self._steer("pause", {"reason": "The clinic moves house."})

    async def resume(self, a: int, b: int) -> None:
        await self._steer("resume", {"reason": "The clinic has moved."})

    async def worker(self, a: int, b: int) -> None:
        await self.parts.worker()

    async def relay(self, a: int, b: int) -> None:
        await self.parts.relay()

    async def kill(self, a: int, b: int) -> None:
        """The worker dies in the middle of what it does, and another one is started."""
        self.parts.kill()
        await self.parts.all_on()

    # What holds in the end

    async def all_on(self) -> None:
        """The outage is over, everything works, nobody holds anything back."""
        await self.channel.behave("ok")
        await self.mail_back(0, 0)
        await self.parts.all_on()
        await self.resume(0, 0)
        await self.channel.reached()

    async def settle(self) -> None:
        """A person of ours does what waits on us: what was rejected, and what came back, is sent again."""
        if (await self.channel.connection())["counts"]["rejected"]:
            await self.send_all(0, 0)
        for one in await self.channel.notices():
            if one["state"] == "rejected" or (one["state"] == "waiting" and one["trouble"]):
                await self._remind(one)

    async def alive(self) -> list[Alive]:
        """The connections that have a workflow, oldest first."""
        async with self.channel.stack.database.transaction() as session:
            ask = (
                select(ConnectionRow)
                .where(ConnectionRow.provider_id == self.channel.live.provider_id)
                .where(ConnectionRow.status != ConnectionStatus.ENDED)
            )
            return [
                Alive(row.id, row.partner, row.status == ConnectionStatus.ENDING)
                for row in await session.scalars(ask)
            ]

    # Private steps

    async def _is_seen(self) -> bool:
        here = (self.channel.live.provider_id, self.channel.slug)
        async with self.channel.stack.database.transaction() as session:
            found = await session.get_one(ConnectionRow, self.channel.live.connection_id)
            return found.planned_version == await catalogue_channels.channel_version(session, *here)

    async def _services(self) -> list[str]:
        answer = await self.channel.stack.call("GET", f"{self._home}/services", params={"limit": 200})
        return [one["id"] for one in answer["items"]]

    async def _ticked(self) -> set[str]:
        async with self.channel.stack.database.transaction() as session:
            here = (session, self.channel.live.provider_id, self.channel.slug)
            return set(await catalogue_channels.published(*here))

    async def _known(self) -> set[str]:
        """What the partner has confirmed, or is asked to take up."""
        async with self.channel.stack.database.transaction() as session:
            id = self.channel.live.connection_id
            return await notice_needs.admitted(session, id) | await notice_needs.asked_for(session, id)

    async def _select(self, what: str, a: int) -> None:
        if services := await self._services():
            body = {what: {"service_ids": [services[a % len(services)]]}}
            path = f"{self._home}/channels/{self.channel.slug}/published"
            await self.channel.stack.call("PATCH", path, json=body)

    @property
    def _desk(self) -> str:
        """The address that notices go to."""
        playbook = self.channel.live.playbook
        return playbook.contacts[playbook.notices_to].email

    async def _remind(self, notice: dict[str, Any]) -> None:
        await self._steer(f"notices/{notice['id']}/remind", {})

    async def _steer(self, verb: str, body: dict[str, str]) -> None:
        path = f"/connections/{self.channel.live.connection_id}/{verb}"
        await self.channel.stack.call("POST", path, (200, 409), json=body)

    async def _note_end(self) -> None:
        if self.is_live and (await self.channel.connection())["status"] in ("ending", "ended"):
            self.past.append(self.channel)
