"""``joint_test``: provider and partner each attest every scenario (R12), of one and the same configuration."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar, Literal, cast

from pydantic import BaseModel, Field, create_model

from domain.errors import Invalid
from domain.model import Frozen, Key, LocalText, Party
from domain.steps.base import (
    DONE,
    REMIND,
    RETRY,
    Action,
    Answer,
    Body,
    Evidence,
    MailOrder,
    OnBehalfOf,
    Standing,
    Step,
    StepView,
    waits_on,
)
from domain.steps.confirm import Signed


class Scenario(Frozen):
    """One thing to try together."""

    key: Key
    title: LocalText


class Tested(Body):
    """What one party saw: every scenario passed or failed; a failure needs a note that says what happened."""

    scenarios: BaseModel


class SignedTested(Tested, Signed):
    """The same, typed by the person who holds a link."""


class JointTestStep(Step):
    """Both parties test, in a meeting where the partner wants one (R12 for Global Assistance).

    The answers are bound to the digest of what was tested: a change in between voids them.
    """

    kind: Literal["joint_test"]
    invites: ClassVar[bool] = True
    actor: Literal[Party.PARTNER] = Party.PARTNER
    template: str
    to: str = Field(description="role of the partner's contact who tests")
    scenarios: tuple[Scenario, ...] = Field(min_length=1)
    meeting: bool = Field(default=False, description="the test is held in a meeting")
    on_behalf: bool = True

    def standing(self, view: StepView) -> Standing:
        answered: Mapping[str, Any] = view.record.result.get("parties", {})
        if answered and view.record.result.get("digest") != view.facts.digest:
            return Standing(state=view.record.state, renew="configuration_changed")
        missing = [party for party in (Party.PROVIDER, Party.PARTNER) if party not in answered]
        if not missing:
            return DONE
        if trouble := self.trouble(view):
            return waits_on(Party.US, trouble)
        if view.record.rejection is not None and not view.record.cleared and not answered:
            return waits_on(Party.US, view.record.rejection.reason)
        return waits_on(missing[0])

    def actions(self, view: StepView) -> tuple[Action, ...]:
        by_link, recorded = _bodies(self.scenarios)
        answered = view.record.result.get("parties", {})
        links = tuple(
            Action(name="complete", body=by_link, allowed_for=(party,), by_link=True)
            for party in (Party.PROVIDER, Party.PARTNER)
            if party not in answered
        )
        record = (Action(name="complete", body=recorded, allowed_for=(Party.US,)),) if self.on_behalf else ()
        again = (RETRY, REMIND) if view.record.blocker else (REMIND,)
        return (*links, *record, *again)

    def answer(self, view: StepView, action: str, body: BaseModel, party: Party) -> Answer:
        if not isinstance(body, Tested):
            return super().answer(view, action, body, party)
        said = body.model_dump(mode="json", by_alias=True, exclude_none=True)
        who = Party(said["on_behalf_of"]["party"]) if "on_behalf_of" in said else party
        if who not in (Party.PROVIDER, Party.PARTNER):
            raise Invalid(
                "Only the provider or the partner can test.", mend="Say in “on_behalf_of” whose result it is."
            )
        failed = [key for key, verdict in said["scenarios"].items() if verdict == "failed"]
        if failed and not body.note:
            raise Invalid(
                "The scenario “{scenario}” failed, but nothing says how.",
                mend="Write in “note” what happened.",
                scenario=failed[0],
            )
        if failed:
            return Answer(rejected=f"{', '.join(failed)}: {body.note}", rejected_by=who)
        parties = {**view.record.result.get("parties", {}), who.value: said}
        return Answer(result={"parties": parties, "digest": view.facts.digest})

    def asked(self, view: StepView) -> tuple[str, ...]:
        answered = view.record.result.get("parties", {})
        both = (("provider", Party.PROVIDER), (self.to, Party.PARTNER))
        return tuple(role for role, party in both if party not in answered)

    def mails(self, view: StepView) -> tuple[MailOrder, ...]:
        open_roles = self.asked(view)
        invitations = (
            self.order(view, f"invitation:{role}", self.template, role, link=True) for role in open_roles
        )
        reminders = (
            order for role in open_roles for order in self.reminding(view, role, first=self.template)
        )
        return (*invitations, *reminders)

    def templates_used(self) -> tuple[str, ...]:
        return (self.template, "reminder")

    def contacts_used(self) -> tuple[str, ...]:
        return (self.to,)


@lru_cache(maxsize=256)
def _bodies(scenarios: tuple[Scenario, ...]) -> tuple[type[Tested], type[Tested]]:
    """The bodies of a test with these scenarios: as typed behind a link, and as recorded for somebody."""
    fields: dict[str, Any] = {
        f"scenario_{scenario.key}": (
            Literal["passed", "failed"],
            Field(
                alias=scenario.key,
                title=scenario.title.en,
                json_schema_extra={"x-title": scenario.title.model_dump(exclude_none=True)},
            ),
        )
        for scenario in scenarios
    }
    results = create_model("Scenarios", __config__={"extra": "forbid", "frozen": True}, **fields)
    many: dict[str, Any] = {"scenarios": (results, Field(title="Scenarios"))}
    by_link = create_model("TestResult", __base__=SignedTested, **many)
    recorded = create_model(
        "TestResultOnBehalf",
        __base__=Tested,
        **many,
        evidence=(Evidence, Field(title="Evidence")),
        on_behalf_of=(OnBehalfOf, Field(title="On behalf of")),
    )
    return cast(type[Tested], by_link), cast(type[Tested], recorded)
