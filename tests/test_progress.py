"""The engine's rules, with no I/O at all."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import progress as engine
from domain.commands import StatusCommand, Verb
from domain.errors import Conflict, Forbidden, Gone, Invalid, NotFound, RacordError, TooEarly, TooLate
from domain.facts import ChannelFacts
from domain.model import OnboardingStatus, Party, StepState
from tests.playbooks import CONSENT, EVIDENCE, MANAGER, NOW, READY, SIGNED, Walk


def steer(walk: Walk, verb: Verb) -> None:
    command = StatusCommand(command_id="s", verb=verb, reason="as asked", actor=MANAGER)
    walk._take(engine.steer(walk.case, walk.progress, command, NOW))


def test_an_onboarding_begins_with_its_contract_and_waits_on_us() -> None:  # R2
    walk = Walk()
    assert walk.state("contract") == "waiting"
    assert set(walk.states().values()) == {"waiting", "pending"}
    assert walk.progress.waiting_on is Party.US


def test_the_intent_goes_out_by_itself_once_there_is_a_contract() -> None:  # R2, R3
    walk = Walk()
    walk.act("contract", body=EVIDENCE)
    (order,) = engine.orders(walk.case, walk.progress)
    assert (order.template, order.sender, order.cc) == ("intent", "provider", ("support",))
    assert walk.state("intent") == "running"
    assert walk.progress.waiting_on is Party.SYSTEM


def test_services_and_prices_stand_side_by_side() -> None:  # R4
    walk = Walk().to("channel")
    walk.facts(ChannelFacts(version=1, enabled=True))
    assert (walk.state("services"), walk.state("prices")) == ("waiting", "waiting")


def test_no_notice_goes_out_before_the_consent() -> None:  # R9, R10
    walk = Walk().to("channel")
    walk.facts(READY.model_copy(update={"consent": None}))
    assert walk.send_all() == []
    walk.facts(
        READY.model_copy(update={"version": 10, "consent": CONSENT.model_copy(update={"in_force": False})})
    )
    assert walk.send_all() == []
    walk.facts(READY.model_copy(update={"version": 11}))
    assert walk.send_all()[0] == "notice:1:message"


def test_only_the_partner_activates() -> None:  # R13
    walk = Walk().to("activation")
    with pytest.raises(Forbidden, match="Only the partner"):
        walk.act("activation", body=EVIDENCE)
    walk.by_link("activation")
    assert walk.progress.status is OnboardingStatus.LIVE


def test_a_removed_price_reopens_all_that_stands_on_it_and_setting_it_again_bothers_nobody_twice() -> (
    None
):  # R8
    walk = Walk().to("joint_test")
    walk.facts(READY.model_copy(update={"version": 10, "priced": 1, "published_without_price": 1}))
    assert {k for k, s in walk.states().items() if s == "stale"} == {
        "prices",
        "consent",
        "notice",
        "settings",
    }
    assert walk.state("joint_test") == "pending"
    walk.facts(READY.model_copy(update={"version": 11}))
    assert walk.state("settings") == "done"
    assert walk.state("joint_test") == "waiting"
    assert walk.send_all() == []


def test_a_change_after_the_joint_test_voids_it() -> None:  # R12
    walk = Walk().to("activation")
    walk.facts(READY.model_copy(update={"version": 10, "digest": "another price"}))
    assert walk.state("joint_test") == "stale"
    assert walk.progress.steps["joint_test"].attempt == 2
    assert walk.state("activation") == "pending"
    assert [key for key in walk.send_all() if key.startswith("joint_test:2")]


def test_after_a_repeated_joint_test_the_partner_is_asked_anew_to_activate() -> None:  # R12, R13
    walk = Walk().to("activation")
    walk.send_all()
    walk.facts(READY.model_copy(update={"version": 10, "digest": "another price"}))
    walk.send_all()
    walk._test()
    assert walk.send_all() == ["activation:2:invitation:ops"]
    with pytest.raises(Gone):
        walk.act("activation", body=SIGNED, party=Party.PARTNER, link_id="lnk_1", attempt=1)
    walk.by_link("activation")
    assert walk.progress.status is OnboardingStatus.LIVE


def test_a_reminder_may_be_for_one_contact_alone() -> None:
    walk = Walk().to("joint_test")
    walk.send_all()
    walk.act("joint_test", "remind", {"to": "provider"})
    assert walk.send_all() == ["joint_test:1:reminder-1:provider"]
    with pytest.raises(Invalid, match="Nobody with the role"):
        walk.act("joint_test", "remind", {"to": "nobody"})
    walk.act("joint_test", "remind")
    assert walk.send_all() == ["joint_test:1:reminder-2:provider", "joint_test:1:reminder-2:ops"]


def test_a_rejection_starts_the_next_attempt_and_waits_on_us_until_it_is_settled() -> None:  # R11
    walk = Walk().to("settings")
    walk.by_link("settings", "reject", {"reason": "The annex is missing."})
    record = walk.progress.steps["settings"]
    assert (record.attempt, record.waiting_on, record.blocker) == (2, Party.US, "The annex is missing.")
    assert walk.send_all() == ["settings:2:invitation:ops"]
    walk.act("settings", "retry", {"note": "Annex sent."})
    assert walk.progress.steps["settings"].waiting_on is Party.PARTNER
    assert walk.send_all() == ["settings:2:reminder-1:ops"]
    walk.by_link("settings")
    assert walk.state("settings") == "done"


def test_the_partner_may_confirm_a_rejected_step_without_waiting_for_us() -> None:
    walk = Walk().to("settings")
    walk.by_link("settings", "reject", {"reason": "Our fault, in fact."})
    walk.by_link("settings")
    assert walk.state("settings") == "done"
    assert walk.progress.steps["settings"].rejection is None


def test_a_failed_scenario_needs_a_note_and_starts_the_next_attempt() -> None:  # R12
    walk = Walk().to("joint_test")
    with pytest.raises(Invalid, match="nothing says how"):
        walk.by_link("joint_test", body={"scenarios": {"booking": "failed"}})
    walk.by_link("joint_test", body={"scenarios": {"booking": "failed"}, "note": "It never arrived."})
    record = walk.progress.steps["joint_test"]
    assert record.attempt == 2
    assert record.rejection is not None
    assert record.rejection.reason == "booking: It never arrived."


def test_the_joint_test_needs_both_parties() -> None:  # R12
    walk = Walk().to("joint_test")
    walk.by_link("joint_test", body={"scenarios": {"booking": "passed"}}, party=Party.PARTNER)
    assert walk.progress.steps["joint_test"].waiting_on is Party.PROVIDER
    behalf = {"party": "provider", "name": "Dr. Ionescu"}
    walk.act("joint_test", body={"scenarios": {"booking": "passed"}, "on_behalf_of": behalf, **EVIDENCE})
    assert walk.state("joint_test") == "done"


def test_a_refused_mail_waits_on_us_and_retry_is_a_new_message() -> None:
    walk = Walk()
    walk.act("contract", body=EVIDENCE)
    walk.send_all("refused", "550 5.1.1 no such mailbox: ops@small.example")
    assert walk.progress.steps["intent"].blocker == "550 5.1.1 no such mailbox: ops@small.example"
    assert walk.progress.waiting_on is Party.US
    walk.act("intent", "retry")
    assert walk.send_all() == ["intent:2:message"]
    assert walk.state("intent") == "done"


def test_a_link_of_an_earlier_attempt_is_dead() -> None:
    walk = Walk().to("settings")
    walk.by_link("settings", "reject", {"reason": "Not yet."})
    with pytest.raises(Gone):
        walk.act("settings", body=SIGNED, party=Party.PARTNER, link_id="lnk_1", attempt=1)


@pytest.mark.parametrize(
    ("step", "action", "body", "error", "words"),
    [
        ("contract", "complete", {}, Invalid, "evidence"),
        ("contract", "complete", {"evidence": {"document": "x", "date": "soon"}}, Invalid, "date"),
        ("contract", "complete", {"evidence": {"document": "x", "date": "2031-01-01"}}, Invalid, "future"),
        ("contract", "complete", {**EVIDENCE, "colour": "red"}, Invalid, "colour"),
        ("contract", "reject", {}, Conflict, "does not offer"),
        ("settings", "complete", EVIDENCE, TooEarly, "notice"),
        ("nowhere", "complete", {}, NotFound, "nowhere"),
        ("channel", "reopen", {"reason": "because"}, Conflict, "follows the catalogue"),
        ("settings", "reopen", {"reason": "because"}, Conflict, "not done"),
    ],
)
def test_a_wrong_command_is_refused_with_the_thing_named_and_changes_nothing(
    step: str, action: str, body: dict[str, Any], error: type[RacordError], words: str
) -> None:
    walk = Walk()
    before = walk.progress
    with pytest.raises(error) as refused:
        walk.act(step, action, body)
    assert words in refused.value.detail
    assert refused.value.mend
    assert walk.progress == before


def test_a_done_step_is_not_done_twice() -> None:
    walk = Walk()
    walk.act("contract", body=EVIDENCE)
    with pytest.raises(TooLate, match="already done"):
        walk.act("contract", body=EVIDENCE)


def test_reopening_by_hand_makes_stale_what_the_preview_said() -> None:
    walk = Walk().to("joint_test")
    foretold = engine.invalidated_by_reopening(walk.case, walk.progress, "contract", NOW)
    walk.act("contract", "reopen", {"reason": "The contract was replaced."})
    stale = {key for key, state in walk.states().items() if state == "stale"}
    assert stale | {"joint_test"} == {*foretold, "contract"}
    walk.act("contract", body=EVIDENCE)
    assert walk.state("joint_test") == "waiting"
    assert walk.send_all() == []


def test_the_preview_of_a_reopening_names_every_step_that_moves_wherever_the_onboarding_stands() -> None:
    walk = Walk()
    stages = [step.key for step in walk.case.playbook.in_order()]
    seen = set()
    for stage in stages:
        walk = Walk().to(stage)
        done = [key for key, record in walk.progress.steps.items() if record.state is StepState.DONE]
        for key in done:
            again = Walk().to(stage)
            foretold = set(engine.invalidated_by_reopening(again.case, again.progress, key, NOW))
            if again.case.step(key).kind in ("check", "consent"):
                continue
            before = again.progress.steps
            again.act(key, "reopen", {"reason": "Once more."})
            after = again.progress.steps
            moved = {
                one
                for one in after
                if (after[one].state, after[one].waiting_on) != (before[one].state, before[one].waiting_on)
            }
            assert moved - {key} == foretold, (stage, key)
            seen.add((key, stage) if stage in foretold else None)
    assert ("settings", "joint_test") in seen, "what is waited for just now is named too"


def test_what_is_carried_over_again_and_again_names_the_onboarding_that_has_its_evidence() -> None:
    walk = Walk().to("settings")
    for later in ("onb_2", "onb_3"):
        earlier = engine.Earlier(
            onboarding_id=walk.case.onboarding_id, progress=walk.progress, cause="permission_disabled"
        )
        walk = Walk()
        walk.case = walk.case.model_copy(update={"onboarding_id": later})
        walk.progress = engine.begin(walk.case, READY, NOW, MANAGER, earlier).progress
    result = walk.progress.steps["contract"].result
    assert result["carried_over_from"] == "onb_1"
    assert result["evidence"] == EVIDENCE["evidence"]


def test_on_hold_nothing_moves_and_no_mail_goes_out() -> None:
    walk = Walk()
    walk.act("contract", body=EVIDENCE)
    steer(walk, Verb.HOLD)
    assert engine.orders(walk.case, walk.progress) == ()
    with pytest.raises(Conflict, match="on hold"):
        walk.act("contract", body=EVIDENCE)
    walk.facts(READY)
    assert walk.state("channel") == "pending"
    steer(walk, Verb.RESUME)
    walk.send_all()
    assert walk.state("consent") == "done"


def test_a_cancelled_onboarding_takes_nothing_more() -> None:
    walk = Walk()
    steer(walk, Verb.CANCEL)
    assert walk.progress.status is OnboardingStatus.CANCELLED
    with pytest.raises(TooLate, match="cancelled"):
        walk.act("contract", body=EVIDENCE)
    with pytest.raises(TooLate):
        steer(walk, Verb.RESUME)


def test_facts_that_hold_at_the_start_are_counted_when_their_turn_comes() -> None:
    walk = Walk(facts=READY)
    assert walk.state("channel") == "pending"
    walk.act("contract", body=EVIDENCE)
    assert walk.send_all() == ["intent:1:message", "notice:1:message", "settings:1:invitation:ops"]


def test_a_version_that_says_the_same_changes_nothing() -> None:
    walk = Walk().to("settings")
    before = walk.progress.revision
    walk.facts(READY.model_copy(update={"version": 10}))
    assert (walk.progress.revision, walk.last.events) == (before, ())


def test_what_a_restored_catalogue_says_counts_though_its_version_is_lower() -> None:
    walk = Walk().to("settings")
    walk.facts(ChannelFacts(version=1))
    assert walk.state("prices") == "stale"


def test_a_message_in_doubt_may_be_recorded_as_arrived() -> None:
    walk = Walk()
    walk.act("contract", body=EVIDENCE)
    walk.send_all("unknown", "The connection broke after the message was handed over.")
    walk.act("intent", body=EVIDENCE)
    assert walk.state("intent") == "done"


def test_who_never_got_the_invitation_gets_it_and_not_a_reminder_of_it() -> None:
    walk = Walk().to("channel")
    walk.facts(READY)
    while (order := engine.orders(walk.case, walk.progress)[0]).step != "settings":
        walk.send_one(order)
    walk.send_one(order, "refused", "550 no such mailbox")
    walk.act("settings", "retry")
    (again,) = engine.orders(walk.case, walk.progress)
    assert (again.key, again.template) == ("settings:1:reminder-1:ops", "technical_settings")


facts_strategy = st.builds(
    ChannelFacts,
    version=st.integers(0, 50),
    enabled=st.booleans(),
    published=st.integers(0, 2),
    priced=st.integers(0, 2),
    published_without_price=st.integers(0, 1),
    calendars=st.integers(0, 1),
    consent=st.sampled_from([None, CONSENT, CONSENT.model_copy(update={"in_force": False})]),
    digest=st.sampled_from(["a", "b"]),
)
moves = st.one_of(
    st.tuples(st.just("facts"), facts_strategy),
    st.tuples(st.just("mail"), st.sampled_from(["sent", "refused"])),
    st.tuples(
        st.just("act"),
        st.sampled_from(["contract", "intent", "settings", "joint_test", "activation"]),
        st.sampled_from(["complete", "reject", "retry", "remind", "reopen"]),
    ),
    st.tuples(st.just("steer"), st.sampled_from([Verb.HOLD, Verb.RESUME])),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(moves, max_size=25))
def test_whatever_happens_the_invariants_hold(script: list[tuple[Any, ...]]) -> None:
    walk = Walk()
    sent: list[str] = []
    for move in script:
        before = walk.progress
        try:
            if move[0] == "facts":
                walk.facts(move[1])
            elif move[0] == "mail":
                sent += walk.send_all(move[1])
            elif move[0] == "steer":
                steer(walk, move[1])
            else:
                body: dict[str, Any] = {"scenarios": {"booking": "passed"}} if move[1] == "joint_test" else {}
                body |= {"reason": "a reason"} if move[2] in ("reject", "reopen") else {}
                body |= EVIDENCE if move[1] == "contract" and move[2] == "complete" else {}
                by_link = move[2] in ("complete", "reject") and move[1] != "contract"
                (walk.by_link if by_link else walk.act)(move[1], move[2], body)
        except RacordError:
            assert walk.progress is before
        _check(walk, before.revision, sent)


def _check(walk: Walk, revision_before: int, sent: list[str]) -> None:
    assert (
        walk.progress.revision in (revision_before, revision_before + 1)
        or walk.progress.revision > revision_before
    )
    assert len(sent) == len(set(sent)), "a message went out twice"
    if walk.progress.status is OnboardingStatus.ON_HOLD:
        return
    for step in walk.case.playbook.steps:
        record = walk.progress.steps[step.key]
        met = all(walk.progress.steps[need].state.is_finished for need in step.needs)
        if record.state in (StepState.DONE, StepState.WAITING, StepState.RUNNING):
            assert met, f"{step.key} is {record.state} without its needs"
        if record.is_open and walk.progress.status is OnboardingStatus.IN_PROGRESS:
            assert engine.actions(walk.case, walk.progress, step.key) or record.state is StepState.RUNNING
    if walk.state("notice") == "done":
        assert any(event.type == "step.done" and event.step == "consent" for event in walk.events)
    if walk.progress.status is OnboardingStatus.LIVE:
        assert all(record.state.is_finished for record in walk.progress.steps.values())
