"""A live connection: its status, its causes of end, what the partner is to have and what it has (R13–R17). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.model import Frozen, Party
from domain.playbook import Sync, SyncPolicy

Content = Mapping[str, Any]
# A partner's system, or a mail server, may be away for a moment without anybody's doing.
FAILING_AFTER = timedelta(minutes=15)


class ConnectionStatus(StrEnum):
    """``ending``: we say closed, but it is not sure that the partner knows."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDING = "ending"
    ENDED = "ended"

    @property
    def is_live(self) -> bool:
        return self in (ConnectionStatus.ACTIVE, ConnectionStatus.PAUSED)


class Cause(StrEnum):
    """Why a connection ends (R17)."""

    PERMISSION_DISABLED = "permission_disabled"
    LAST_SERVICE_DELETED = "last_service_deleted"


class NoticeKind(StrEnum):
    NEW_SERVICES = "new_services"
    PRICES = "prices"


class NoticeState(StrEnum):
    """``rejected``: the partner said no, and we must act. ``withdrawn``: what it was about is gone."""

    WAITING = "waiting"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"

    @property
    def is_open(self) -> bool:
        return self in (NoticeState.WAITING, NoticeState.SENT, NoticeState.REJECTED)


class DeliveryState(StrEnum):
    WAITING = "waiting"
    TAKEN = "taken"
    SUPERSEDED = "superseded"


class ConnectionEvent(StrEnum):
    """The types of a connection's history. Stable."""

    STARTED = "connection.started"
    PAUSED = "connection.paused"
    RESUMED = "connection.resumed"
    SEND_ALL = "connection.send_all"
    ENDING = "connection.ending"
    ENDED = "connection.ended"
    DELIVERY_TAKEN = "delivery.taken"
    DELIVERY_FAILED = "delivery.failed"
    SERVICE_REJECTED = "service.rejected"
    DRIFT_FOUND = "drift.found"
    COMPARISON_FAILED = "comparison.failed"
    COMPARISON_WORKS = "comparison.works"
    NOTICE_OPENED = "notice.opened"
    NOTICE_SENT = "notice.sent"
    NOTICE_TROUBLE = "notice.trouble"
    NOTICE_ACKNOWLEDGED = "notice.acknowledged"
    NOTICE_REJECTED = "notice.rejected"
    NOTICE_REMINDED = "notice.reminded"
    NOTICE_WITHDRAWN = "notice.withdrawn"
    FAREWELL_TROUBLE = "farewell.trouble"
    FAREWELL_REPEATED = "farewell.repeated"
    FAREWELL_TOLD = "farewell.told"


class Comparison(Frozen):
    """What a partner's system answered when it was asked what it holds, and ``since`` when it answers this.

    ``known`` is False where it does not tell; ``detail`` says why its answer cannot be used.
    """

    known: bool
    held: int = 0
    detail: str = ""
    since: datetime


class Line(Frozen):
    """One service of a notice; ``old`` and ``new`` are prices as ``{"amount", "currency"}``, None for none."""

    service_id: str
    code: str
    name: str
    duration_minutes: int
    old: dict[str, str] | None = None
    new: dict[str, str] | None = None


class LineNow(Line):
    """A line as it is told now, with the catalogue's name and duration. Where the partner has a newer notice of the
    service, ``new`` is that one's price and ``later`` its number.
    """

    later: int | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """One service on both sides. Not a model: there are 10,000 of them.

    ``wanted`` and ``acknowledged`` are what is bookable here and what the partner took last (None: nothing; empty: it
    may have something, it is not known what). With ``in_doubt``, ``sent`` may have arrived as well. With
    ``is_rejected`` the partner did not take ``rejected``: a content, or None for a withdrawal.
    """

    service_id: str
    wanted: Content | None
    acknowledged: Content | None
    in_doubt: bool = False
    sent: Content | None = None
    is_rejected: bool = False
    rejected: Content | None = None

    @property
    def is_settled(self) -> bool:
        return self.wanted == self.acknowledged and not self.in_doubt


@dataclass(frozen=True, slots=True)
class Delta:
    """What the partner must be told: services whole, and those that are no longer bookable."""

    changed: tuple[Side, ...]
    withdrawn: tuple[Side, ...]

    def __bool__(self) -> bool:
        return bool(self.changed or self.withdrawn)


def pushed(content: Content | None, sync: Sync) -> Content | None:
    """What of a service goes over the wire: no price to a partner who does not take recorded prices (R16)."""
    if content is None or sync.price is SyncPolicy.PUSH:
        return content
    return {name: value for name, value in content.items() if name != "price"}


def drifts(
    wanted: Content | None, acknowledged: Content | None, known_price: Content | None, sync: Sync
) -> bool:
    """Whether the partner has something else than what is bookable, as far as it ever acknowledged.

    A price that is not pushed is known to it by a notice (R16). ``adapters.database.drift`` asks the
    same of whole lists; a test compares both.
    """
    if pushed(wanted, sync) != acknowledged:
        return True
    return wanted is not None and sync.price is not SyncPolicy.PUSH and wanted.get("price") != known_price


def waits_on(
    status: ConnectionStatus,
    *,
    rejected: bool = False,
    asked: bool = False,
    refused: bool = False,
    failed: bool = False,
    under_way: bool = False,
    untold: bool = False,
) -> Party | None:
    """Whose move it is: ours where a partner's system ``refused`` a delivery as a whole, as something is set up wrong,
    where the partner or a mail server said no to us (``rejected``), somebody is ``untold`` of the end, or it is paused;
    the partner's where it is ``asked`` by a notice or its system ``failed`` to take a delivery; else Racord's, or nobody's.
    """
    if untold:
        return Party.US
    if status is ConnectionStatus.ENDED:
        return None
    if refused:
        return Party.US
    if status is ConnectionStatus.ENDING:
        return Party.PARTNER if failed else Party.SYSTEM
    if rejected or status is ConnectionStatus.PAUSED:
        return Party.US
    if asked or failed:
        return Party.PARTNER
    return Party.SYSTEM if under_way else None


def delta(sides: list[Side], *, everything: bool = False) -> Delta:
    """What differs, or may differ because something is under way; with ``everything`` all that there is.

    What the partner rejected is not sent again before it changes, unless everything is.
    """
    told = [side for side in sides if everything or _differs(side)]
    return Delta(
        changed=tuple(side for side in told if side.wanted is not None),
        withdrawn=tuple(side for side in told if side.wanted is None),
    )


def _differs(side: Side) -> bool:
    if side.in_doubt:
        return True
    was_rejected = side.is_rejected and side.rejected == side.wanted
    return side.wanted != side.acknowledged and not was_rejected


def is_superseded(found: Delta, delivery: Mapping[str, Content | None]) -> bool:
    """Whether a delivery that waits, by service id, no longer says what must be said."""
    now = {side.service_id: side.wanted for side in (*found.changed, *found.withdrawn)}
    return now != dict(delivery)


class Ended(Frozen):
    """How a connection ended, as the explainer tells it (R20)."""

    at: datetime
    cause: Cause
    by: str | None = None
    is_certain: bool = False
