"""Public holidays, as plain data for the rules of the domain. Nothing else asks the library that knows them."""

from datetime import date
from functools import lru_cache

import holidays

from domain.deadlines import WorkCalendar


@lru_cache(maxsize=512)
def public_holidays(country: str, first_year: int, years: int = 1) -> frozenset[date]:
    """The public holidays of a country (ISO 3166-1 alpha-2) in ``years`` years; none of one that is not known."""
    try:
        return frozenset(holidays.country_holidays(country, years=range(first_year, first_year + years)))
    except NotImplementedError:
        return frozenset()


def work_calendar(country: str, time_zone: str, first_year: int, years: int) -> WorkCalendar:
    """When people in that country and time zone work, for as many years ahead."""
    return WorkCalendar(time_zone=time_zone, holidays=public_holidays(country, first_year, years))
