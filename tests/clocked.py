"""An onboarding in memory whose time is moved by hand, with two sides that keep different holidays."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from domain import progress as engine
from domain.commands import StatusCommand, StepCommand, Verb
from domain.deadlines import WorkCalendar
from domain.facts import ChannelFacts
from domain.model import Party
from domain.progress import RULES, Case, Change, Progress
from domain.steps.base import MailOutcome
from tests.playbooks import EVIDENCE, MANAGER, READY, playbook

BUCHAREST = ZoneInfo("Europe/Bucharest")
HOLIDAY = date(2026, 3, 10)
OURS = WorkCalendar(time_zone="Europe/Bucharest")
THEIRS = WorkCalendar(time_zone="Europe/Berlin", holidays=frozenset({HOLIDAY}))
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LADDER: dict[str, Any] = {
    "reminders": [-2, 0, 3],
    "escalation": [
        {"after": 1, "to": "boss"},
        {"after": 5, "to": "account_manager"},
        {"after": 10, "to": "lead"},
    ],
}


class Clocked:
    """An onboarding whose time is moved by hand; messages are sent at once."""

    def __init__(self, facts: ChannelFacts = READY, **more: Any) -> None:
        contacts = {
            "ops": {"name": "Ops", "email": "ops@small.example"},
            "boss": {"name": "Boss", "email": "boss@small.example"},
        }
        book = playbook(**{"contacts": contacts, **LADDER, **more})
        steps = tuple(
            step.model_copy(update={"due_working_days": 5, "skippable": step.key == "settings"})
            for step in book.steps
        )
        book = book.model_copy(update={"steps": steps})
        calendars = {party: THEIRS if party is Party.PARTNER else OURS for party in Party}
        self.case = Case(
            onboarding_id="onb_1", provider_id="prv_1", playbook=book, calendars=calendars, rules=RULES
        )
        self.now, self.sent = MONDAY, list[tuple[datetime, str, str]]()
        self.events = list[engine.Event]()
        self.progress = Progress()
        self.take(engine.begin(self.case, facts, self.now, MANAGER))

    def act(self, step: str, action: str = "complete", /, **body: Any) -> None:
        command = StepCommand(command_id="c", step=step, action=action, body=body, actor=MANAGER)
        self.take(engine.answer(self.case, self.progress, command, self.now))

    def by_link(self, step: str, party: Party, **body: Any) -> None:
        body = {"name": "Mihai Pop", "role": "Integration", **body}
        command = StepCommand(
            command_id="c",
            step=step,
            action="complete",
            body=body,
            actor=MANAGER,
            party=party,
            link_id="lnk_1",
        )
        self.take(engine.answer(self.case, self.progress, command, self.now))

    def steer(self, verb: Verb, until: date | None = None) -> None:
        command = StatusCommand(command_id="c", verb=verb, reason="As agreed", until=until, actor=MANAGER)
        self.take(engine.steer(self.case, self.progress, command, self.now))

    def passes(self, until: datetime) -> None:
        """Time goes on, and everything happens when it is due."""
        while (
            moment := engine.next_moment(self.case, self.progress, self.now)
        ) is not None and moment <= until:
            assert moment >= self.now
            self.now = moment
            self.take(engine.pass_time(self.case, self.progress, self.now))
        self.now = until

    def bounce(self, step: str, key: str) -> None:
        came_back = MailOutcome(
            state="bounced", at=self.now, detail="no such user", address="ops@small.example"
        )
        self.take(engine.with_bounce(self.case, self.progress, step, key, came_back, self.now))

    def waits_on(self, key: str) -> str | None:
        return self.progress.steps[key].waiting_on

    def letters(self, zone: ZoneInfo = BUCHAREST) -> list[str]:
        """What was sent: when on the wall clock of ``zone``, as what, to whom."""
        return [f"{at.astimezone(zone):%a %d.%m. %H:%M} {what} → {to}" for at, what, to in self.sent]

    def take(self, change: Change) -> None:
        self.progress = change.progress
        self.events.extend(change.events)
        while wanted := engine.orders(self.case, self.progress):
            outcome = MailOutcome(state="sent", at=self.now, message_id=wanted[0].key)
            self.sent.append((self.now, wanted[0].template, wanted[0].to))
            change = engine.with_mail(self.case, self.progress, wanted[0], outcome, self.now)
            self.progress = change.progress
            self.events.extend(change.events)


def waiting_on_the_partner(**more: Any) -> Clocked:
    """Since Monday, 2 March; due on Monday, 9 March. The day behind it is a holiday there."""
    onboarding = Clocked(**more)
    onboarding.act("contract", **EVIDENCE)
    onboarding.sent.clear()
    return onboarding
