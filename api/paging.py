"""Lists: ``?limit=&cursor=`` → ``{items, next_cursor}``. A cursor is opaque: base64 of the last row's sort key."""

import base64
import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query

from domain.errors import Invalid

Limit = Annotated[int, Query(ge=1, le=200, description="rows at most")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")]


def cursor_of(*key: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(key, default=str).encode()).decode().rstrip("=")


def read_cursor(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """The sort key in a cursor, its parts of these ``kinds`` (``datetime`` is read back); None without a cursor."""
    if cursor is None:
        return None
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(parts, list) or len(parts) != len(kinds):
            raise ValueError("parts")
        return tuple(_read(part, kind) for part, kind in zip(parts, kinds, strict=True))
    except (ValueError, TypeError, OverflowError) as error:
        raise Invalid(
            "The cursor is not one of ours.", mend="Send “next_cursor” of the page before, or none."
        ) from error


def _read(part: Any, kind: type) -> Any:
    """One part of a key; anything but what :func:`cursor_of` wrote for that kind is a ValueError."""
    if kind is int:
        if not isinstance(part, int) or abs(part) >= 2**63:
            raise ValueError("not a number of ours")
        return part
    if kind is bool:
        if not isinstance(part, bool):
            raise ValueError("neither yes nor no")
        return part
    if not isinstance(part, str) or "\0" in part:
        raise ValueError("not a text of ours")
    part.encode()
    if kind is not datetime:
        return part
    at = datetime.fromisoformat(part)
    if at.tzinfo is None:
        raise ValueError("no time zone")
    return at
