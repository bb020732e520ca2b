"""The people on our side: account managers, their leads, and who stands in for whom. Pure."""

from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from domain.model import Frozen

# Who stands in for somebody who is away may be away too. Further than this it is followed no more.
MOST_SUBSTITUTES = 4


class Manager(Frozen):
    """An account manager. ``locale`` and ``time_zone`` are those of the person."""

    id: str
    name: str
    email: str
    locale: str
    time_zone: str
    lead_id: str | None = None
    retired: bool = False

    def day_of(self, at: datetime) -> date:
        """The date on the person's own wall calendar at an aware time."""
        return at.astimezone(ZoneInfo(self.time_zone)).date()


class Substitution(Frozen):
    """From ``first_day`` to ``last_day``, both included, the substitute acts for the account manager."""

    account_manager_id: str
    substitute_id: str
    first_day: date
    last_day: date


class Ours(Frozen):
    """Who of us corresponds about an onboarding; None where nobody is assigned, and where nobody leads them."""

    account_manager: Manager | None = None
    lead: Manager | None = None


class Staff(Frozen):
    """All account managers by id, and the substitutions that may matter now."""

    managers: Mapping[str, Manager]
    substitutions: tuple[Substitution, ...] = ()

    def get(self, person_id: str | None) -> Manager | None:
        """The person, retired or not."""
        return self.managers.get(person_id or "")

    def acting(self, person_id: str | None, at: datetime) -> Manager | None:
        """Who acts for the person at that time: they themselves, or whoever stands in on their own day.

        None for nobody and for the retired. Where the substitutes lead round in a circle, or on and on, the work stays
        with the person it was given to.
        """
        person = found = self._at_work(person_id)
        for _ in range(MOST_SUBSTITUTES + 1):
            other = self._substitute(found, at) if found else None
            if other is None:
                return found
            found = other
        return person

    def lead_of(self, person_id: str | None, at: datetime) -> Manager | None:
        """Who acts for the person's lead at that time."""
        person = self.get(person_id)
        return self.acting(person.lead_id, at) if person else None

    def ours(self, person_id: str | None, at: datetime) -> Ours:
        """Who corresponds about what the person is assigned to."""
        return Ours(account_manager=self.acting(person_id, at), lead=self.lead_of(person_id, at))

    def may_lead(self, lead_id: str, person_id: str) -> bool:
        """Whether nobody would come to lead themselves, directly or over others."""
        above: str | None = lead_id
        for _ in range(len(self.managers) + 1):
            if above is None:
                return True
            if above == person_id:
                return False
            found = self.get(above)
            above = found.lead_id if found else None
        return False

    def _at_work(self, person_id: str | None) -> Manager | None:
        person = self.get(person_id)
        return None if person is None or person.retired else person

    def _substitute(self, person: Manager, at: datetime) -> Manager | None:
        day = person.day_of(at)
        for one in self.substitutions:
            if one.account_manager_id == person.id and one.first_day <= day <= one.last_day:
                return self._at_work(one.substitute_id)
        return None
