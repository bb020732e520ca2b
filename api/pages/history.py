"""The history and what was recorded, as sentences in the reader's language."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from adapters.database.records import ASSIGNED, FILED
from adapters.database.tables import EventRow
from adapters.i18n import format_day, say
from api.evidence import evidence_href
from api.pages import words
from api.pages.differences import changes
from domain.errors import N_
from domain.model import SYSTEM
from domain.progress import Case
from domain.steps import Step
from domain.steps.joint_test import JointTestStep


class Fact(NamedTuple):
    """Something recorded; ``file`` is the address of the file that shows it."""

    label: str
    value: str
    file: str = ""


ON_BEHALF = N_("{sentence} On behalf of {other}.")
PROVED_BY = N_("{document}, {day}")
DUE_ON = N_("Due on {day}")
PLANNED_UNTIL = N_("Planned until {day}")
_BOOKKEEPING = frozenset({"step.pending", "step.waiting", "step.running", "mail.sent"})


@dataclass(frozen=True)
class HistoryLine:
    """One line: ``note`` is what people wrote, ``quiet`` lines only keep the books, ``file`` is where evidence is."""

    at: datetime
    text: str
    note: str | None
    quiet: bool
    file: str = ""


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
    if event.type == ASSIGNED and event.data.get("to") is None:
        name = f"{ASSIGNED}.nobody"
    if event.type == "step.remind" and event.actor.get("kind") == SYSTEM.kind:
        name = "step.remind.auto"
    step = case.playbook.step(event.step) if event.step else None
    text = say(
        language,
        words.EVENTS.get(name, words.OTHER_EVENT),
        {
            "actor": event.actor.get("name", ""),
            "step": step.title.in_(language) if step else (event.step or ""),
            "to": _recipient(event.data.get("to", ""), case, language),
            "type": event.type,
            "name": event.data.get("name", ""),
        },
    )
    if event.on_behalf_of:
        text = say(language, ON_BEHALF, {"sentence": text, "other": event.on_behalf_of})
    is_quiet, file = event.type in _BOOKKEEPING, _file_of(event, case.onboarding_id)
    return HistoryLine(event.at, text, _note(event, language), is_quiet, file)


def _file_of(event: EventRow, onboarding_id: str) -> str:
    if event.type == FILED:
        return file_href(onboarding_id, {"file": event.data.get("file")})
    return file_href(onboarding_id, event.data.get("evidence"))


def file_href(onboarding_id: str, evidence: object) -> str:
    """Where the file of what was recorded as evidence is downloaded; empty where it has none."""
    file = evidence.get("file") if isinstance(evidence, Mapping) else None
    return f"{evidence_href(onboarding_id)}/{file}" if file else ""


def _recipient(to: object, case: Case, language: str) -> str:
    """A person by name, or whoever has a role."""
    if isinstance(to, Mapping):
        return str(to.get("name", ""))
    role = str(to)
    if role == "provider":
        return case.provider_name
    contact = case.playbook.contacts.get(role)
    return contact.name if contact else words.word(role, language)


def _note(event: EventRow, language: str) -> str | None:
    data: Mapping[str, Any] = event.data
    said = list(_days(event, language))
    said += [str(data[key]) for key in ("reason", "note", "blocker", "detail") if data.get(key)]
    if found := changes(data.get("difference"), language):
        said += found.lines
    if isinstance(evidence := data.get("evidence"), dict):
        said.insert(0, evidence_said(evidence, language))
    return " · ".join(said) or None


def _days(event: EventRow, language: str) -> Iterator[str]:
    """The day of a due date or of the planned end of a hold."""
    if event.type == "step.due":
        yield say(language, DUE_ON, {"day": _day(str(event.data.get("due_at", ""))[:10], language)})
    elif until := event.data.get("until"):
        yield say(language, PLANNED_UNTIL, {"day": _day(until, language)})


def evidence_said(evidence: Mapping[str, Any], language: str) -> str:
    """The document that proves something, and its day."""
    gaps = {"document": evidence.get("document", ""), "day": _day(evidence.get("date", ""), language)}
    return say(language, PROVED_BY, gaps)


def _day(written: object, language: str) -> str:
    try:
        return format_day(date.fromisoformat(str(written)), language)
    except ValueError:
        return str(written)


def recorded(step: Step, result: Mapping[str, Any], language: str, onboarding_id: str) -> list[Fact]:
    """What people recorded for a step; the file of what was taken over is with the onboarding that it comes from."""
    onboarding_id = str(result.get("carried_over_from") or onboarding_id)
    facts = list(_facts(result, language, onboarding_id))
    parties: Mapping[str, Any] = result.get("parties", {})
    for party, said in parties.items():
        verdicts = _verdicts(step, said.get("scenarios", {}), language)
        facts.append(Fact(words.word(party, language).capitalize(), verdicts))
        facts.extend(_facts(said, language, onboarding_id))
    return facts


def _facts(said: Mapping[str, Any], language: str, onboarding_id: str) -> Iterator[Fact]:
    for key, value in said.items():
        label = words.word(key, language).capitalize()
        if key == "evidence":
            yield Fact(label, evidence_said(value, language), file_href(onboarding_id, value))
        elif key == "on_behalf_of":
            whose = f"{value.get('name', '')} ({words.word(str(value.get('party', '')), language)})"
            yield Fact(label, whose)
        elif key in ("name", "role", "note", "reason"):
            yield Fact(label, str(value))


def _verdicts(step: Step, scenarios: Mapping[str, str], language: str) -> str:
    titles = {one.key: one.title.in_(language) for one in _scenarios(step)}
    return "; ".join(
        f"{titles.get(key, key)}: {words.word(verdict, language)}" for key, verdict in scenarios.items()
    )


def _scenarios(step: Step) -> Iterable[Any]:
    return step.scenarios if isinstance(step, JointTestStep) else ()
