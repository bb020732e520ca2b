"""Who reads a page: language, clock, rights. Times and words are said through this, so that every page says them alike."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_timedelta
from fastapi import Request
from markupsafe import Markup

from adapters.i18n import format_clock, format_day, format_when, say
from api.access import Policy, Principal
from api.context import language_of
from api.pages import words
from api.troubles import trouble_said
from domain.errors import N_
from domain.model import Party

ZONE_COOKIE = "racord_zone"
NEAR = {0: N_("today {time}"), 1: N_("tomorrow {time}")}
TWO = 2  # a unit is used from two of it on: “11 days” says more than “2 weeks”


@dataclass(frozen=True)
class Reader:
    """``principal`` is None for whoever has not signed in, and for holders of signed links."""

    language: str
    zone: str
    principal: Principal | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def party(self) -> Party | None:
        return self.principal.party if self.principal else None

    @property
    def role(self) -> str:
        return say(self.language, words.ROLES[self.principal.role]) if self.principal else ""

    def may(self, policy: str) -> bool:
        return self.principal is not None and self.principal.may(Policy(policy))

    def exact(self, at: datetime) -> Markup:
        """The moment on the reader's clock; the tool tip has it in UTC."""
        return _time(at, format_when(at, self.language, self.zone))

    def is_elsewhere(self, at: datetime) -> bool:
        """Whether the clock that ``at`` is told by shows another hour than the reader's."""
        return at.utcoffset() != at.astimezone(ZoneInfo(self.zone)).utcoffset()

    def there(self, at: datetime) -> Markup:
        """The moment on the clock that ``at`` is told by; the tool tip has it in UTC."""
        zone = at.tzinfo
        assert isinstance(zone, ZoneInfo)
        return _time(at, format_when(at, self.language, zone.key))

    def said(self, message: str) -> str:
        return say(self.language, message)

    def trouble(self, text: str) -> str:
        return trouble_said(text, self.language)

    def day(self, day: date) -> str:
        return format_day(day, self.language)

    def ago(self, at: datetime) -> Markup:
        """How long ago, or how soon: “3 days ago”, “in 2 hours”; the tool tip has the moment itself."""
        return _time(
            at, format_timedelta(at - self.now, add_direction=True, threshold=TWO, locale=self.language)
        )

    def soon(self, at: datetime) -> Markup:
        """A moment to come on the reader's clock: “tomorrow 09:00”, further away with its date."""
        local = at.astimezone(ZoneInfo(self.zone))
        days = (local.date() - self.now.astimezone(local.tzinfo).date()).days
        if days not in NEAR:
            return self.exact(at)
        hour = format_clock(local, self.language)
        return _time(at, say(self.language, NEAR[days], {"time": hour}))

    def length(self, at: datetime) -> Markup:
        """How long it is since then, or until then: “3 days”; the tool tip has the moment itself."""
        return _time(
            at, format_timedelta(at - self.now, threshold=TWO, locale=self.language).lstrip("-\u2212")
        )

    def waited_on(self, party: str) -> str:
        return words.waited_on(party, self.language, self.party)

    def acts(self, party: str) -> str:
        return words.acts(party, self.language, self.party)

    def readiness(self, state: str) -> str:
        return say(self.language, words.READINESS[state])

    def status(self, status: str) -> str:
        return say(self.language, words.STATUSES[status])

    def state(self, state: str) -> str:
        return say(self.language, words.STATES[state])

    def mail_state(self, state: str) -> str:
        return say(self.language, words.MAIL_STATES[state])

    def action(self, name: str, kind: str = "") -> str:
        return words.action(name, kind, self.language)

    def word(self, key: str) -> str:
        return words.word(key, self.language)


def reader_of(request: Request, language: str | None = None) -> Reader:
    """The reader of this request; ``language`` where it is not theirs to choose."""
    principal: Principal | None = getattr(request.state, "principal", None)
    return Reader(language or language_of(request), _zone(request.cookies.get(ZONE_COOKIE, "")), principal)


def _zone(named: str) -> str:
    try:
        return ZoneInfo(named).key
    except (ValueError, OSError, LookupError):
        return "UTC"


def _time(at: datetime, said: str) -> Markup:
    utc = at.astimezone(UTC)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        utc.isoformat(timespec="seconds").replace("+00:00", "Z"), f"{utc:%Y-%m-%d %H:%M:%S} UTC", said
    )
