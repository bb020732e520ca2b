"""``joint_test``: provider and partner each attest every scenario (R12), of one and the same configuration."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, create_model

from domain.errors import Invalid
from domain.model import Frozen, Key, LocalText, Party
from domain.steps.appointment import (
    CALL_OFF,
    CANCELLED,
    ArrangeMeeting,
    CancelMeeting,
    MeetingPlan,
    arranged,
    cancelled,
    is_over,
    is_to_come,
    meeting_actions,
    meeting_orders,
    newest_message,
    standing_meeting,
    told_again,
    was_called_off,
    was_missed,
)
from domain.steps.base import (
    DONE,
    OURS,
    REMIND,
    RETRY,
    Action,
    Answer,
    Body,
    MailOrder,
    NextThing,
    OnBehalfOf,
    Remind,
    Standing,
    Step,
    StepRecord,
    StepView,
    refusal,
    waits_on,
)
from domain.steps.confirm import Signed
from domain.steps.proof import FiledEvidence


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
    meeting: bool | MeetingPlan = Field(
        default=False, description="the test is held in a meeting; with a plan, in one that we arrange"
    )
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
        if self._wants_meeting(view) and (not answered or was_called_off(view)):
            return waits_on(Party.US)
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
        meeting = meeting_actions(self.meeting, view) if isinstance(self.meeting, MeetingPlan) else ()
        if self._wants_meeting(view) or (view.record.waiting_on is Party.US and not view.record.blocker):
            return (*links, *meeting, *record, *again)
        return (*links, *record, *meeting, *again)

    def lasting_actions(self, view: StepView) -> tuple[Action, ...]:
        """A meeting that is in people's calendars can be called off, whatever became of the step."""
        return (CALL_OFF,) if is_to_come(view) else ()

    def lasting_mails(self, view: StepView) -> tuple[MailOrder, ...]:
        meetings = meeting_orders(self.key, view, self.invited)
        return tuple(order for order in meetings if order.template == CANCELLED)

    def _wants_meeting(self, view: StepView) -> bool:
        lacks = standing_meeting(view.record) is None or was_missed(self.key, view, self.parties)
        return lacks and isinstance(self.meeting, MeetingPlan)

    def answer(self, view: StepView, action: str, body: BaseModel, party: Party) -> Answer:
        """Who arranges a meeting says with it that whatever made the last test fail is settled."""
        if isinstance(body, ArrangeMeeting):
            return Answer(meeting=arranged(view, self.key, body), cleared=True)
        if isinstance(body, CancelMeeting):
            assert view.record.meeting is not None
            return Answer(meeting=cancelled(view.record.meeting, body.reason, view.now))
        if isinstance(body, Tested):
            return self._tested(view, body, party)
        if isinstance(body, Remind) and self._lacks_it_alone(view, body.to):
            return Answer(meeting=told_again(self.key, view, self.invited))
        if action == RETRY.name and self.standing(view) == waits_on(Party.US):
            return Answer()  # nobody is asked for the results of a meeting of which neither party knew
        said = super().answer(view, action, body, party)
        if action == RETRY.name and self._meeting_trouble(view):
            return said.model_copy(update={"meeting": told_again(self.key, view, self.invited)})
        return said

    def _tested(self, view: StepView, body: Tested, party: Party) -> Answer:
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
        return self._silent(view.record)

    def _silent(self, record: StepRecord) -> tuple[str, ...]:
        answered = record.result.get("parties", {})
        both = zip(self.parties, (Party.PROVIDER, Party.PARTNER), strict=True)
        return tuple(role for role, party in both if party not in answered)

    def moments(self, record: StepRecord) -> tuple[NextThing, ...]:
        """When the meeting is over, whoever has not answered yet is asked, with a fresh link."""
        if not (meeting := standing_meeting(record)):
            return ()
        return tuple(NextThing(at=meeting.ends_at, what="remind", to=role) for role in self._silent(record))

    def mails(self, view: StepView) -> tuple[MailOrder, ...]:
        return (*self.letters(view), *meeting_orders(self.key, view, self.invited))

    @property
    def invited(self) -> tuple[str, ...]:
        """Roles of those who get the meeting into their calendar."""
        return (*self.parties, OURS[0])

    @property
    def parties(self) -> tuple[str, str]:
        """Roles of those who test."""
        return ("provider", self.to)

    def letters(self, view: StepView) -> tuple[MailOrder, ...]:
        """Invitations to test and reminders of it. That a message about the meeting came says nothing of them."""
        mails = {key: mail for key, mail in view.record.mails.items() if ":meeting-" not in key}
        view = view.model_copy(update={"record": view.record.model_copy(update={"mails": mails})})
        open_roles = self.asked(view)
        invitations = (
            self.order(view, f"invitation:{role}", self.template, role, link=True) for role in open_roles
        )
        reminders = (
            order for role in open_roles for order in self.reminding(view, role, first=self.template)
        )
        return (*invitations, *reminders)

    def trouble(self, view: StepView) -> str | None:
        return refusal(view, self.letters(view)) or self._meeting_trouble(view)

    def _meeting_trouble(self, view: StepView) -> str | None:
        """Whether a party does not know of the meeting to come; our own copy keeps nobody from it."""
        return None if is_over(view) else refusal(view, meeting_orders(self.key, view, self.parties))

    def _lacks_it_alone(self, view: StepView, role: str | None) -> bool:
        """Whether only that one of us does not know of the meeting; where a party does not either, a retry tells both."""
        mail = newest_message(self.key, view, role) if role == OURS[0] and not is_over(view) else None
        return mail is not None and mail.state != "sent" and not self._meeting_trouble(view)

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
    # Another title than the field that holds it: pydantic drops a field's title that equals it.
    config: ConfigDict = {"extra": "forbid", "frozen": True, "title": "Results"}
    results = create_model("Scenarios", __config__=config, **fields)
    many: dict[str, Any] = {"scenarios": (results, Field(title="Scenarios"))}
    by_link = create_model("TestResult", __base__=SignedTested, **many)
    recorded = create_model(
        "TestResultOnBehalf",
        __base__=Tested,
        **many,
        evidence=(FiledEvidence, Field(title="Evidence")),
        on_behalf_of=(OnBehalfOf, Field(title="On behalf of")),
    )
    return cast(type[Tested], by_link), cast(type[Tested], recorded)
