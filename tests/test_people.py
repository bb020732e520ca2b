"""Who acts for whom: substitutes by the person's own day, substitutes of substitutes, circles, leads."""

from datetime import UTC, date, datetime, timedelta

import pytest

from domain.people import MOST_SUBSTITUTES, Manager, Staff, Substitution

MONDAY = date(2026, 11, 30)
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def person(
    id: str, *, zone: str = "Europe/Bucharest", lead: str | None = None, retired: bool = False
) -> Manager:
    return Manager(
        id=id,
        name=id.title(),
        email=f"{id}@racord.example",
        locale="en",
        time_zone=zone,
        lead_id=lead,
        retired=retired,
    )


def away(who: str, substitute: str, first: date = MONDAY, days: int = 1) -> Substitution:
    return Substitution(
        account_manager_id=who,
        substitute_id=substitute,
        first_day=first,
        last_day=first + timedelta(days=days - 1),
    )


def staff(*managers: Manager, substitutions: tuple[Substitution, ...] = ()) -> Staff:
    return Staff(managers={one.id: one for one in managers}, substitutions=substitutions)


def acting(found: Staff, id: str | None, at: datetime = NOON) -> str | None:
    who = found.acting(id, at)
    return who.id if who else None


def test_without_a_substitute_the_person_acts_and_for_nobody_nobody_does() -> None:
    here = staff(person("ana"), person("gone", retired=True))
    assert [acting(here, id) for id in ("ana", "gone", "unknown", None)] == ["ana", None, None, None]


def test_the_substitute_acts_on_the_first_and_the_last_day_and_on_no_other() -> None:
    here = staff(person("ana"), person("dan"), substitutions=(away("ana", "dan", days=3),))
    said = [acting(here, "ana", NOON + timedelta(days=n)) for n in range(-1, 4)]
    assert said == ["ana", "dan", "dan", "dan", "ana"]


@pytest.mark.parametrize(
    ("zone", "at", "who"),
    [
        ("Europe/Bucharest", datetime(2026, 11, 29, 22, 0, tzinfo=UTC), "dan"),
        ("Europe/Bucharest", datetime(2026, 11, 29, 21, 59, tzinfo=UTC), "ana"),
        ("America/New_York", datetime(2026, 11, 30, 4, 59, tzinfo=UTC), "ana"),
        ("America/New_York", datetime(2026, 12, 1, 4, 59, tzinfo=UTC), "dan"),
        ("America/New_York", datetime(2026, 12, 1, 5, 0, tzinfo=UTC), "ana"),
    ],
)
def test_the_day_is_that_of_the_person_who_is_away(zone: str, at: datetime, who: str) -> None:
    here = staff(person("ana", zone=zone), person("dan"), substitutions=(away("ana", "dan"),))
    assert acting(here, "ana", at) == who


def test_a_substitute_who_is_away_too_has_a_substitute_of_their_own() -> None:
    here = staff(
        person("ana"),
        person("dan"),
        person("eva"),
        substitutions=(away("ana", "dan"), away("dan", "eva")),
    )
    assert acting(here, "ana") == "eva"


def test_in_a_circle_of_substitutes_the_work_stays_with_whose_it_is() -> None:
    here = staff(person("ana"), person("dan"), substitutions=(away("ana", "dan"), away("dan", "ana")))
    assert (acting(here, "ana"), acting(here, "dan")) == ("ana", "dan")


def test_substitutes_of_substitutes_are_followed_a_few_times_only() -> None:
    for length, last in ((MOST_SUBSTITUTES, f"p{MOST_SUBSTITUTES}"), (MOST_SUBSTITUTES + 1, "p0")):
        chain = tuple(away(f"p{n}", f"p{n + 1}") for n in range(length))
        here = staff(*(person(f"p{n}") for n in range(length + 1)), substitutions=chain)
        assert acting(here, "p0") == last


def test_a_substitute_who_has_retired_does_not_act() -> None:
    here = staff(person("ana"), person("dan", retired=True), substitutions=(away("ana", "dan"),))
    assert acting(here, "ana") == "ana"


def test_the_lead_is_the_assignees_or_whoever_stands_in_for_the_lead() -> None:
    here = staff(
        person("ana", lead="marta"),
        person("dan"),
        person("marta"),
        person("eva"),
        substitutions=(away("ana", "dan"), away("marta", "eva")),
    )
    ours = here.ours("ana", NOON)
    assert (ours.account_manager, ours.lead) == (here.get("dan"), here.get("eva"))
    later = here.ours("ana", NOON + timedelta(days=1))
    assert (later.account_manager, later.lead) == (here.get("ana"), here.get("marta"))
    assert here.ours("dan", NOON).lead is None
    assert here.ours(None, NOON).account_manager is None


def test_nobody_comes_to_lead_themselves() -> None:
    here = staff(person("ana", lead="dan"), person("dan", lead="eva"), person("eva"))
    assert here.may_lead("eva", "ana")
    assert here.may_lead("dan", "ana")
    assert not here.may_lead("ana", "ana")
    assert not here.may_lead("ana", "dan")
    assert not here.may_lead("ana", "eva")
