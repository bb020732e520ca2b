"""Waiting until a story's connection has come to rest, without an hour's wait: the pauses before tries are passed over."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from adapters.database import connections
from adapters.database.connection_tables import ConnectionRow, DeliveryRow
from domain.connection import ConnectionStatus, DeliveryState
from tests.live_channel import Channel

LONG = timedelta(seconds=1)


@dataclass
class Patience:
    """Each pause is passed over once, with one nudge: whoever does not heed it is found out."""

    passed: set[tuple[str, datetime]] = field(default_factory=set)

    async def wait(self, channel: Channel) -> None:
        """What waits for a later try is tried now, as if the time had passed."""
        now = datetime.now(UTC)
        async with channel.stack.database.transaction() as session:
            found = await connections.locked(session, channel.live.connection_id)
            assert found is not None
            waiting = select(DeliveryRow).where(
                DeliveryRow.connection_id == found.id, DeliveryRow.state == DeliveryState.WAITING
            )
            has_passed = False
            for made in await session.scalars(waiting):
                if (
                    made.next_try_at
                    and made.next_try_at > now + LONG
                    and self._is_new(made.id, made.next_try_at)
                ):
                    made.next_try_at, made.not_before, has_passed = now, None, True
            has_passed |= self._end_comes_again(found, now)
            if has_passed:
                await connections.nudge(session, [found.id])

    def _end_comes_again(self, found: ConnectionRow, now: datetime) -> bool:
        """The end that the partner has not confirmed is asked for, and told, later and later."""
        asked_at = found.compared_at
        if (
            found.status != ConnectionStatus.ENDING
            or asked_at is None
            or not self._is_new(found.id, asked_at)
        ):
            return False
        if found.end_again_at is not None:
            found.end_again_at = now
        return True

    def _is_new(self, what: str, at: datetime) -> bool:
        if (what, at) in self.passed:
            return False
        self.passed.add((what, at))
        return True
