"""A live connection's history as sentences in the reader's language."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import changes
from adapters.i18n import say
from api.pages import connection_words as words
from api.pages.history import HistoryLine, evidence_said
from api.pages.words import OTHER_EVENT
from api.schemas.connections import ConnectionEventView
from api.troubles import trouble_said
from domain.connection import ConnectionEvent
from domain.errors import N_

TOLD = N_("Services told: {services}, withdrawn: {withdrawn}, rejected: {rejected}; tries: {tries}")
ABOUT = N_("Services: {services}")
Names = Mapping[str, tuple[str, str]]


async def names_in(session: AsyncSession, events: Iterable[ConnectionEventView]) -> Names:
    """Code and name of the services that the events are about, by id."""
    return await changes.named(
        session, [str(e.data.get("id")) for e in events if e.type == ConnectionEvent.SERVICE_REJECTED]
    )


def lines(events: Sequence[ConnectionEventView], names: Names, language: str) -> list[HistoryLine]:
    return [_line(event, names, language) for event in events]


def _line(event: ConnectionEventView, names: Names, language: str) -> HistoryLine:
    data = event.data
    service = " ".join(names.get(str(data.get("id")), (str(data.get("id", "")),)))
    kind = words.NOTICE_KINDS.get(data.get("kind", ""))
    text = say(
        language,
        words.EVENTS.get(_name(event), OTHER_EVENT),
        {
            "actor": event.actor.get("name", ""),
            "sequence": data.get("sequence", ""),
            "services": data.get("services", ""),
            "service": service,
            "number": data.get("number", ""),
            "to": data.get("to", ""),
            "kind": say(language, kind) if kind else "",
            "other": (data.get("on_behalf_of") or {}).get("name", ""),
            "type": event.type,
            "step": event.id,
        },
    )
    return HistoryLine(event.at, text, _note(event, language), False)


def _name(event: ConnectionEventView) -> str:
    """The event's type, told apart by what makes another sentence of it."""
    told = f"{event.type}.{event.data.get('verdict')}"
    if event.data.get("on_behalf_of"):
        told = f"{event.type}.recorded"
    return told if told in words.EVENTS else event.type


def _note(event: ConnectionEventView, language: str) -> str | None:
    data = event.data
    said = [str(data[key]) for key in ("reason", "note", "code") if data.get(key)]
    if detail := data.get("detail"):
        said.append(trouble_said(str(detail), language))
    if event.type == ConnectionEvent.DELIVERY_TAKEN:
        gaps: dict[str, Any] = {
            key: data.get(key, 0) for key in ("services", "withdrawn", "rejected", "tries")
        }
        said.append(say(language, TOLD, gaps))
    elif event.type == ConnectionEvent.NOTICE_OPENED:
        said.append(say(language, ABOUT, {"services": data.get("services", 0)}))
    elif event.type == ConnectionEvent.ENDING and data.get("cause") in words.CAUSES:
        said.insert(0, say(language, words.CAUSES[data["cause"]]))
    if isinstance(evidence := data.get("evidence"), dict):
        said.insert(0, evidence_said(evidence, language))
    return " · ".join(said) or None
