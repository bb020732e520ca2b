"""Small words that the whole domain shares: parties, states, localized text, people, money."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

LANGUAGES = ("en", "ro", "de", "it", "hu")

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\r\n\x00]*$")
]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000, pattern=r"^[^\x00]*$")]


class Frozen(BaseModel):
    """A value: immutable, and loud about fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Party(StrEnum):
    """Who is waited on. ``us`` is the account managers' side, ``system`` is Racord itself."""

    US = "us"
    PROVIDER = "provider"
    PARTNER = "partner"
    SYSTEM = "system"


class OnboardingStatus(StrEnum):
    IN_PROGRESS = "in_progress"
    ON_HOLD = "on_hold"
    LIVE = "live"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        return self in (OnboardingStatus.IN_PROGRESS, OnboardingStatus.ON_HOLD)


class StepState(StrEnum):
    """What the world sees of a step (DESIGN, HTTP contract)."""

    PENDING = "pending"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    STALE = "stale"
    SKIPPED = "skipped"

    @property
    def is_finished(self) -> bool:
        return self in (StepState.DONE, StepState.SKIPPED)


def _as_text(value: Any) -> Any:
    return {"en": value} if isinstance(value, str) else value


class Text(Frozen):
    """A text in the languages it was written in. A plain string in YAML counts as English."""

    en: str = Field(min_length=1)
    ro: str | None = None
    de: str | None = None
    it: str | None = None
    hu: str | None = None

    def in_(self, language: str) -> str:
        """The text in that language, or in English where it was not translated."""
        return getattr(self, language, None) or self.en


LocalText = Annotated[Text, BeforeValidator(_as_text)]


class Person(Frozen):
    """Somebody who answers for something: typed by that person, or by whom acts for them."""

    name: Line = Field(title="Name", max_length=120)
    role: Line = Field(title="Role", max_length=120)
    email: Annotated[str, StringConstraints(strip_whitespace=True, max_length=254)] | None = Field(
        default=None, title="E-mail", json_schema_extra={"format": "email"}
    )


class Money(Frozen):
    """An amount with its ISO 4217 currency; ``amount`` has at most two decimals."""

    amount: Decimal = Field(ge=0, max_digits=12, decimal_places=2)
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class Actor(Frozen):
    """Who did it: ``kind`` says how we know."""

    kind: Annotated[str, StringConstraints(pattern="^(api_key|session|link|system)$")]
    id: str
    name: str
    role: str = ""


SYSTEM = Actor(kind="system", id="system", name="Racord")
