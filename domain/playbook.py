"""A playbook: one partner's procedure and rules, as data (R2–R13, R4a). Loaded from YAML, pinned at an onboarding's start."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, StringConstraints

from domain.model import LANGUAGES, Frozen, Key, Line, LocalText, Slug
from domain.steps import AnyStep, Step
from domain.steps.base import Escalation
from domain.steps.joint_test import JointTestStep

OUR_ROLES = ("provider", "support", "account_manager", "lead")
OUR_DESKS = ("account_manager", "lead")
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, pattern=r"^[^@\s<>,;\"]+@[^@\s<>,;\"]+\.[^@\s<>,;\"]+$", max_length=254
    ),
]


class Contact(Frozen):
    """Somebody at the partner who gets mails and links."""

    name: Line = Field(max_length=60)
    email: Email
    language: str | None = Field(
        default=None, description="one of the playbook's languages; the first where not given"
    )


class SyncPolicy(StrEnum):
    """How a change of a live service reaches the partner (R14–R16)."""

    PUSH = "push"
    NOTIFY_EACH = "notify_each"
    NOTIFY_BOTH = "notify_both"


class Sync(Frozen):
    """Policy per field, and who is notified where nothing is pushed (R14–R16)."""

    duration: SyncPolicy = SyncPolicy.PUSH
    price: SyncPolicy = SyncPolicy.PUSH
    new_service: SyncPolicy = SyncPolicy.NOTIFY_BOTH
    notices_to: Key | None = Field(
        default=None, description="role of the contact who gets notices; the first contact where not given"
    )


class Declaration(Frozen):
    """The consent declaration in force for this partner (R9): its text is in ``declarations/``."""

    document: Slug
    version: Line


class EndpointLimit(Frozen):
    """What the partner's endpoint bears."""

    requests_per_second: float = Field(default=2, gt=0)
    concurrent: int = Field(default=1, ge=1)


class Playbook(Frozen):
    """Validated; problems across fields are found by :func:`problems`, which can name every one of them."""

    slug: Slug
    name: Line
    country: Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")]
    time_zone: str
    languages: tuple[str, ...] = Field(min_length=1)
    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")] = "RON"
    channel_name: LocalText
    contacts: dict[Key, Contact] = Field(min_length=1)
    declaration: Declaration
    sync: Sync = Sync()
    endpoint: EndpointLimit = EndpointLimit()
    reminders: tuple[int, ...] = Field(
        default=(), description="working days from a step's due date, negative before it"
    )
    escalation: tuple[Escalation, ...] = ()
    steps: tuple[AnyStep, ...] = Field(min_length=1)

    @property
    def language(self) -> str:
        return self.languages[0]

    @property
    def notices_to(self) -> str:
        """Role of the contact who gets the notices of live connections (R14, R16)."""
        return self.sync.notices_to or next(iter(self.contacts))

    def step(self, key: str) -> Step | None:
        return next((step for step in self.steps if step.key == key), None)

    def in_order(self) -> Iterator[Step]:
        """The steps, each after all that it needs, otherwise in the order of the file."""
        done: set[str] = set()
        left: list[Step] = list(self.steps)
        while left:
            ready = next(step for step in left if done.issuperset(step.needs))
            left.remove(ready)
            done.add(ready.key)
            yield ready

    def after(self, key: str) -> frozenset[str]:
        """Every step that stands on ``key``, directly or not."""
        found: set[str] = set()
        for step in self.in_order():
            if key in step.needs or found.intersection(step.needs):
                found.add(step.key)
        return frozenset(found)

    def contact_language(self, role: str) -> str:
        contact = self.contacts.get(role)
        return (contact and contact.language) or self.language


class Problem(BaseModel):
    """One thing wrong in a playbook: where (path of keys), what, and the mend."""

    path: tuple[str | int, ...]
    problem: str
    mend: str


def problems(
    playbook: Playbook, templates: frozenset[str], declarations: Mapping[tuple[str, str], frozenset[str]]
) -> list[Problem]:
    """All that pydantic cannot see: references, cycles, languages, templates, contacts, declarations.

    ``templates`` are the names of the mail templates there are; ``declarations`` maps (document, version) to its languages.
    """
    return [
        *_place_problems(playbook),
        *_contact_problems(playbook),
        *_ladder_problems(playbook),
        *_step_problems(playbook, templates),
        *_cycle_problems(playbook),
        *_declaration_problems(playbook, declarations),
    ]


def _place_problems(playbook: Playbook) -> Iterator[Problem]:
    try:
        ZoneInfo(playbook.time_zone)
    except (ValueError, OSError, LookupError):
        # Left alone, it would stop every onboarding at its first due date.
        yield Problem(
            path=("time_zone",),
            problem=f"unknown time zone “{playbook.time_zone}”",
            mend="use an IANA name, e.g. Europe/Bucharest",
        )
    known = ", ".join(LANGUAGES)
    for index, language in enumerate(playbook.languages):
        if language not in LANGUAGES:
            yield Problem(
                path=("languages", index),
                problem=f"unknown language “{language}”",
                mend=f"use one of: {known}",
            )


def _contact_problems(playbook: Playbook) -> Iterator[Problem]:
    for role, contact in playbook.contacts.items():
        if role in OUR_ROLES:
            yield Problem(
                path=("contacts", role),
                problem=f"“{role}” is not a role at the partner: mails know it as our own",
                mend="give the contact another role",
            )
        if contact.language is not None and contact.language not in playbook.languages:
            yield Problem(
                path=("contacts", role, "language"),
                problem=f"“{contact.language}” is not among the playbook's languages",
                mend=f"add it to “languages”, or use one of: {', '.join(playbook.languages)}",
            )
    if playbook.notices_to not in playbook.contacts:
        yield Problem(
            path=("sync", "notices_to"),
            problem=f"unknown contact “{playbook.notices_to}”",
            mend=f"add it to “contacts”, or use one of: {', '.join(playbook.contacts)}",
        )


def _ladder_problems(playbook: Playbook) -> Iterator[Problem]:
    """Of the playbook as a whole, and of each step."""
    known = (*playbook.contacts, *OUR_DESKS)
    ladders = [((), playbook), *((("steps", index), step) for index, step in enumerate(playbook.steps))]
    for here, owner in ladders:
        for position, days in enumerate(owner.reminders or ()):
            if abs(days) > 365:
                yield Problem(
                    path=(*here, "reminders", position),
                    problem=f"a reminder {days} working days from the due date",
                    mend="stay within a year, e.g. [-2, 0, 3]",
                )
        for position, rung in enumerate(owner.escalation or ()):
            if rung.to not in known:
                yield Problem(
                    path=(*here, "escalation", position, "to"),
                    problem=f"unknown contact “{rung.to}”",
                    mend=f"add it to “contacts”, or use one of: {', '.join(known)}",
                )


def _step_problems(playbook: Playbook, templates: frozenset[str]) -> Iterator[Problem]:
    keys = [step.key for step in playbook.steps]
    for index, step in enumerate(playbook.steps):
        here = ("steps", index)
        if step.key in keys[:index]:
            yield Problem(
                path=(*here, "key"),
                problem=f"duplicate key “{step.key}”",
                mend="give every step a key of its own",
            )
        for position, need in enumerate(step.needs):
            if need not in keys:
                yield Problem(
                    path=(*here, "needs", position),
                    problem=f"unknown step “{need}”",
                    mend=f"name one of: {', '.join(keys)}",
                )
        for template in step.templates_used():
            if template not in templates:
                yield Problem(
                    path=(*here, "template"),
                    problem=f"missing template “{template}”",
                    mend=f"write it, or use one of: {', '.join(sorted(templates))}",
                )
        for role in step.contacts_used():
            if role not in playbook.contacts:
                place = _written(step, role)
                known = (*playbook.contacts, *(OUR_ROLES if place[0] == "cc" else ()))
                yield Problem(
                    path=(*here, *place),
                    problem=f"unknown contact “{role}”",
                    mend=f"add it to “contacts”, or use one of: {', '.join(known)}",
                )
        if isinstance(step, JointTestStep):
            yield from _scenario_problems(step, here)


def _written(step: Step, role: str) -> tuple[str | int, ...]:
    """Where in the step a contact's role stands."""
    copies: tuple[str, ...] = getattr(step, "cc", ())
    return ("cc", copies.index(role)) if role in copies and role != getattr(step, "to", None) else ("to",)


def _scenario_problems(step: JointTestStep, here: tuple[str | int, ...]) -> Iterator[Problem]:
    keys = [scenario.key for scenario in step.scenarios]
    for index, key in enumerate(keys):
        if key in keys[:index]:
            # Results are kept by key: one of the two would never be asked.
            yield Problem(
                path=(*here, "scenarios", index, "key"),
                problem=f"duplicate key “{key}”",
                mend="give every scenario a key of its own",
            )


def _cycle_problems(playbook: Playbook) -> Iterator[Problem]:
    try:
        # Of two steps with one key the first counts: the second is told as what it is.
        TopologicalSorter({step.key: step.needs for step in reversed(playbook.steps)}).prepare()
    except CycleError as error:
        ring = " → ".join(reversed(error.args[1]))
        first = next(index for index, step in enumerate(playbook.steps) if step.key in error.args[1])
        yield Problem(
            path=("steps", first, "needs"),
            problem=f"the steps wait for each other in a cycle: {ring}",
            mend="take one of these needs away",
        )


def _declaration_problems(
    playbook: Playbook, declarations: Mapping[tuple[str, str], frozenset[str]]
) -> Iterator[Problem]:
    wanted = (playbook.declaration.document, playbook.declaration.version)
    if wanted in declarations and playbook.language not in declarations[wanted]:
        yield Problem(
            path=("declaration",),
            problem=f"the declaration is not there in “{playbook.language}”, the playbook's first language",
            mend=f"write declarations/{wanted[0]}/{wanted[1]}.{playbook.language}.md",
        )
    if wanted not in declarations:
        yield Problem(
            path=("declaration",),
            problem=f"no text for declaration “{wanted[0]}” in version “{wanted[1]}”",
            mend=f"write declarations/{wanted[0]}/{wanted[1]}.{playbook.language}.md, or name one that exists",
        )
