"""Hours up to midnight: kept as they were written, counted to the day's end, shown as 24:00 (R6)."""

from tests.catalogue_client import Client
from tests.test_price_edits_api import api

__all__ = ["api"]


async def test_a_calendar_reaches_midnight_and_its_openings_end_at_24_00(api: Client) -> None:
    provider = await api.provider()
    service = await api.service(provider)
    hours = [{"day": day, "from": "22:00", "to": "24:00"} for day in "mon tue wed thu fri sat sun".split()]
    body = {"physician": "Dr. Pop", "weekly_hours": hours, "exceptions": [], "service_ids": [service]}
    path = f"/providers/{provider}/calendars/cal_night"
    assert (await api.call("PUT", path, body, 201))["weekly_hours"] == hours
    assert (await api.call("GET", path))["weekly_hours"] == hours
    found = await api.call("GET", f"/providers/{provider}/services/{service}/availability")
    assert found["available"]
    assert {one["to"] for one in found["items"]} == {"24:00"}


async def test_hours_over_midnight_are_refused_with_the_way_to_write_them(api: Client) -> None:
    provider = await api.provider()
    body = {"physician": "Dr. Pop", "weekly_hours": [{"day": "mon", "from": "22:00", "to": "06:00"}]}
    problem = await api.problem("PUT", f"/providers/{provider}/calendars/cal_night", body)
    assert "22:00 to 24:00, and 00:00 to 06:00 on the next day" in problem["errors"][0]["problem"]
    early = {"physician": "Dr. Pop", "weekly_hours": [{"day": "mon", "from": "24:00", "to": "24:00"}]}
    await api.problem("PUT", f"/providers/{provider}/calendars/cal_night", early)
