"""The explainer as a pure function: complete, in order, and of one mind with the engine (R5–R9, R14, R18–R20)."""

import string
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.mail.render import TEMPLATES
from adapters.playbooks import load_playbooks
from adapters.settings import PACKAGED_PARTNERS
from domain.connection import Cause, ConnectionStatus, NoticeState
from domain.facts import ChannelFacts, ConsentFact, FactName
from domain.model import LANGUAGES, OnboardingStatus, Party, Text
from domain.playbook import Playbook
from domain.progress import Progress
from domain.readiness import Readiness, explain, is_ready_but_for_the_partner
from domain.reason_texts import (
    ASKED_ON,
    DELETED_BY,
    DISABLED_BY,
    HELD_BY_PAUSE,
    STEP_TEXTS,
    TEXTS,
    TOO_SHORT,
    UNTICKED_BY,
)
from domain.reasons import FACT_CODES, Code, Severity
from domain.snapshot import Asked, Known, Link, Rejected, Run, ServiceFacts, Snapshot
from tests.playbooks import CONSENT, NOW, READY, Walk, playbook

SHIPPED = tuple(load_playbooks(PACKAGED_PARTNERS, TEMPLATES))
GENERALI, GLOBAL = (
    next(book for book in SHIPPED if book.slug == slug) for slug in ("generali", "global-assistance")
)
NONE, DAY = timedelta(), timedelta(hours=8)
DOCS = Path(__file__).resolve().parent.parent / "docs" / "explainer.md"


def service(id: str = "srv", **more: Any) -> ServiceFacts:
    right = {"ticked": True, "priced": True, "longest_opening": DAY}
    return ServiceFacts(id=id, code=id.upper(), name=id, **{**right, **more})


def counted(*services: ServiceFacts, **more: object) -> ChannelFacts:
    """The channel's facts as the catalogue would count them."""
    living = [one for one in services if one.deleted is None]
    ticked = [one for one in living if one.ticked]
    values: dict[str, object] = {
        "enabled": True,
        "services": len(living),
        "published": len(ticked),
        "priced": sum(one.priced for one in living),
        "published_without_price": sum(not one.priced for one in ticked),
        "calendars": int(any(one.longest_opening for one in living)),
        "published_without_calendar": sum(not one.has_availability for one in ticked),
        "consent": CONSENT,
    }
    return ChannelFacts.model_validate({**values, **more})


def live(
    *services: ServiceFacts, book: Playbook = GENERALI, link: Link | None = None, **more: object
) -> Readiness:
    """The answer for a channel that went live."""
    progress = Progress(status=OnboardingStatus.LIVE)
    facts = counted(*services, **more)
    run = Run(id="onb_1", progress=progress)
    return explain(Snapshot(playbook=book, facts=facts, run=run, link=link, services=services))


def codes(found: Readiness) -> list[str]:
    return [reason.code for reason in found.reasons]


def own_codes(found: Readiness, id: str = "srv") -> list[str]:
    return [reason.code for one in found.services if one.id == id for reason in one.reasons]


def test_nothing_exists_yet_and_all_is_said_in_the_playbooks_order() -> None:
    found = explain(Snapshot(playbook=GENERALI, facts=ChannelFacts()))
    assert codes(found) == [
        "onboarding.not_started",
        "channel.disabled",
        "services.none_ticked",
        "prices.missing",
        "consent.missing",
    ]
    assert not found.bookable
    assert found.reasons[0].party is Party.US


def test_global_assistance_is_told_its_own_order_with_the_calendars_first() -> None:  # R4a, R6
    found = explain(Snapshot(playbook=GLOBAL, facts=ChannelFacts()))
    assert codes(found)[1:3] == ["calendars.missing", "prices.missing"]
    assert "calendars.missing" not in codes(explain(Snapshot(playbook=GENERALI, facts=ChannelFacts())))


def test_a_live_channel_whose_facts_hold_is_bookable_and_says_nothing() -> None:
    found = live(service())
    assert (found.bookable, found.reasons) == (True, ())
    assert found.services[0].bookable
    assert found.services[0].reasons == ()


def test_on_a_live_channel_one_service_without_price_warns_and_the_others_stay_bookable() -> None:  # R8
    found = live(service("a"), service("b", priced=False))
    assert found.bookable
    (reason,) = found.reasons
    assert (reason.code, reason.severity, reason.services) == ("prices.missing", Severity.WARNING, 1)
    assert [(one.id, one.bookable) for one in found.services] == [("b", False), ("a", True)]
    assert own_codes(found, "b") == ["service.no_price"]


def test_where_no_service_is_left_the_channel_is_not_bookable() -> None:
    assert codes(live(service("a", priced=False))) == ["prices.missing"]
    lame = (service("a", priced=False), service("b", longest_opening=None))
    found = live(*lame, book=GLOBAL)
    assert not found.bookable
    assert codes(found) == ["calendars.missing", "prices.missing"]
    found = live(service(confirmed_by_partner=False))
    assert codes(found) == ["services.none_bookable"]
    assert not found.services[0].bookable


def test_openings_count_where_the_playbook_asks_for_calendars_and_warn_elsewhere() -> None:  # R6
    full = service(longest_opening=NONE)
    assert own_codes(live(full, service("b"), book=GLOBAL)) == ["service.no_opening"]
    found = live(full, service("b"))
    assert found.services[0].bookable
    assert [reason.severity for reason in found.services[0].reasons] == [Severity.WARNING]
    bare = service(longest_opening=None)
    assert own_codes(live(bare, book=GLOBAL)) == ["service.channel_blocked", "service.no_calendar"]
    assert own_codes(live(bare)) == []


def test_without_availability_a_service_says_what_is_wrong_with_its_calendars() -> None:  # R6
    others = (service("b"), service("c"))
    (short,) = live(service(longest_opening=timedelta(minutes=20)), *others, book=GLOBAL).services[0].reasons
    assert (short.code, short.blocks) == ("service.no_opening", True)
    assert "takes 30 minutes; its longest opening of the next 30 days has 20" in short.said("en")
    (never,) = live(service(longest_opening=NONE), *others, book=GLOBAL).services[0].reasons
    assert (never.code, never.blocks) == ("service.no_opening", True)
    assert "have no opening in the next 30 days" in never.said("en")


def test_whoever_unticked_a_service_is_named() -> None:  # R20
    known = Known(at=NOW, by="Ioana")
    found = live(service("a", ticked=False, unticked=known), service("n", ticked=False), service("b"))
    reasons = {one.id: one.reasons for one in found.services}
    (unticked,), (never,) = reasons["a"], reasons["n"]
    assert (unticked.code, unticked.since, unticked.by) == ("service.not_ticked", NOW, "Ioana")
    assert "by Ioana" in unticked.said("en")
    assert (never.code, never.since, never.by) == ("service.not_ticked", None, None)


def test_an_unticked_service_says_that_first() -> None:  # R7
    found = live(service(ticked=False, priced=False), service("b"))
    assert own_codes(found) == ["service.not_ticked", "service.no_price"]


def test_a_deleted_service_says_when_and_by_whom() -> None:  # R20
    gone = Known(at=datetime(2026, 3, 2, 9, tzinfo=UTC), by="Ioana")
    found = live(service(deleted=gone), service("b"))
    (reason,) = next(one.reasons for one in found.services if one.id == "srv")
    assert reason.said("en") == "The service was deleted on 2026-03-02 by Ioana."
    assert (reason.since, reason.by) == (gone.at, "Ioana")
    (reason,) = live(service(deleted=Known(at=gone.at))).services[0].reasons
    assert reason.said("ro") == "Serviciul a fost șters la 2026-03-02."


def test_who_disabled_the_channel_is_said_where_it_is_known() -> None:  # R17, R20
    facts = counted(service(), enabled=False)
    run = Run(id="onb_1", progress=Progress(status=OnboardingStatus.LIVE))
    snapshot = Snapshot(playbook=GENERALI, facts=facts, run=run, disabled=Known(at=NOW, by="Ioana"))
    (reason,) = explain(snapshot).reasons
    assert (reason.code, reason.since) == ("channel.disabled", NOW)
    assert "by Ioana" in reason.said("en")
    assert not explain(snapshot).bookable


def test_a_declaration_that_was_renewed_names_the_version_that_was_accepted() -> None:  # R9
    old = ConsentFact(version="2025-01", accepted_by="Dr. Ana", accepted_at=NOW, in_force=False)
    (reason,) = live(service(), consent=old).reasons
    assert reason.code == "consent.outdated"
    assert "Dr. Ana" in reason.said("de")
    assert "2025-01" in reason.said("de")


@pytest.mark.parametrize(
    ("confirmed", "said", "bookable"),
    [(None, [], True), (False, ["service.awaiting_partner"], False), (True, [], True)],
)
def test_a_new_examination_waits_for_the_partner(  # R14, R19
    confirmed: bool | None, said: list[str], bookable: bool
) -> None:
    found = live(service("old"), service(confirmed_by_partner=confirmed))
    assert own_codes(found) == said
    assert next(one.bookable for one in found.services if one.id == "srv") is bookable


@pytest.mark.parametrize(
    ("asked", "code", "party", "since", "said"),
    [
        (None, "service.awaiting_partner", Party.PARTNER, None, "once nothing else is missing"),
        (Asked(at=NOW), "service.awaiting_partner", Party.PARTNER, NOW, "once nothing else is missing"),
        (
            Asked(at=NOW, state=NoticeState.SENT, sent=NOW + DAY),
            "service.awaiting_partner",
            Party.PARTNER,
            NOW + DAY,
            f"{GENERALI.name} was asked on {NOW.date()} to confirm this new service.",
        ),
        (
            Asked(at=NOW, state=NoticeState.REJECTED, sent=NOW, refused=NOW + DAY, why="No such room."),
            "service.declined",
            Party.US,
            NOW + DAY,
            f"{GENERALI.name} does not take this new service up: “No such room.”.",
        ),
        (
            Asked(at=NOW, refused=NOW + DAY, why="550 no such mailbox"),
            "service.notice_failed",
            Party.US,
            NOW + DAY,
            f"The notice to {GENERALI.name} could not be delivered: “550 no such mailbox”.",
        ),
    ],
)
def test_how_far_the_partners_confirmation_is_and_whose_move_it_is(  # R14, R19
    asked: Asked | None, code: str, party: Party, since: datetime | None, said: str
) -> None:
    new = service(confirmed_by_partner=False, asked=asked)
    (found,) = (one for one in live(service("old"), new).services if one.id == new.id)
    (reason,) = found.reasons
    assert (reason.code, reason.party, reason.since, reason.blocks) == (code, party, since, True)
    assert said in reason.said("en")
    assert is_ready_but_for_the_partner(found)


def linked(status: ConnectionStatus, **more: Any) -> Readiness:
    link = Link(id="con_1", status=status, since=NOW, by="Ioana", **more)
    return live(service(confirmed_by_partner=True), link=link)


@pytest.mark.parametrize(
    ("status", "code", "party"),
    [
        (ConnectionStatus.ENDED, "connection.ended", Party.US),
        (ConnectionStatus.ENDING, "connection.ending", Party.PARTNER),
    ],
)
def test_after_the_end_nothing_is_bookable_and_it_says_since_when(  # R17, R20
    status: ConnectionStatus, code: str, party: Party
) -> None:
    found = linked(status, cause=Cause.PERMISSION_DISABLED)
    assert not found.bookable
    (reason,) = found.reasons
    assert (reason.code, reason.party, reason.since, reason.by) == (code, party, NOW, "Ioana")


def test_an_end_that_the_partners_system_refused_is_ours_to_mend() -> None:  # R17
    (reason,) = linked(ConnectionStatus.ENDING, cause=Cause.PERMISSION_DISABLED, refused=True).reasons
    assert (reason.code, reason.party) == ("connection.ending", Party.US)


def test_a_pause_and_a_silent_partner_are_warnings() -> None:
    found = linked(ConnectionStatus.PAUSED, silent_since=NOW)
    assert found.bookable
    assert {(one.code, one.severity) for one in found.reasons} == {
        ("connection.paused", Severity.WARNING),
        ("partner.silent", Severity.WARNING),
    }


@pytest.mark.parametrize("asked", [None, Asked(at=NOW - DAY)])
def test_while_we_pause_the_connection_a_notice_that_did_not_go_out_waits_on_us(  # R14
    asked: Asked | None,
) -> None:
    new = service(confirmed_by_partner=False, asked=asked)
    link = Link(id="con_1", status=ConnectionStatus.PAUSED, since=NOW)
    (found,) = (one for one in live(service("old"), new, link=link).services if one.id == new.id)
    (reason,) = found.reasons
    assert (reason.code, reason.party, reason.since) == ("service.awaiting_partner", Party.US, NOW)
    assert "no notice goes out until it is resumed" in reason.said("en")
    assert is_ready_but_for_the_partner(found)
    asked_before = service(confirmed_by_partner=False, asked=Asked(at=NOW - DAY, sent=NOW - DAY))
    (theirs,) = live(asked_before, link=link).services[0].reasons[-1:]
    assert (theirs.code, theirs.party) == ("service.awaiting_partner", Party.PARTNER)


def test_each_step_of_a_smooth_way_is_told_until_nothing_is_left() -> None:  # R18
    walk = Walk()
    walk.facts(READY)

    def told() -> list[str]:
        run = Run(id="onb_1", progress=walk.progress)
        return codes(explain(Snapshot(playbook=walk.case.playbook, facts=walk.progress.facts, run=run)))

    assert told()[:2] == ["step.contract.waiting", "step.intent.pending"]
    assert Walk.to(walk, "joint_test") is walk
    assert told() == ["step.joint_test.waiting", "step.activation.pending"]
    walk._test()
    assert told() == ["step.activation.waiting"]
    walk.by_link("activation")
    assert told() == []


def test_what_stands_in_the_way_of_a_step_is_told_with_it() -> None:
    walk = Walk().to("settings")
    walk.by_link("settings", "reject", {"reason": "The VPN certificate has run out."})
    run = Run(id="onb_1", progress=walk.progress)
    reason = explain(Snapshot(playbook=walk.case.playbook, facts=READY, run=run)).reasons[0]
    assert (reason.code, reason.party) == ("step.settings.waiting", Party.US)
    assert "VPN certificate" in reason.said("hu")


def test_what_blocks_comes_before_what_only_warns() -> None:
    # In Global Assistance's own order the prices come before the channel.
    found = live(service("a"), service("b", priced=False), book=GLOBAL, enabled=False)
    assert codes(found) == ["channel.disabled", "prices.missing"]
    assert [reason.blocks for reason in found.reasons] == [True, False]


def test_until_the_onboarding_has_heard_of_the_newest_change_that_is_the_reason() -> None:
    only = {"key": "channel", "kind": "check", "title": "Channel", "fact": "channel_enabled"}
    walk = Walk(book=playbook(steps=[only]))
    run = Run(id="onb_1", progress=walk.progress)
    found = explain(Snapshot(playbook=walk.case.playbook, facts=READY, run=run))
    assert not found.bookable
    assert [(reason.code, reason.party) for reason in found.reasons] == [
        ("onboarding.catching_up", Party.SYSTEM)
    ]


def test_services_come_with_what_can_be_mended_first() -> None:
    gone = service("d", deleted=Known(at=NOW))
    found = live(
        service("ok"),
        service("warned", rejected=Rejected(at=NOW, why="unknown category")),
        gone,
        service("z", priced=False),
        service("c", ticked=False),
    )
    assert [one.id for one in found.services] == ["z", "c", "d", "warned", "ok"]


@pytest.mark.parametrize(
    "text",
    [
        *TEXTS.values(),
        *STEP_TEXTS.values(),
        ASKED_ON,
        DISABLED_BY,
        DELETED_BY,
        HELD_BY_PAUSE,
        TOO_SHORT,
        UNTICKED_BY,
    ],
)
def test_every_text_is_there_in_five_languages_with_the_same_gaps(text: Text) -> None:
    def gaps(said: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(said) if name}

    for language in LANGUAGES:
        said = getattr(text, language)
        assert said, language
        assert gaps(said) == gaps(text.en), (language, said)


def test_every_code_is_documented_and_has_a_text() -> None:
    documented = DOCS.read_text(encoding="utf-8")
    for code in (*Code, "step.<key>.waiting", "step.<key>.pending"):
        assert f"| `{code}` |" in documented, f"docs/explainer.md does not list {code}"
    assert set(TEXTS) == set(Code)
    assert set(FACT_CODES) == set(FactName)
