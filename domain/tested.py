"""What a joint test tested, and how two configurations of a channel differ (R12)."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from domain.model import Frozen

LISTED = 50


class TestedService(Frozen):
    """A ticked service as the test saw it; ``price`` is amount and currency, None where it had none."""

    __test__ = False
    minutes: int
    price: str | None = None


class Configuration(Frozen):
    """All that a joint test stands on: the permission, and the ticked services by id."""

    enabled: bool = False
    services: dict[str, TestedService] = {}


class What(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    ADDED = "service_added"
    REMOVED = "service_removed"
    DURATION = "duration"
    PRICE = "price"


class Differing(Frozen):
    """One thing that is not as it was tested: ``old`` → ``new``, minutes or a price."""

    what: What
    service_id: str | None = None
    code: str | None = None
    name: str | None = None
    old: str | None = None
    new: str | None = None


class Difference(Frozen):
    """Everything that is not as it was tested, counted by kind; at most :data:`LISTED` of it are listed."""

    totals: dict[What, int] = {}
    listed: tuple[Differing, ...] = ()


class Voided(Frozen):
    """When answers were voided, of which attempt, and the digests of what was tested and what is."""

    at: datetime
    attempt: int
    tested: str = Field(default="", description="digest that the answers were bound to")
    now: str = ""


def difference(tested: Configuration, now: Configuration) -> Difference:
    """What is different now, in the order of the kinds."""
    found = sorted(_differing(tested, now), key=lambda one: list(What).index(one.what))
    totals: dict[What, int] = {}
    for one in found:
        totals[one.what] = totals.get(one.what, 0) + 1
    return Difference(totals=totals, listed=tuple(found[:LISTED]))


def _differing(tested: Configuration, now: Configuration) -> Iterator[Differing]:
    if tested.enabled is not now.enabled:
        yield Differing(what=What.ENABLED if now.enabled else What.DISABLED)
    for id in sorted({*tested.services, *now.services}):
        before, after = tested.services.get(id), now.services.get(id)
        if before is None or after is None:
            yield Differing(what=What.ADDED if before is None else What.REMOVED, service_id=id)
            continue
        if before.minutes != after.minutes:
            yield Differing(
                what=What.DURATION, service_id=id, old=str(before.minutes), new=str(after.minutes)
            )
        if before.price != after.price:
            yield Differing(what=What.PRICE, service_id=id, old=before.price, new=after.price)
