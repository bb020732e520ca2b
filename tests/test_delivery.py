"""What a partner's answer means, and when the next try comes (docs/partner-protocol.md)."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.delivery import (
    LONGEST_WISH,
    DeliveryType,
    HeldService,
    PushAnswer,
    Verdict,
    body_of,
    next_try,
    verdict_of,
)

NOW = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
LATER = PushAnswer(verdict=Verdict.LATER)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(s, Verdict.TAKEN) for s in (200, 201, 202, 204)]
    + [(s, Verdict.LATER) for s in (301, 302, 307, 408, 425, 429, 500, 503, 599)]
    + [(s, Verdict.REFUSED) for s in (400, 401, 403, 404, 413, 422)]
    + [(410, Verdict.GONE)],
)
def test_a_status_means_what_the_partners_were_told(status: int, verdict: Verdict) -> None:
    assert verdict_of(status) is verdict


def test_pauses_grow_to_three_hours_and_never_end() -> None:
    pauses = [next_try(LATER, tries, NOW, 0) for tries in (1, 2, 3, 4, 5, 6, 7, 8, 1000)]
    assert [at and (at - NOW).total_seconds() for at in pauses] == [
        5,
        15,
        60,
        300,
        900,
        3600,
        10800,
        10800,
        10800,
    ]


def test_connections_do_not_come_back_at_one_moment() -> None:
    assert next_try(LATER, 4, NOW, 1) == NOW + timedelta(seconds=360)


def test_a_partners_wish_is_respected_up_to_a_day() -> None:
    asks = PushAnswer(verdict=Verdict.LATER, retry_after=timedelta(minutes=2))
    assert next_try(asks, 1, NOW, 0) == NOW + timedelta(minutes=2)
    much = PushAnswer(verdict=Verdict.LATER, retry_after=timedelta(days=400))
    assert next_try(much, 1, NOW, 0) == NOW + LONGEST_WISH


def test_a_refusal_is_tried_again_each_three_hours_and_what_is_over_never() -> None:
    assert next_try(PushAnswer(verdict=Verdict.REFUSED), 1, NOW, 0) == NOW + timedelta(hours=3)
    assert next_try(PushAnswer(verdict=Verdict.GONE), 1, NOW, 0) is None
    assert next_try(PushAnswer(verdict=Verdict.TAKEN), 1, NOW, 0) is None


def test_a_delivery_has_the_shape_that_partners_were_told() -> None:
    service = {"id": "svc_1", "code": "ECO", "name": "Ecografie", "duration_minutes": 25}
    provider = {"id": "prv_1", "name": "Clinica"}
    made = body_of(DeliveryType.CHANGED, "con_1", provider, 17, [service], ["svc_2"], NOW)
    assert made == {
        "type": "services.changed",
        "timestamp": "2026-03-02T08:15:00Z",
        "data": {
            "connection": "con_1",
            "provider": provider,
            "sequence": 17,
            "services": [service],
            "withdrawn": ["svc_2"],
        },
    }


def test_a_partner_is_taken_at_its_word_only_where_it_says_something() -> None:
    assert HeldService(id="svc_1", duration_minutes=20).told == {"duration_minutes": 20}
    assert HeldService(id="svc_1", duration_minutes=20, price=None).told == {"duration_minutes": 20}
