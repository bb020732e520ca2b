"""The playbooks that come with Racord are faithful to the seeds, and a fourth partner is one new file."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.playbooks import Playbooks, check_file, load_playbooks
from adapters.settings import PACKAGED_PARTNERS
from domain.commands import StepCommand
from domain.facts import ChannelFacts, ConsentFact, FactName, Remedy
from domain.model import LANGUAGES, Actor, OnboardingStatus, Party, Text
from domain.playbook import Playbook, Sync, SyncPolicy
from domain.progress import Case, Change, actions, answer, begin, orders, with_facts, with_mail
from domain.steps.appointment import MeetingPlan
from domain.steps.base import Action, MailOutcome
from domain.steps.check import CheckStep, ConsentStep
from domain.steps.confirm import ConfirmStep
from domain.steps.joint_test import JointTestStep
from domain.steps.mail import MailStep

TEMPLATES = frozenset({"intent", "notice", "technical_settings", "joint_test", "activation", "reminder"})
SLUGS = ("europ-assistance", "generali", "global-assistance")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MANAGER = Actor(kind="session", id="u1", name="Ana Pop")
PLAYBOOKS = load_playbooks(PACKAGED_PARTNERS, TEMPLATES)

# The first digits of the SHA-256 of every declaration that providers may have accepted.
ACCEPTED = {
    "data-transmission/2026-01.de": "ef16480cee5f548b",
    "data-transmission/2026-01.en": "145e8043cf3f78d3",
    "data-transmission/2026-01.hu": "19b54d6b3c506134",
    "data-transmission/2026-01.it": "5ac3f32d2d9128eb",
    "data-transmission/2026-01.ro": "f39b044a080b54ca",
    "europ-assistance-data-transmission/2026-01.de": "ade50fa37d55089c",
    "europ-assistance-data-transmission/2026-01.en": "c066a606189a4e70",
    "europ-assistance-data-transmission/2026-01.hu": "feeca2c0b6cef637",
    "europ-assistance-data-transmission/2026-01.it": "868d0ef191ef3762",
    "europ-assistance-data-transmission/2026-01.ro": "d7cf62c4ef247013",
    "generali-data-transmission/2026-01.de": "7fde6d085d8cb4ab",
    "generali-data-transmission/2026-01.en": "8fec619192e4fec5",
    "generali-data-transmission/2026-01.hu": "4ee06b54a96b2d4a",
    "generali-data-transmission/2026-01.it": "8dfb929f719f5a07",
    "generali-data-transmission/2026-01.ro": "30218bd3194789e4",
    "global-assistance-data-transmission/2026-01.de": "df8d6ba1c72a3f9b",
    "global-assistance-data-transmission/2026-01.en": "79b44e95ebd0f111",
    "global-assistance-data-transmission/2026-01.hu": "adb384f39fe86ddc",
    "global-assistance-data-transmission/2026-01.it": "9c5c0bee035c615c",
    "global-assistance-data-transmission/2026-01.ro": "639a37fb8c06abd3",
}


class Journey:
    """Brings a playbook live through the pure engine, doing the first open thing that somebody can do."""

    def __init__(self, playbook: Playbook):
        self.case = Case(onboarding_id="o1", provider_id="p1", playbook=playbook)
        self.facts = ChannelFacts(services=2, digest="d")
        self.mails: list[str] = []
        self.done: list[str] = []
        self._take(begin(self.case, self.facts, NOW, MANAGER))

    def _take(self, change: Change) -> None:
        self.progress = change.progress
        self.done += [event.step for event in change.events if event.type == "step.done" and event.step]

    def open(self) -> set[str]:
        return {key for key, record in self.progress.steps.items() if record.is_open}

    def until(self, key: str) -> None:
        """Goes on until the step is open."""
        while key not in self.open():
            assert self.advance(), f"stuck before {key}: {self.open()}"

    def to_the_end(self) -> None:
        while self.advance():
            pass

    def advance(self) -> bool:
        """Sends one message, or else does one thing; says whether there was something to do."""
        if waiting := orders(self.case, self.progress):
            self.mails.append(waiting[0].template)
            sent = MailOutcome(state="sent", at=NOW)
            self._take(with_mail(self.case, self.progress, waiting[0], sent, NOW))
            return True
        for step in self.case.playbook.steps:
            for action in actions(self.case, self.progress, step.key):
                if action.remedy is not None:
                    self._remedy(action.remedy)
                    return True
                if action.name == "complete" and step.key in self.open():
                    self._complete(step.key, action)
                    return True
        return False

    def _remedy(self, remedy: Remedy) -> None:
        consent = ConsentFact(version="1", accepted_by="Dr. Ion", accepted_at=NOW, in_force=True)
        change: dict[Remedy, dict[str, Any]] = {
            Remedy.PUT_CALENDAR: {"calendars": 1},
            Remedy.ENABLE_CHANNEL: {"enabled": True},
            Remedy.PUBLISH_SERVICES: {"published": 2},
            Remedy.SET_PRICES: {"priced": 2},
            Remedy.ACCEPT_CONSENT: {"consent": consent},
        }
        self.facts = self.facts.model_copy(update={"version": self.facts.version + 1, **change[remedy]})
        self._take(with_facts(self.case, self.progress, self.facts, NOW))

    def _complete(self, key: str, action: Action) -> None:
        step = self.case.step(key)
        body: dict[str, Any] = {"name": "Dan Radu", "role": "IT"}
        if not action.by_link:
            body = {"evidence": {"document": "Contract 12", "date": "2026-02-27"}}
        elif isinstance(step, JointTestStep):
            body["scenarios"] = {scenario.key: "passed" for scenario in step.scenarios}
        command = StepCommand(
            command_id=f"{key}:{action.allowed_for}",
            step=key,
            action=action.name,
            body=body,
            actor=MANAGER,
            party=action.allowed_for[0],
            link_id="l1" if action.by_link else None,
        )
        self._take(answer(self.case, self.progress, command, NOW))


@pytest.fixture(params=SLUGS)
def playbook(request: pytest.FixtureRequest) -> Playbook:
    return PLAYBOOKS.get(str(request.param))


def needs(playbook: Playbook) -> dict[str, tuple[str, ...]]:
    return {step.key: step.needs for step in playbook.steps}


def texts(playbook: Playbook) -> dict[str, Text]:
    """Every text of the playbook that people read."""
    found = {"channel_name": playbook.channel_name}
    for step in playbook.steps:
        assert step.help is not None, f"{step.key} has no help"
        found |= {f"{step.key}.title": step.title, f"{step.key}.help": step.help}
        if isinstance(step, JointTestStep):
            found |= {f"{step.key}.{scenario.key}": scenario.title for scenario in step.scenarios}
    return found


def test_the_three_partners_of_the_seeds_come_sorted_by_name() -> None:
    assert [(one.slug, one.name) for one in PLAYBOOKS] == [
        ("europ-assistance", "Europ Assistance"),
        ("generali", "Generali"),
        ("global-assistance", "Global Assistance"),
    ]


@pytest.mark.parametrize("file", sorted(PACKAGED_PARTNERS.glob("*.yaml")), ids=lambda file: file.name)
def test_every_shipped_playbook_has_no_mistake(file: Path) -> None:
    assert check_file(file, TEMPLATES) == []


@pytest.mark.parametrize("slug", ["generali", "europ-assistance"])
def test_generali_and_europ_assistance_go_in_the_order_of_their_seeds(slug: str) -> None:
    """R4: services and prices belong to one step of the seeds, so they go side by side."""
    assert needs(PLAYBOOKS.get(slug)) == {
        "contract": (),  # R2
        "intent": ("contract",),  # R3
        "channel": ("intent",),  # R5
        "services": ("channel",),  # R7
        "prices": ("channel",),  # R8
        "consent": ("services", "prices"),  # R9
        "notice": ("consent",),  # R10
        "settings": ("notice",),  # R11
        "joint_test": ("settings",),  # R12
        "activation": ("joint_test",),  # R13
    }


def test_global_assistance_goes_in_the_order_of_its_seed() -> None:
    """R4a: calendars, then prices, before the channel; the test in a meeting."""
    assert needs(PLAYBOOKS.get("global-assistance")) == {
        "contract": (),  # R2
        "intent": ("contract",),  # R3
        "calendars": ("intent",),  # R6
        "prices": ("calendars",),  # R8
        "channel": ("prices",),  # R5
        "services": ("channel",),  # R7
        "consent": ("services",),  # R9
        "notice": ("consent",),  # R10
        "settings": ("notice",),  # R11
        "joint_test": ("settings",),  # R12
        "activation": ("joint_test",),  # R13
    }


def test_only_global_assistance_tests_in_a_meeting_and_asks_for_calendars() -> None:
    """R6, R12."""
    for one in PLAYBOOKS:
        test = one.step("joint_test")
        assert isinstance(test, JointTestStep)
        mine = one.slug == "global-assistance"
        assert test.meeting == (MeetingPlan(minutes=60) if mine else False)
        assert (one.step("calendars") is not None) == mine


def test_the_intent_goes_out_for_the_provider_with_support_in_copy(playbook: Playbook) -> None:
    """R3."""
    step = playbook.step("intent")
    assert isinstance(step, MailStep)
    assert (step.sender, step.to, step.cc, step.template) == (
        "provider",
        "partnerships",
        ("support",),
        "intent",
    )


def test_the_notice_goes_out_by_itself_after_the_consent(playbook: Playbook) -> None:
    """R9, R10."""
    consent, notice = playbook.step("consent"), playbook.step("notice")
    assert isinstance(consent, ConsentStep)
    assert consent.fact is FactName.CONSENT_ACCEPTED
    assert isinstance(notice, MailStep)
    assert (notice.sender, notice.actor, notice.needs) == ("racord", Party.SYSTEM, ("consent",))


def test_permission_ticks_and_prices_are_read_from_the_catalogue(playbook: Playbook) -> None:
    """R5–R8: nobody presses a button for what the catalogue already shows."""
    watched = {step.key: step.fact for step in playbook.steps if type(step) is CheckStep}
    expected = {"prices": "prices_set", "channel": "channel_enabled", "services": "services_published"}
    assert watched == expected | ({"calendars": "calendars_set"} if "calendars" in watched else {})


def test_the_partner_alone_activates(playbook: Playbook) -> None:
    """R13: nobody can record the activation for the partner, and an unclear mail waits for a person."""
    settings, activation = playbook.step("settings"), playbook.step("activation")
    assert isinstance(settings, ConfirmStep)
    assert settings.on_behalf
    assert isinstance(activation, ConfirmStep)
    assert (activation.on_behalf, activation.on_trouble) == (False, "hold")
    assert activation.needs == ("joint_test",)


def test_only_global_assistance_is_told_each_price_change_by_itself() -> None:
    """R14–R16."""
    automatic = Sync(duration=SyncPolicy.PUSH, price=SyncPolicy.PUSH, new_service=SyncPolicy.NOTIFY_BOTH)
    each = automatic.model_copy(update={"price": SyncPolicy.NOTIFY_EACH})
    assert {one.slug: one.sync for one in PLAYBOOKS} == {
        "generali": automatic,
        "europ-assistance": automatic,
        "global-assistance": each,
    }


def test_the_channels_have_the_names_of_the_seeds() -> None:
    """R5."""
    assert PLAYBOOKS.get("generali").channel_name.ro == "Canal de trafic Generali"
    for one in PLAYBOOKS:
        prices, consent = texts(one)["prices.help"], texts(one)["consent.help"]
        assert "„Editare prețuri în masă”" in str(prices.ro)
        assert "„Declarația de consimțământ”" in str(consent.ro)


def test_every_text_is_there_in_all_five_languages(playbook: Playbook) -> None:
    missing = [
        f"{where}.{language}"
        for where, text in texts(playbook).items()
        for language in LANGUAGES
        if not getattr(text, language)
    ]
    assert missing == []


def test_romanian_comes_first_and_all_addresses_are_examples(playbook: Playbook) -> None:
    assert playbook.languages == ("ro", "en")
    assert all(contact.email.endswith(".example") for contact in playbook.contacts.values())


def test_every_declaration_is_one_page_of_plain_markdown_in_all_five_languages(playbook: Playbook) -> None:
    """R9."""
    wanted = (playbook.declaration.document, playbook.declaration.version)
    assert PLAYBOOKS.declarations.known()[wanted] == frozenset(LANGUAGES)
    for language in LANGUAGES:
        text = PLAYBOOKS.declarations.text(*wanted, language).text
        assert text.startswith("# ")
        assert playbook.name in text
        assert f"{wanted[0]}" in text.splitlines()[2]
        assert len(text) < 3600
        assert len(re.findall("^## ", text, re.MULTILINE)) == 6
        assert not re.search(r"^(###|[*>|`]|\d+\.|  )|<|\]\(|\*\*|__", text, re.MULTILINE)


def test_a_declaration_that_may_have_been_accepted_keeps_its_text() -> None:
    """R9: a wording is changed by writing a new version beside the old one."""
    digests = {
        f"{document}/{version}.{language}": PLAYBOOKS.declarations.text(document, version, language).sha256
        for (document, version), languages in PLAYBOOKS.declarations.known().items()
        for language in languages
    }
    changed = {name for name, digest in ACCEPTED.items() if not digests.get(name, "").startswith(digest)}
    assert changed == set(), "write a new version and name it in the playbook; keep the old file as it was"
    assert digests.keys() == ACCEPTED.keys(), "add the new version's digests to ACCEPTED"


def test_services_and_prices_are_open_side_by_side_once_the_channel_is_enabled() -> None:
    """R4."""
    journey = Journey(PLAYBOOKS.get("generali"))
    journey.until("services")
    assert journey.open() == {"services", "prices"}


def test_every_shipped_playbook_leads_to_live(playbook: Playbook) -> None:
    """R1."""
    journey = Journey(playbook)
    journey.to_the_end()
    assert journey.progress.status is OnboardingStatus.LIVE
    assert journey.done == [step.key for step in playbook.steps]
    assert journey.mails == [
        "intent",
        "notice",
        "technical_settings",
        "joint_test",
        "joint_test",
        "activation",
    ]


FOURTH = """\
slug: carpatia
name: Carpatia Asigurări
country: RO
time_zone: Europe/Bucharest
languages: [ro, hu]
channel_name: {en: Carpatia, ro: Canal de trafic Carpatia}
contacts:
  network: {name: Carpatia Rețea, email: retea@carpatia.example, language: hu}
declaration: {document: data-transmission, version: 2026-01}
sync: {price: notify_both}
steps:
  - {key: contract, kind: attest, actor: provider, title: Contract, due_working_days: 10}
  - {key: channel, kind: check, fact: channel_enabled, title: Channel}
  - {key: services, kind: check, needs: [channel], fact: services_published, title: Services}
  - {key: prices, kind: check, needs: [services], fact: prices_set, title: Prices}
  - {key: consent, kind: consent, needs: [contract, prices], title: Consent}
  - {key: intent, kind: mail, needs: [consent], sender: provider, to: network, cc: [support],
     template: intent, title: Intent and notice in one}
  - key: joint_test
    kind: joint_test
    needs: [intent]
    to: network
    template: joint_test
    title: Joint test
    scenarios:
      - {key: booking, title: A booking arrives}
  - {key: activation, kind: confirm, needs: [joint_test], to: network, template: activation, title: Act}
"""


@pytest.fixture
def with_a_fourth(tmp_path: Path) -> Playbooks:
    folder = tmp_path / "partners"
    shutil.copytree(PACKAGED_PARTNERS, folder)
    (folder / "a-name-of-no-meaning.yaml").write_text(FOURTH, encoding="utf-8")
    return load_playbooks(folder, TEMPLATES)


def test_a_fourth_partner_is_one_new_file(with_a_fourth: Playbooks) -> None:
    assert [one.slug for one in with_a_fourth] == ["carpatia", *SLUGS]
    text = with_a_fourth.declarations.in_force(with_a_fourth.get("carpatia"), "it")
    assert (text.language, text.document) == ("it", "data-transmission")


def test_a_fourth_partner_with_another_order_leads_to_live(with_a_fourth: Playbooks) -> None:
    journey = Journey(with_a_fourth.get("carpatia"))
    assert journey.open() == {"contract", "channel"}
    journey.to_the_end()
    assert journey.progress.status is OnboardingStatus.LIVE
    assert journey.done == [
        "contract",
        "channel",
        "services",
        "prices",
        "consent",
        "intent",
        "joint_test",
        "activation",
    ]
    assert journey.mails == ["intent", "joint_test", "joint_test", "activation"]
