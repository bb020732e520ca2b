"""How a partner in the sandbox behaves, until it is told otherwise."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, field_validator

SLOW_SECONDS = 3.0
HANG_SECONDS = 600.0


class Mode(StrEnum):
    """What it does with what comes."""

    OK = "ok"
    SLOW = "slow"
    FAIL = "fail"
    DOWN = "down"
    REJECT = "reject"
    GONE = "gone"
    HANG = "hang"
    GARBAGE = "garbage"
    REDIRECT = "redirect"
    KEEP = "keep"
    MUTE = "mute"


MEANINGS = {
    Mode.OK: "takes and answers at once",
    Mode.SLOW: "takes, and answers late",
    Mode.FAIL: "answers with an error",
    Mode.DOWN: "closes without an answer",
    Mode.REJECT: "takes all but some services",
    Mode.GONE: "answers 410: wants nothing more",
    Mode.HANG: "never answers",
    Mode.GARBAGE: "answers with what is not HTTP",
    Mode.REDIRECT: "sends to another address",
    Mode.KEEP: "takes an end, and goes on holding",
    Mode.MUTE: "takes, but answers what it holds with an error",
}
TAKING = frozenset({Mode.OK, Mode.SLOW, Mode.REJECT, Mode.KEEP, Mode.MUTE})


class Behaviour(BaseModel):
    """One order. Only ``times`` deliveries follow it where that is given; then all is well again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode = Mode.OK
    seconds: float | None = Field(
        default=None, ge=0, le=HANG_SECONDS, description="slow: how late; hang: how long; fail: Retry-After"
    )
    status: int = Field(default=503, ge=400, le=599, description="fail, mute: the answer's")
    services: tuple[str, ...] = Field(default=(), description="reject: codes or ids; none means every one")
    times: int | None = Field(default=None, ge=1)
    after: bool = Field(
        default=False, description="whether it takes a delivery before it misbehaves: the doubt"
    )

    @field_validator("services", mode="before")
    @classmethod
    def _typed(cls, value: object) -> object:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @property
    def takes(self) -> bool:
        return self.after or self.mode in TAKING

    @property
    def pause(self) -> float:
        """Seconds before the answer."""
        if self.mode not in (Mode.SLOW, Mode.HANG):
            return 0
        if self.seconds is not None:
            return self.seconds
        return SLOW_SECONDS if self.mode is Mode.SLOW else HANG_SECONDS

    @property
    def answered(self) -> str:
        """For the log: what a delivery gets to hear."""
        said = {
            Mode.SLOW: f"200 after {self.pause:g} s",
            Mode.FAIL: str(self.status),
            Mode.DOWN: "nothing: closed",
            Mode.GONE: "410",
            Mode.HANG: "nothing: hung",
            Mode.GARBAGE: "no HTTP",
            Mode.REDIRECT: "307",
        }
        return said.get(self.mode, "200")

    def rejects(self, id: str, code: str) -> bool:
        return self.mode is Mode.REJECT and (
            not self.services or id in self.services or code in self.services
        )

    def after_one(self) -> "Behaviour":
        """How it behaves once one more delivery came."""
        if self.times is None:
            return self
        return self.model_copy(update={"times": self.times - 1}) if self.times > 1 else Behaviour()
