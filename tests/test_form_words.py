"""What forms say can be said in every language: the catalogues' check knows each label and each hint."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from adapters import i18n
from api.pages.fields import Field, form_fields
from api.schemas.calendars import CalendarBody
from api.schemas.channels import Accepter, ChannelChange, PriceList, Published
from api.schemas.connections import ConfirmEnd, RemindNotice, SendAll, TellAgain
from api.schemas.links import Acknowledge, Decline
from api.schemas.onboardings import Cancel, Hold, Reason, StartOnboarding
from api.schemas.people import (
    AccountManagerChange,
    Assign,
    EndSubstitution,
    NewAccountManager,
    NewSubstitution,
    Retire,
)
from domain.steps import joint_test
from domain.steps.base import Body, StepRecord, StepView
from tests.connections import packaged
from tests.playbooks import NOW, READY

# What pages make forms of, beside the actions of steps.
SHOWN: tuple[type[BaseModel], ...] = (
    *(CalendarBody, ChannelChange, Published, PriceList, Accepter),
    *(Acknowledge, Decline, ConfirmEnd, RemindNotice, SendAll, TellAgain),
    *(Reason, Hold, Cancel, StartOnboarding),
    *(NewAccountManager, AccountManagerChange, Assign, Retire, NewSubstitution, EndSubstitution),
)


def below(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield kind
    for one in kind.__subclasses__():
        yield from below(one)


def of_the_test() -> list[type[BaseModel]]:
    """The bodies of a joint test, whose scenarios are the playbook's own words."""
    (step,) = (one for one in packaged("global-assistance").steps if one.key == "joint_test")
    view = StepView(record=StepRecord(key=step.key), facts=READY, now=NOW)
    return [action.body for action in step.actions(view) if action.body]


def said(fields: Iterable[Field]) -> Iterator[str]:
    for field in fields:
        yield from (text for text in (field.label, field.hint) if text)
        yield from (head.label for head in field.columns)
        if field.name != "scenarios":
            yield from said(field.fields)


def test_the_check_knows_every_label_and_hint_of_the_pages_forms(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(i18n, "LOCALES", tmp_path)
    known = i18n.lacks("de")  # there is no catalogue: everything
    steps = (*of_the_test(), *(one for one in below(Body) if not issubclass(one, joint_test.Tested)))
    texts = {
        text for body in (*SHOWN, *steps) for text in said(form_fields(body.model_json_schema(), "en").fields)
    }
    assert "Scenarios" in texts
    assert [text for text in sorted(texts) if f"not translated: {text!r}" not in known] == []


def test_the_scenarios_of_a_test_are_headed_in_the_readers_language() -> None:
    bodies = [body for body in of_the_test() if issubclass(body, joint_test.Tested)]
    headed = [form_fields(body.model_json_schema(), "de").fields for body in bodies]
    assert [next(one.label for one in fields if one.name == "scenarios") for fields in headed] == [
        "Szenarien"
    ] * 3
