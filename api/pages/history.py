"""The history and what was recorded, as sentences in the reader's language."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from adapters.database.tables import EventRow
from adapters.i18n import format_day, say
from api.pages import words
from api.pages.differences import changes
from domain.errors import N_
from domain.progress import Case
from domain.steps import Step
from domain.steps.joint_test import JointTestStep

Fact = tuple[str, str]
ON_BEHALF = N_("{sentence} On behalf of {other}.")
PROVED_BY = N_("{document}, {day}")
_BOOKKEEPING = frozenset({"step.pending", "step.waiting", "step.running", "mail.sent"})


@dataclass(frozen=True)
class HistoryLine:
    """One line: ``note`` is what people wrote, ``quiet`` lines only keep the books."""

    at: datetime
    text: str
    note: str | None
    quiet: bool


def lines(events: Sequence[EventRow], case: Case, language: str) -> list[HistoryLine]:
    """In the order given; “is done” is left out where the line that did it says so already."""
    told = {(event.revision, event.step) for event in events if event.type == "step.complete"}
    return [
        _line(event, case, language)
        for event in events
        if not (event.type == "step.done" and (event.revision, event.step) in told)
    ]


def _line(event: EventRow, case: Case, language: str) -> HistoryLine:
    waiting = f"{event.type}.{event.data.get('waiting_on')}"
    name = waiting if waiting in words.EVENTS else event.type
    step = case.playbook.step(event.step) if event.step else None
    text = say(
        language,
        words.EVENTS.get(name, words.OTHER_EVENT),
        {
            "actor": event.actor.get("name", ""),
            "step": step.title.in_(language) if step else (event.step or ""),
            "to": _recipient(str(event.data.get("to", "")), case, language),
            "type": event.type,
        },
    )
    if event.on_behalf_of:
        text = say(language, ON_BEHALF, {"sentence": text, "other": event.on_behalf_of})
    return HistoryLine(event.at, text, _note(event, language), event.type in _BOOKKEEPING)


def _recipient(role: str, case: Case, language: str) -> str:
    if role == "provider":
        return case.provider_name
    contact = case.playbook.contacts.get(role)
    return contact.name if contact else words.word(role, language)


def _note(event: EventRow, language: str) -> str | None:
    data: Mapping[str, Any] = event.data
    said = [str(data[key]) for key in ("reason", "note", "blocker", "detail") if data.get(key)]
    if found := changes(data.get("difference"), language):
        said += found.lines
    if isinstance(evidence := data.get("evidence"), dict):
        said.insert(0, evidence_said(evidence, language))
    return " · ".join(said) or None


def evidence_said(evidence: Mapping[str, Any], language: str) -> str:
    """The document that proves something, and its day."""
    gaps = {"document": evidence.get("document", ""), "day": _day(evidence.get("date", ""), language)}
    return say(language, PROVED_BY, gaps)


def _day(written: object, language: str) -> str:
    try:
        return format_day(date.fromisoformat(str(written)), language)
    except ValueError:
        return str(written)


def recorded(step: Step, result: Mapping[str, Any], language: str) -> list[Fact]:
    """What people recorded for a step, as labels and values."""
    facts = list(_facts(result, language))
    parties: Mapping[str, Any] = result.get("parties", {})
    for party, said in parties.items():
        facts.append(
            (words.word(party, language).capitalize(), _verdicts(step, said.get("scenarios", {}), language))
        )
        facts.extend(_facts(said, language))
    return facts


def _facts(said: Mapping[str, Any], language: str) -> Iterator[Fact]:
    for key, value in said.items():
        label = words.word(key, language).capitalize()
        if key == "evidence":
            yield label, evidence_said(value, language)
        elif key == "on_behalf_of":
            yield label, f"{value.get('name', '')} ({words.word(str(value.get('party', '')), language)})"
        elif key in ("name", "role", "note", "reason"):
            yield label, str(value)


def _verdicts(step: Step, scenarios: Mapping[str, str], language: str) -> str:
    titles = {one.key: one.title.in_(language) for one in _scenarios(step)}
    return "; ".join(
        f"{titles.get(key, key)}: {words.word(verdict, language)}" for key, verdict in scenarios.items()
    )


def _scenarios(step: Step) -> Iterable[Any]:
    return step.scenarios if isinstance(step, JointTestStep) else ()
