"""A meeting that stands is moved only by a change of it; everybody in it gets an update for each (R12)."""

import pytest

from domain import errors
from domain.model import Party
from tests.test_meeting import FAILED, FIRST, LATER, arrange, at_the_test, meeting, record


def test_a_move_that_changes_nothing_is_refused_and_one_that_changes_anything_is_not() -> None:
    walk = at_the_test()
    arrange(walk)
    walk.send_all()
    said = {"reason": "Once more.", "note": "As it was.", "outside_hours": True}
    for same in (FIRST, "2026-03-05T08:00:00Z"):
        with pytest.raises(errors.Invalid) as refused:
            arrange(walk, same, **said)
        assert refused.value.detail == "The meeting is at that time and place already."
    for change in ({"place": "Room 3"}, {"place": "Room 3", "minutes": 30}):
        arrange(walk, FIRST, reason="Once more.", **change)
    arrange(walk, LATER, place="Room 3", minutes=30, reason="Once more.")
    assert meeting(walk).sequence == 3


def test_the_meeting_of_a_test_that_failed_before_it_may_be_kept_for_the_next_one_as_it_is() -> None:
    walk = at_the_test()
    arrange(walk)
    walk.by_link("joint_test", body=FAILED, party=Party.PARTNER)
    arrange(walk)
    assert (record(walk).waiting_on, meeting(walk).attempt, meeting(walk).sequence) == (Party.PROVIDER, 2, 1)
