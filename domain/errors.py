"""What Racord refuses, and how it says so.

RacordError
├── NotFound      the thing named does not exist, or not for you
├── Forbidden     you may not do this
├── Invalid       the input is wrong: name the field and the mend
├── Conflict      the input is right, the state of things is not
│   ├── TooEarly  the step's needs are not met yet
│   └── TooLate   it was done, answered or ended before
├── Gone          a link that cannot be used (any more)
├── Stale         somebody else changed it since you read it
└── Unavailable   a system that we need does not answer; nothing was changed

``detail`` and ``mend`` are English message ids with ``{named}`` gaps, so that an edge can translate them.
"""

from collections.abc import Sequence
from typing import Any, ClassVar


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for “translate this later”
    """Marks a message for the catalogues of translations."""
    return message


class RacordError(Exception):
    """A refusal: ``code`` is stable, ``detail`` names the thing, ``mend`` says what to do about it."""

    code: ClassVar[str] = "error"

    def __init__(
        self,
        detail: str,
        *,
        mend: str,
        code: str | None = None,
        errors: Sequence[dict[str, str]] = (),
        **gaps: Any,
    ):
        self.detail_id = detail
        self.mend_id = mend
        self.gaps = {name: str(value) for name, value in gaps.items()}
        self.reason = code or self.code
        self.errors = tuple(errors)
        super().__init__(self.detail)

    @property
    def detail(self) -> str:
        return self.detail_id.format_map(self.gaps)

    @property
    def mend(self) -> str:
        return self.mend_id.format_map(self.gaps)

    def as_dict(self) -> dict[str, Any]:
        """Everything needed to raise the same refusal in another process."""
        return {
            "code": self.code,
            "reason": self.reason,
            "detail": self.detail_id,
            "mend": self.mend_id,
            "gaps": self.gaps,
            "errors": list(self.errors),
        }


class NotFound(RacordError):
    code = "not-found"


class Forbidden(RacordError):
    code = "forbidden"


class Invalid(RacordError):
    code = "invalid"


class Conflict(RacordError):
    code = "conflict"


class TooEarly(Conflict):
    code = "too-early"


class TooLate(Conflict):
    code = "too-late"


class Gone(RacordError):
    code = "gone"


class Stale(RacordError):
    code = "stale"


class Unavailable(RacordError):
    code = "unavailable"


_BY_CODE: dict[str, type[RacordError]] = {
    kind.code: kind
    for kind in (NotFound, Forbidden, Invalid, Conflict, TooEarly, TooLate, Gone, Stale, Unavailable)
}


def from_dict(data: dict[str, Any]) -> RacordError:
    """The refusal that :meth:`RacordError.as_dict` wrote down."""
    kind = _BY_CODE.get(str(data.get("code")), RacordError)
    return kind(
        data["detail"],
        mend=data["mend"],
        code=data["reason"],
        errors=data.get("errors", ()),
        **data.get("gaps", {}),
    )
