"""Onboardings moved at given times by the real engine: what tests of the waiting ledger and the forecast stand on."""

from datetime import UTC, date, datetime, timedelta

from domain import progress as engine
from domain.commands import StatusCommand, Verb
from domain.deadlines import WorkCalendar
from domain.model import Party
from domain.waiting import Mark, mark
from tests.playbooks import MANAGER, READY, Walk, playbook

# 2 March 2026 is a Monday; the holidays are Orthodox Easter and 1 December.
OURS = WorkCalendar(
    time_zone="Europe/Bucharest",
    holidays=frozenset({date(2026, 4, 10), date(2026, 4, 13), date(2026, 12, 1)}),
)
THEIRS = WorkCalendar(time_zone="Europe/Budapest", holidays=frozenset({date(2026, 3, 16)}))
SKIPPABLE = ("contract", "settings")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Timed(Walk):
    """An onboarding that begins at ``now``, with calendars of work; see :meth:`later`."""

    def __init__(self, begins: datetime) -> None:
        book = playbook()
        steps = tuple(step.model_copy(update={"skippable": step.key in SKIPPABLE}) for step in book.steps)
        super().__init__(book=book.model_copy(update={"steps": steps}))
        self.now = begins
        calendars = {party: THEIRS if party is Party.PARTNER else OURS for party in Party}
        self.case = self.case.model_copy(update={"calendars": calendars})
        self.last = engine.begin(self.case, self.progress.facts, begins, MANAGER)
        self.progress, self.events = self.last.progress, list(self.last.events)

    def later(self, **time: float) -> "Timed":
        self.now += timedelta(**time)
        return self

    def steer(self, verb: Verb) -> None:
        command = StatusCommand(command_id="s", verb=verb, reason="as asked", actor=MANAGER)
        self._take(engine.steer(self.case, self.progress, command, self.now))

    @property
    def marks(self) -> tuple[Mark, ...]:
        return tuple(mark(event) for event in self.events)


def begun(begins: datetime) -> Timed:
    """An onboarding that begins with its contract and waits for the provider's catalogue."""
    timed = Timed(begins)
    timed.act("contract", body={"evidence": {"document": "Contract 7/2025", "date": "2025-12-01"}})
    timed.send_all()
    return timed


def until_tested(begins: datetime, days: int) -> Timed:
    """One whose catalogue is ready after so many days, and is tested right then: what is left is the activation."""
    timed = begun(begins).later(days=days)
    timed.facts(READY)
    timed.send_all()
    timed.by_link("settings")
    timed.send_all()
    timed._test()
    timed.send_all()
    return timed


def went_live(begins: datetime, days: int, more: int, held: int = 0) -> Timed:
    """One that is live so many days ``more`` after its test; on hold for so many in between."""
    timed = until_tested(begins, days)
    if held:
        timed.steer(Verb.HOLD)
        timed.later(days=held).steer(Verb.RESUME)
    timed.later(days=more).by_link("activation")
    return timed
