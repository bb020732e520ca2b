"""A small playbook with every step kind, and short ways to move the pure engine."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from domain import progress as engine
from domain.commands import StepCommand
from domain.facts import ChannelFacts, ConsentFact
from domain.model import Actor, Party
from domain.playbook import Playbook
from domain.progress import RULES, Case, Change
from domain.steps.base import MailOrder, MailOutcome

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MANAGER = Actor(kind="api_key", id="key_1", name="Ana Manager", role="manager")
EVIDENCE = {"evidence": {"document": "Contract 118/2026", "date": "2026-02-27"}}
SIGNED = {"name": "Mihai Pop", "role": "Integration"}
CONSENT = ConsentFact(version="1", accepted_by="Dr. Ionescu", accepted_at=NOW, in_force=True)
READY = ChannelFacts(
    version=9,
    enabled=True,
    services=3,
    published=2,
    priced=3,
    calendars=1,
    consent=CONSENT,
    digest="as tested",
)


def playbook(**more: Any) -> Playbook:
    values: dict[str, Any] = {
        "slug": "small",
        "name": "Small Partner",
        "country": "RO",
        "time_zone": "Europe/Bucharest",
        "languages": ["ro", "en"],
        "channel_name": "Small channel",
        "contacts": {"ops": {"name": "Ops", "email": "ops@small.example"}},
        "declaration": {"document": "small", "version": "1"},
        "steps": [
            {"key": "contract", "kind": "attest", "title": "Contract", "due_working_days": 5},
            {
                "key": "intent",
                "kind": "mail",
                "title": "Intent",
                "template": "intent",
                "to": "ops",
                "cc": ["support"],
                "sender": "provider",
                "needs": ["contract"],
            },
            {
                "key": "channel",
                "kind": "check",
                "title": "Channel",
                "fact": "channel_enabled",
                "needs": ["intent"],
            },
            {
                "key": "services",
                "kind": "check",
                "title": "Services",
                "fact": "services_published",
                "needs": ["channel"],
            },
            {"key": "prices", "kind": "check", "title": "Prices", "fact": "prices_set", "needs": ["channel"]},
            {"key": "consent", "kind": "consent", "title": "Consent", "needs": ["services", "prices"]},
            {
                "key": "notice",
                "kind": "mail",
                "title": "Notice",
                "template": "notice",
                "to": "ops",
                "needs": ["consent"],
            },
            {
                "key": "settings",
                "kind": "confirm",
                "title": "Settings",
                "template": "technical_settings",
                "to": "ops",
                "on_behalf": True,
                "needs": ["notice"],
            },
            {
                "key": "joint_test",
                "kind": "joint_test",
                "title": "Joint test",
                "template": "joint_test",
                "to": "ops",
                "scenarios": [{"key": "booking", "title": "A booking arrives"}],
                "needs": ["settings"],
            },
            {
                "key": "activation",
                "kind": "confirm",
                "title": "Activation",
                "template": "activation",
                "to": "ops",
                "needs": ["joint_test"],
            },
        ],
    }
    return Playbook.model_validate(values | more)


class Walk:
    """An onboarding in memory: says what happens ``now``, keeps where it stands and every event."""

    def __init__(self, facts: ChannelFacts | None = None, book: Playbook | None = None) -> None:
        self.case = Case(onboarding_id="onb_1", provider_id="prv_1", playbook=book or playbook(), rules=RULES)
        self.now = NOW
        self.last = engine.begin(self.case, facts or ChannelFacts(), self.now, MANAGER)
        self.progress = self.last.progress
        self.events = list(self.last.events)

    def _take(self, change: Change) -> None:
        self.events += change.events
        self.last = change
        self.progress = change.progress

    def state(self, key: str) -> str:
        return self.progress.steps[key].state.value

    def states(self) -> dict[str, str]:
        return {key: record.state.value for key, record in self.progress.steps.items()}

    def facts(self, facts: ChannelFacts) -> None:
        self._take(engine.with_facts(self.case, self.progress, facts, self.now))

    def send_all(self, outcome: str = "sent", detail: str = "") -> list[str]:
        """Every wanted mail gets this outcome; the keys of what was sent."""
        sent = []
        while wanted := engine.orders(self.case, self.progress):
            self.send_one(wanted[0], outcome, detail)
            sent.append(wanted[0].key)
            if outcome != "sent":
                break
        return sent

    def send_one(self, order: MailOrder, outcome: str = "sent", detail: str = "") -> None:
        """One message gets this outcome."""
        settled = MailOutcome(state=outcome, at=self.now, detail=detail)
        self._take(engine.with_mail(self.case, self.progress, order, settled, self.now))

    def act(
        self, step: str, action: str = "complete", body: dict[str, Any] | None = None, **more: Any
    ) -> None:
        command = StepCommand(
            command_id="c", step=step, action=action, body=body or {}, actor=MANAGER, **more
        )
        self._take(engine.answer(self.case, self.progress, command, self.now))

    def by_link(
        self,
        step: str,
        action: str = "complete",
        body: dict[str, Any] | None = None,
        party: Party = Party.PARTNER,
    ) -> None:
        attempt = self.progress.steps[step].attempt
        self.act(step, action, SIGNED | (body or {}), party=party, link_id="lnk_1", attempt=attempt)

    def to(self, step: str) -> "Walk":
        """Goes on until ``step`` is open, as a smooth onboarding would."""
        moves: dict[str, Callable[[], None]] = {
            "contract": lambda: self.act("contract", body=EVIDENCE),
            "settings": lambda: self.by_link("settings"),
            "joint_test": self._test,
            "activation": lambda: self.by_link("activation"),
        }
        for key in self.progress.steps:
            if key == step:
                break
            if key == "channel":
                self.facts(READY)
            if key in moves:
                moves[key]()
            self.send_all()
        return self

    def _test(self) -> None:
        for party in (Party.PROVIDER, Party.PARTNER):
            self.by_link("joint_test", body={"scenarios": {"booking": "passed"}}, party=party)
