"""What a partner is told: what differs, what may differ, and nothing else (R15–R17). Pure."""

from hypothesis import given
from hypothesis import strategies as st

from domain.connection import Content, Side, delta, is_superseded, pushed
from domain.playbook import Sync, SyncPolicy

ECO = {"code": "ECO", "name": "Ecografie", "duration_minutes": 25}
PRICED = {**ECO, "price": {"amount": "100.00", "currency": "RON"}}
DEARER = {**ECO, "price": {"amount": "120.00", "currency": "RON"}}
contents: st.SearchStrategy[Content | None] = st.sampled_from([None, ECO, PRICED, DEARER])


def side(wanted: Content | None, acknowledged: Content | None, **more: object) -> Side:
    return Side(service_id="svc_1", wanted=wanted, acknowledged=acknowledged, **more)  # type: ignore[arg-type]


def test_a_partner_who_has_all_is_told_nothing() -> None:
    assert not delta([side(PRICED, PRICED), side(None, None)])


def test_a_changed_service_is_told_whole() -> None:
    assert delta([side(DEARER, PRICED)]).changed == (side(DEARER, PRICED),)


def test_what_is_not_bookable_any_more_is_withdrawn() -> None:
    assert delta([side(None, PRICED)]).withdrawn == (side(None, PRICED),)


def test_what_may_have_arrived_is_told_again_though_it_was_taken_back() -> None:
    back = side(PRICED, PRICED, in_doubt=True, sent=DEARER)
    assert delta([back]).changed == (back,)
    assert is_superseded(delta([back]), {"svc_1": DEARER})


def test_a_delivery_that_says_what_must_be_said_stays() -> None:
    waiting = side(DEARER, PRICED, in_doubt=True, sent=DEARER)
    assert not is_superseded(delta([waiting]), {"svc_1": DEARER})


def test_a_change_of_another_service_makes_a_new_delivery_with_both() -> None:
    waiting = side(DEARER, PRICED, in_doubt=True, sent=DEARER)
    other = Side(service_id="svc_2", wanted=ECO, acknowledged=None)
    assert is_superseded(delta([waiting, other]), {"svc_1": DEARER})


def test_what_the_partner_rejected_comes_again_only_when_it_changes() -> None:
    assert not delta([side(DEARER, PRICED, is_rejected=True, rejected=DEARER)])
    assert delta([side(ECO, PRICED, is_rejected=True, rejected=DEARER)])
    assert delta([side(DEARER, PRICED, is_rejected=True, rejected=DEARER)], everything=True)


def test_a_withdrawal_that_the_partner_rejected_is_not_repeated_for_ever() -> None:
    assert not delta([side(None, PRICED, is_rejected=True)])
    assert delta([side(PRICED, ECO, is_rejected=True)])


def test_a_partner_who_takes_no_recorded_prices_gets_none() -> None:
    each, push = Sync(price=SyncPolicy.NOTIFY_EACH), Sync(price=SyncPolicy.PUSH)
    assert pushed(PRICED, each) == ECO
    assert pushed(PRICED, push) == PRICED
    assert pushed(None, each) is None


@given(st.lists(contents, min_size=1, max_size=8), st.lists(contents, min_size=8, max_size=8))
def test_whoever_applies_the_delta_has_what_is_wanted(
    wanted: list[Content | None], had: list[Content | None]
) -> None:
    sides = [Side(service_id=f"svc_{n}", wanted=one, acknowledged=had[n]) for n, one in enumerate(wanted)]
    partner = {one.service_id: one.acknowledged for one in sides}
    told = delta(sides)
    partner |= {one.service_id: one.wanted for one in told.changed}
    partner |= {one.service_id: None for one in told.withdrawn}
    assert partner == {one.service_id: one.wanted for one in sides}
