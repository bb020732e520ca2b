"""A due date that a person set holds for the party that it was agreed with (R21)."""

from datetime import timedelta

import pytest

from domain.commands import Verb
from domain.deadlines import shifted
from domain.model import Party
from domain.steps.base import StepRecord
from tests.clocked import MONDAY, OURS, THEIRS, Clocked, waiting_on_the_partner

LETTER = "settings:1:invitation:ops"


def record(onboarding: Clocked) -> StepRecord:
    return onboarding.progress.steps["settings"]


def test_a_date_that_we_set_ourselves_leaves_the_one_that_was_agreed_with_the_partner() -> None:
    onboarding = waiting_on_the_partner()
    onboarding.act("settings", "due", due_on="2026-04-24", reason="They asked for April")
    agreed = record(onboarding).due_at
    onboarding.bounce("settings", LETTER)
    onboarding.act("settings", "due", due_on="2026-03-04", reason="We correct the address by then")
    ours = record(onboarding).due_at
    onboarding.act("settings", "retry")
    assert (onboarding.waits_on("settings"), record(onboarding).due_at) == ("partner", agreed)
    assert record(onboarding).agreed == {Party.PARTNER: agreed, Party.US: ours}


def test_a_hold_moves_what_was_agreed_with_each_party_on_its_own_calendar() -> None:
    onboarding = waiting_on_the_partner()
    onboarding.act("settings", "due", due_on="2026-04-24", reason="They asked for April")
    onboarding.bounce("settings", LETTER)
    onboarding.act("settings", "due", due_on="2026-03-06", reason="We correct the address by then")
    before = record(onboarding).agreed
    onboarding.steer(Verb.HOLD)
    onboarding.passes(MONDAY + timedelta(days=14))
    onboarding.steer(Verb.RESUME)
    calendars = {Party.PARTNER: THEIRS, Party.US: OURS}
    assert record(onboarding).agreed == {
        party: shifted(before[party], MONDAY, onboarding.now, calendar)
        for party, calendar in calendars.items()
    }


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        (None, {}),
        ({"party": "partner", "due_at": "2026-03-02T09:00:00Z"}, {Party.PARTNER: MONDAY}),
        ({"partner": "2026-03-02T09:00:00Z"}, {Party.PARTNER: MONDAY}),
    ],
)
def test_records_of_before_each_party_had_a_date_of_its_own_are_still_read(
    stored: object, read: object
) -> None:
    found = StepRecord.model_validate({"key": "settings", "agreed": stored})
    assert found.agreed == read
    assert StepRecord.model_validate_json(found.model_dump_json()) == found
