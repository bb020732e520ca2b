"""The network between us and a partner, which brings what was sent once more, late, and behind what is newer."""

from dataclasses import dataclass, field

import httpx2
from sqlalchemy import select

from adapters.database import deliveries
from adapters.database.connection_tables import DeliveryRow
from domain.connection import DeliveryState
from tests.live_channel import Channel
from tests.test_sandbox import signed


@dataclass
class Network:
    """Keeps the deliveries that were tried in vain, by their ids."""

    kept: dict[str, bytes] = field(default_factory=dict)

    async def listen(self, channel: Channel) -> None:
        """Keeps what is under way."""
        ask = select(DeliveryRow).where(
            DeliveryRow.connection_id == channel.live.connection_id,
            DeliveryRow.state == DeliveryState.WAITING,
            DeliveryRow.tries > 0,
        )
        async with channel.stack.database.transaction() as session:
            for made in await session.scalars(ask):
                self.kept[made.id] = deliveries.payload(made)

    async def bring(self, channel: Channel, a: int) -> None:
        """One that reached the partner before, whether or not it took it then, reaches it again."""
        came = {one["id"] for one in await channel.arrived()}
        if known := sorted(self.kept.keys() & came):
            id = known[a % len(known)]
            text = self.kept[id].decode()
            try:
                path = f"/{channel.slug}"
                await channel.sandbox.http.post(path, content=text, headers=signed(id, text))
            except httpx2.TransportError:
                return  # the partner is down for the network, too
