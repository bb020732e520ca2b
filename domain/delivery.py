"""What goes to a partner's system, and what its answer means (R14–R17; docs/partner-protocol.md). Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from domain.model import Frozen


class Taken(BaseModel):
    """What a partner's system may answer; whatever else it says is not read."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class DeliveryType(StrEnum):
    """The `type` of a delivery."""

    CHANGED = "services.changed"
    SNAPSHOT = "services.snapshot"
    ENDED = "connection.ended"


class Verdict(StrEnum):
    """What a partner's answer means to us."""

    TAKEN = "taken"
    LATER = "later"
    REFUSED = "refused"
    GONE = "gone"


class ItemResult(Taken):
    """One service that the partner did not take."""

    id: str = Field(max_length=64)
    status: str = Field(max_length=40)
    code: str = Field(default="", max_length=100)
    detail: str = Field(default="", max_length=1000)

    @property
    def is_rejected(self) -> bool:
        return self.status == "rejected"


class PushAnswer(Frozen):
    """What became of one try. ``detail`` is for people: why it was not taken, or what could not be read of an answer
    that takes it; ``retry_after`` is what the partner asked for.
    """

    verdict: Verdict
    status: int | None = Field(default=None, description="HTTP status, None where there was no answer")
    detail: str = ""
    retry_after: timedelta | None = None
    rejected: tuple[ItemResult, ...] = ()


# What we can keep: a partner's own words and figures must not keep us from writing down what it said.
_Text = Annotated[str, StringConstraints(max_length=400, pattern=r"^[^\x00]*$")]
_Count = Annotated[int, Field(ge=0, le=1_000_000_000)]


class HeldPrice(Taken):
    """A price as the partner holds it."""

    amount: _Text
    currency: _Text


class HeldService(Taken):
    """A service as the partner holds it."""

    id: Annotated[str, StringConstraints(max_length=64, pattern=r"^[^\x00]*$")]
    code: _Text | None = None
    name: _Text | None = None
    duration_minutes: _Count | None = None
    price: HeldPrice | None = None

    @property
    def told(self) -> dict[str, Any]:
        """What the partner said of it, without what it left out."""
        said = self.model_dump(include=self.model_fields_set - {"id"})
        return said if said.get("price") is not None else {k: v for k, v in said.items() if k != "price"}


class Held(Taken):
    """What the partner says it holds of a connection."""

    sequence: _Count = 0
    services: tuple[HeldService, ...] = ()


BACKOFF = tuple(timedelta(seconds=s) for s in (5, 15, 60, 300, 900, 3600, 3 * 3600))
REFUSED_AGAIN_AFTER = timedelta(hours=3)
LONGEST_WISH = timedelta(days=1)


def next_try(
    answer: PushAnswer, tries: int, now: datetime, spread: float, *, at_least: timedelta = timedelta()
) -> datetime | None:
    """When to try again after ``tries`` tries; None where it was taken, or nothing more is wanted.

    ``spread`` in 0..1 lengthens the pause by up to a fifth, so that many connections do not come back at one moment.
    """
    if answer.verdict in (Verdict.TAKEN, Verdict.GONE):
        return None
    if answer.verdict is Verdict.REFUSED:
        return now + REFUSED_AGAIN_AFTER
    pause = max(BACKOFF[min(tries, len(BACKOFF)) - 1], at_least) * (1 + spread / 5)
    if answer.retry_after is not None:
        pause = max(pause, min(answer.retry_after, LONGEST_WISH))
    return now + pause


def pause_after(failing: timedelta) -> timedelta:
    """The pause that fits what has failed, or waited, for so long: that of a delivery which was tried all the while."""
    pause, begins = BACKOFF[0], timedelta()
    for one in BACKOFF:
        if begins > failing:
            break
        pause, begins = one, begins + one
    return pause


def verdict_of(status: int) -> Verdict:
    """What an HTTP status means; 3xx is a failure like a server's own, as no redirect is followed."""
    if 200 <= status < 300:
        return Verdict.TAKEN
    if status == 410:
        return Verdict.GONE
    if status in (408, 425, 429) or not 400 <= status < 500:
        return Verdict.LATER
    return Verdict.REFUSED


def body_of(
    type: DeliveryType,
    connection: str,
    provider: Mapping[str, str],
    sequence: int,
    services: list[dict[str, Any]],
    withdrawn: list[str],
    at: datetime,
) -> dict[str, Any]:
    """The delivery's JSON, as the partner's engineers were told."""
    return {
        "type": type.value,
        "timestamp": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "data": {
            "connection": connection,
            "provider": dict(provider),
            "sequence": sequence,
            "services": services,
            "withdrawn": withdrawn,
        },
    }
