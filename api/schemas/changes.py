"""The public shape of the catalogue's history."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from adapters.database.changes import Changed, Kind

SHOWN = 50


class AuthorView(BaseModel):
    """Who did it: `kind` says how we know."""

    kind: str
    name: str
    role: str


class ServiceName(BaseModel):
    """A service, also one that is deleted by now."""

    id: str
    code: str
    name: str


class Services(BaseModel):
    """The services concerned: how many, and the first of them."""

    total: int
    shown: list[ServiceName]

    @classmethod
    def of(cls, ids: Sequence[str], names: Mapping[str, tuple[str, str]], total: int) -> "Services":
        known = [
            ServiceName(id=id, code=names[id][0], name=names[id][1]) for id in ids[:SHOWN] if id in names
        ]
        return cls(total=total, shown=sorted(known, key=lambda one: one.code))


class ChangeView(BaseModel):
    """One change of the catalogue."""

    model_config = ConfigDict(title="Change of the catalogue")
    id: str
    at: datetime
    kind: Kind
    partner: str | None = Field(description="of the channel; null where it concerns every channel")
    service_id: str | None = Field(description="where it concerns one service")
    services: Services
    old: dict[str, Any] | None = Field(description=f"what was; lists show their first {SHOWN}")
    new: dict[str, Any] | None = Field(description=f"what is since; lists show their first {SHOWN}")
    author: AuthorView
    source: str = Field(
        description="the call or the file it came through",
        examples=["PUT /providers/{provider_id}/channels/{slug}/published"],
    )

    @classmethod
    def of(cls, found: Changed, names: Mapping[str, tuple[str, str]]) -> "ChangeView":
        ids = found.service_ids
        author = {name: found.author.get(name, "") for name in AuthorView.model_fields}
        return cls(
            id=found.id,
            at=found.at,
            kind=Kind(found.kind),
            partner=found.partner,
            service_id=ids[0] if found.total == 1 and ids else None,
            services=Services.of(ids, names, found.total),
            old=_short(found.old),
            new=_short(found.new),
            author=AuthorView(**author),
            source=found.source,
        )


def _short(content: dict[str, Any] | None) -> dict[str, Any] | None:
    if content is None:
        return None
    return {name: value[:SHOWN] if isinstance(value, list) else value for name, value in content.items()}


class ChangePage(BaseModel):
    items: list[ChangeView]
    next_cursor: str | None
