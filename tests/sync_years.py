"""A clinic whose catalogue changes for years, live at several partners; it knows by itself what each is to hold (R14–R17)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from itertools import cycle, islice
from typing import Any

from tests.live_channel import Channel, Held
from tests.stack import Stack, link_in
from tests.sync_clerk import FILE, WHO, Letter

FIRST_PRICE = "100.00"


@dataclass
class Offer:
    """What one partner is to be told, by service id; ``edits`` are the saved price edits of which it is to hear."""

    channel: Channel
    prices: dict[str, str]
    ticked: list[str]
    edits: list[str] = field(default_factory=list)

    async def select(self, what: str, service_id: str) -> None:
        """``add`` or ``remove``."""
        path = f"/providers/{self.channel.live.provider_id}/channels/{self.channel.slug}/published"
        body = {what: {"service_ids": [service_id]}}
        await self.channel.stack.call("PATCH", path, json=body)
        if what == "add":
            self.ticked.append(service_id)
        else:
            self.ticked.remove(service_id)

    async def steer(self, verb: str) -> None:
        """``pause`` or ``resume``."""
        path = f"/connections/{self.channel.live.connection_id}/{verb}"
        await self.channel.stack.call("POST", path, json={"reason": "The clinic moves house."})


@dataclass
class Clinic:
    """One provider and its channels. Each act is one change on every channel."""

    offers: list[Offer]
    minutes: dict[str, int]
    codes: dict[str, str]
    made: int = 0
    priced: int = 0

    @property
    def stack(self) -> Stack:
        return self.offers[0].channel.stack

    @property
    def _home(self) -> str:
        return f"/providers/{self.offers[0].channel.live.provider_id}"

    async def price(self) -> None:
        """One edit a channel, of services that the partner has, or is asked to take up."""
        self.priced += 1
        first = self.priced % 3
        for offer in self.offers:
            chosen = islice(cycle(offer.ticked), first, first + 2)
            prices = {id: f"{60 + self.priced}.{place:02}" for place, id in enumerate(chosen)}
            edit_id = await offer.channel.costs(prices)
            assert edit_id is not None
            offer.prices |= prices
            offer.edits.append(edit_id)

    async def duration(self, n: int) -> None:
        chosen = list(self.minutes)[n % len(self.minutes)]
        self.minutes[chosen] = 15 if self.minutes[chosen] > 60 else self.minutes[chosen] + 5
        await self.offers[0].channel.lasts(chosen, self.minutes[chosen])

    async def new(self) -> None:
        """A new examination, with calendar and price, ticked last."""
        self.made += 1
        code = f"N{self.made:04}"
        body = {"code": code, "name": f"New {self.made}", "duration_minutes": 20}
        made = await self.stack.call("POST", f"{self._home}/services", json=body)
        self.minutes[made["id"]], self.codes[made["id"]] = 20, code
        await self.offers[0].channel.offer(list(self.minutes))
        for offer in self.offers:
            await offer.channel.costs({made["id"]: "80.00"})
            offer.prices[made["id"]] = "80.00"
            await offer.select("add", made["id"])

    async def delete(self) -> None:
        """The oldest service."""
        oldest = next(iter(self.minutes))
        await self.offers[0].channel.delete(oldest)
        del self.minutes[oldest]
        for offer in self.offers:
            del offer.prices[oldest]
            if oldest in offer.ticked:
                offer.ticked.remove(oldest)

    async def untick(self) -> None:
        for offer in self.offers:
            await offer.select("remove", offer.ticked[1])

    async def tick(self) -> None:
        """All that is not."""
        for offer in self.offers:
            for id in [id for id in self.minutes if id not in offer.ticked]:
                await offer.select("add", id)

    async def pause(self) -> None:
        for offer in self.offers:
            await offer.steer("pause")

    async def resume(self) -> None:
        for offer in self.offers:
            await offer.steer("resume")

    def to_be_held(self, offer: Offer, *, with_prices: bool) -> Held:
        return {
            self.codes[id]: (self.minutes[id], offer.prices[id] if with_prices else None)
            for id in offer.ticked
        }


def clinic_of(channels: list[Channel]) -> Clinic:
    """As it is at its activation."""
    ids = channels[0].live.service_ids
    offers = [Offer(channel, dict.fromkeys(ids, FIRST_PRICE), list(ids)) for channel in channels]
    return Clinic(offers, dict.fromkeys(ids, 30), {id: f"S{n:05}" for n, id in enumerate(ids)})


@dataclass
class Desks:
    """The partners' clerks, who acknowledge by link what came; ``letters`` of each, by its address, as they came."""

    stack: Stack
    letters: dict[str, list[Letter]] = field(default_factory=dict)
    _read: int = 0

    async def work(self) -> None:
        for letter in self._new():
            answer = await self.stack.anybody.post(link_in(letter.mail), json=WHO)
            assert answer.status_code < 500, answer.text  # a notice may be withdrawn meanwhile

    def _new(self) -> Iterator[Letter]:
        paths = sorted(self.stack.mails.folder.glob("*.eml"))[self._read :]
        self._read += len(paths)
        for path in paths:
            mail = message_from_bytes(path.read_bytes(), policy=default)
            (to,) = mail.get_all("X-Envelope-To", [])
            names = [FILE.fullmatch(part.get_filename() or "") for part in mail.iter_attachments()]
            if to != self.stack.settings.support_email and names and (name := names[0]):
                letter = Letter(mail, name[1], int(name[2]))
                self.letters.setdefault(to, []).append(letter)
                yield letter


def typed_in(letters: list[Letter]) -> dict[str, Any]:
    """The prices by code that a clerk knows who read these letters in their order."""
    known: dict[str, Any] = {}
    for letter in letters:
        known |= letter.prices()
    return known
