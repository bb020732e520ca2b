"""Hours up to midnight: kept as they were written, counted to the day's end, shown as 24:00 (R6)."""

from adapters.database.availability import WEEKDAYS
from tests.test_readiness_api import Clinic, clinic

__all__ = ["clinic"]


async def test_a_calendar_reaches_midnight_and_its_openings_end_at_24_00(clinic: Clinic) -> None:
    service = await clinic.service("A")
    hours = [{"day": day, "from": "22:00", "to": "24:00"} for day in WEEKDAYS]
    await clinic.calendar(service, weekly_hours=hours)
    kept = await clinic.stack.call("GET", f"/providers/{clinic.id}/calendars/pop")
    assert kept["weekly_hours"] == hours
    found = await clinic.openings(service)
    assert found["available"]
    assert {one["to"] for one in found["items"]} == {"24:00"}


async def test_hours_over_midnight_are_refused_with_the_way_to_write_them(clinic: Clinic) -> None:
    path = f"/providers/{clinic.id}/calendars/pop"
    for start, end, said in (
        ("22:00", "06:00", "22:00 to 24:00, and 00:00 to 06:00 on the next day"),
        ("24:00", "24:00", ""),
    ):
        body = {"physician": "Dr. Pop", "weekly_hours": [{"day": "mon", "from": start, "to": end}]}
        problem = await clinic.stack.call("PUT", path, json=body, expect=422)
        assert said in problem["errors"][0]["problem"]
