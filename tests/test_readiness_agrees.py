"""The explainer never disagrees with the engine: random catalogues, random ways through the shipped playbooks."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain import progress as engine
from domain.commands import StatusCommand, Verb
from domain.errors import RacordError
from domain.facts import FACTS, ChannelFacts
from domain.model import LANGUAGES, OnboardingStatus, Party
from domain.playbook import Playbook
from domain.progress import Progress
from domain.readiness import Readiness, explain
from domain.resumed import as_resumed
from domain.snapshot import Asked, Known, Rejected, Run, ServiceFacts, Snapshot
from domain.steps.check import CheckStep
from domain.steps.joint_test import JointTestStep
from tests.playbooks import CONSENT, EVIDENCE, MANAGER, NOW, Walk
from tests.test_readiness import SHIPPED, counted

CONSENTS = (None, CONSENT, CONSENT.model_copy(update={"version": "0", "in_force": False}))

_services = st.lists(
    st.builds(
        ServiceFacts,
        id=st.uuids().map(str),
        code=st.sampled_from("ABCDE"),
        name=st.just("Ecografie {abdominală}"),
        deleted=st.sampled_from([None, None, None, Known(at=NOW), Known(at=NOW, by="Ioana")]),
        ticked=st.booleans(),
        priced=st.booleans(),
        duration=st.sampled_from([timedelta(minutes=20), timedelta(minutes=60)]),
        longest_opening=st.sampled_from([None, timedelta(), timedelta(minutes=30), timedelta(hours=8)]),
        unticked=st.sampled_from([None, Known(at=NOW), Known(at=NOW, by="Ioana")]),
        asked=st.sampled_from(
            [None, Asked(at=NOW), Asked(at=NOW, sent=NOW), Asked(at=NOW, refused=NOW, why="{no}")]
        ),
        rejected=st.sampled_from([None, Rejected(at=NOW, why="{no}")]),
        confirmed_by_partner=st.sampled_from([None, None, True, False]),
    ),
    max_size=4,
)


@st.composite
def catalogues(draw: st.DrawFn) -> tuple[tuple[ServiceFacts, ...], ChannelFacts]:
    services = tuple(draw(_services))
    if draw(st.booleans()):  # everything as it should be, or no way would ever lead far
        longest = timedelta(hours=8)
        right = ServiceFacts("right", "R", "Right", ticked=True, priced=True, longest_opening=longest)
        services = (right,)
        return services, counted(*services, digest="right")
    enabled, consent = draw(st.booleans()), draw(st.sampled_from(CONSENTS))
    return services, counted(*services, enabled=enabled, consent=consent, digest=str(hash(services)))


MOVES = ("facts", "sent", "refused", "contract", "settings", "test", "activation", "hold", "resume", "cancel")


class Way:
    """A random way: what cannot be done is refused, as it would be."""

    def __init__(self, book: Playbook, first: tuple[tuple[ServiceFacts, ...], ChannelFacts]) -> None:
        self.version = 0
        self.services, facts = first
        self.walk = Walk(facts, book)
        self.moves: dict[str, Callable[[], Any]] = {
            "sent": self.walk.send_all,
            "refused": lambda: self.walk.send_all("refused", "550 no such user"),
            "contract": lambda: self.walk.act("contract", body=EVIDENCE),
            "settings": lambda: self.walk.by_link("settings"),
            "test": self._test,
            "activation": lambda: self.walk.by_link("activation"),
            "hold": lambda: self._steer(Verb.HOLD),
            "resume": lambda: self._steer(Verb.RESUME),
            "cancel": lambda: self._steer(Verb.CANCEL),
        }

    def do(self, name: str) -> None:
        try:
            self.moves[name]()
        except RacordError:
            return

    def smoothly(self) -> None:
        for name in ("contract", "sent", "settings", "sent", "test", "sent", "activation"):
            self.do(name)

    def hear(self, catalogue: tuple[tuple[ServiceFacts, ...], ChannelFacts]) -> None:
        self.version += 1
        self.services, facts = catalogue
        self.latest = facts.model_copy(update={"version": self.version})
        self.walk.facts(self.latest)

    def _test(self) -> None:
        step = next(one for one in self.walk.case.playbook.steps if isinstance(one, JointTestStep))
        passed = {"scenarios": {scenario.key: "passed" for scenario in step.scenarios}}
        for party in (Party.PROVIDER, Party.PARTNER):
            self.walk.by_link("joint_test", body=passed, party=party)

    def _steer(self, verb: Verb) -> None:
        command = StatusCommand(command_id="s", verb=verb, reason="as {asked}", actor=MANAGER)
        self.walk._take(engine.steer(self.walk.case, self.walk.progress, command, NOW))

    def told(self) -> Progress:
        """Where it stands, as the API, the pages and the explainer tell it of the catalogue of now."""
        return as_resumed(self.walk.case, self.walk.progress, self.latest, NOW)

    def explained(self) -> Readiness:
        run = Run(id="onb_1", progress=self.told(), since=NOW)
        book = self.walk.case.playbook
        return explain(Snapshot(playbook=book, facts=self.latest, run=run, services=self.services))


@settings(max_examples=150, deadline=None)
@given(
    book=st.sampled_from(SHIPPED),
    seen=st.lists(catalogues(), min_size=2, max_size=4),
    smooth=st.booleans(),
    moves=st.lists(st.sampled_from(MOVES), max_size=10),
)
def test_the_explainer_and_the_engine_are_of_one_mind(
    book: Playbook,
    seen: list[tuple[tuple[ServiceFacts, ...], ChannelFacts]],
    smooth: bool,
    moves: list[str],
) -> None:
    way = Way(book, seen[0])
    if smooth:
        way.smoothly()
    for name in moves:
        way.hear(seen[len(moves) % len(seen)]) if name == "facts" else way.do(name)
    way.hear(seen[-1])
    found = way.explained()
    _channel_agrees(way, found)
    _services_agree(way, found)
    _is_well_told(found)
    _resuming_leads_there(way)


def _channel_agrees(way: Way, found: Readiness) -> None:
    progress, blocking = way.told(), [reason for reason in found.reasons if reason.blocks]
    live = progress.status is OnboardingStatus.LIVE
    assert found.bookable == (live and not blocking)
    assert found.bookable == (not blocking), "not bookable, and nobody says why"
    for step in way.walk.case.playbook.steps:
        record = progress.steps[step.key]
        here = [reason for reason in found.reasons if reason.step == step.key]
        if isinstance(step, CheckStep):
            assert bool(here) == (not FACTS[step.fact].holds(way.latest)), step.key
            assert live or all(reason.blocks for reason in here)
            if progress.status.is_open:
                assert not (record.state.is_finished and here)
                assert not (record.is_open and not here)
        elif progress.status.is_open:
            assert bool(here) == (not record.state.is_finished), step.key
            assert all(reason.blocks for reason in here)
            assert {reason.party for reason in here} <= {record.waiting_on or step.actor}


def _services_agree(way: Way, found: Readiness) -> None:
    known = {service.id: service for service in way.services}
    assert [one.id for one in found.services] != [] or not known
    for one in found.services:
        assert one.bookable == (not any(reason.blocks for reason in one.reasons))
        assert not one.bookable or (found.bookable and known[one.id].ticked and known[one.id].deleted is None)
    assert not found.bookable or any(one.bookable for one in found.services)


def _resuming_leads_there(way: Way) -> None:
    """What is told of an onboarding on hold is what comes of resuming it, and nothing else of it is touched."""
    held, told = way.walk.progress, way.told()
    if held.status is not OnboardingStatus.ON_HOLD:
        assert told == held
        return
    for key, record in told.steps.items():
        place = {"state": record.state, "waiting_on": record.waiting_on, "blocker": record.blocker}
        moved = (record.state, record.waiting_on) != (held.steps[key].state, held.steps[key].waiting_on)
        clocks = {"since": None, "due_at": None} if moved else {}
        assert record == held.steps[key].model_copy(update={**place, **clocks})
    assert told == held.model_copy(update={"steps": told.steps, "facts": way.latest})
    way.do("resume")
    resumed = way.walk.progress.steps
    assert {key: (one.state, one.waiting_on, one.blocker) for key, one in told.steps.items()} == {
        key: (one.state, one.waiting_on, one.blocker) for key, one in resumed.items()
    }


def _is_well_told(found: Readiness) -> None:
    told = [reason.code for reason in found.reasons]
    assert len(told) == len(set(told))
    assert [r.blocks for r in found.reasons] == sorted((r.blocks for r in found.reasons), reverse=True)
    for reason in (*found.reasons, *(reason for one in found.services for reason in one.reasons)):
        assert all(reason.said(language) for language in LANGUAGES)
