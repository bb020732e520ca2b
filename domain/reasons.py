"""Why something is not bookable: what a reason is, and the stable codes there are (R18–R20).

``docs/explainer.md`` lists the codes, :mod:`domain.reason_texts` has their texts.
"""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from domain.facts import FactName, Remedy
from domain.model import Frozen, Party, Text

Gap = str | datetime | Text
Day = Callable[[datetime, str], str]


class Severity(StrEnum):
    """``blocking`` keeps patients from being booked; a ``warning`` does not."""

    BLOCKING = "blocking"
    WARNING = "warning"


class Code(StrEnum):
    """The codes that do not name a step; a step's is :func:`step_code`."""

    ONBOARDING_NOT_STARTED = "onboarding.not_started"
    ONBOARDING_ON_HOLD = "onboarding.on_hold"
    ONBOARDING_CANCELLED = "onboarding.cancelled"
    ONBOARDING_FAILED = "onboarding.failed"
    ONBOARDING_CATCHING_UP = "onboarding.catching_up"
    CONNECTION_ENDING = "connection.ending"
    CONNECTION_ENDED = "connection.ended"
    CONNECTION_PAUSED = "connection.paused"
    PARTNER_SILENT = "partner.silent"
    CHANNEL_DISABLED = "channel.disabled"
    SERVICES_NONE_TICKED = "services.none_ticked"
    SERVICES_NONE_BOOKABLE = "services.none_bookable"
    PRICES_MISSING = "prices.missing"
    CALENDARS_MISSING = "calendars.missing"
    CONSENT_MISSING = "consent.missing"
    CONSENT_OUTDATED = "consent.outdated"
    SERVICE_DELETED = "service.deleted"
    SERVICE_CHANNEL_BLOCKED = "service.channel_blocked"
    SERVICE_NOT_TICKED = "service.not_ticked"
    SERVICE_NO_PRICE = "service.no_price"
    SERVICE_NO_CALENDAR = "service.no_calendar"
    SERVICE_NO_OPENING = "service.no_opening"
    SERVICE_AWAITING_PARTNER = "service.awaiting_partner"
    SERVICE_DECLINED = "service.declined"
    SERVICE_NOTICE_FAILED = "service.notice_failed"
    SERVICE_REJECTED = "service.rejected"


FACT_CODES: dict[FactName, Code] = {
    FactName.CALENDARS_SET: Code.CALENDARS_MISSING,
    FactName.CHANNEL_ENABLED: Code.CHANNEL_DISABLED,
    FactName.SERVICES_PUBLISHED: Code.SERVICES_NONE_TICKED,
    FactName.PRICES_SET: Code.PRICES_MISSING,
    FactName.CONSENT_ACCEPTED: Code.CONSENT_MISSING,
}


def step_code(key: str, state: str) -> str:
    """``step.<key>.waiting`` where it is the step's turn, ``step.<key>.pending`` where others come first."""
    return f"step.{key}.{state}"


class Reason(Frozen):
    """One reason. ``party`` must act; ``remedy`` is the catalogue's call that mends it, if there is one."""

    code: str
    text: Text
    gaps: dict[str, Gap] = {}
    party: Party
    severity: Severity = Severity.BLOCKING
    since: datetime | None = None
    by: str | None = None
    step: str | None = None
    fact: FactName | None = None
    remedy: Remedy | None = None
    services: int = Field(default=0, description="ticked services that it concerns")

    @property
    def blocks(self) -> bool:
        return self.severity is Severity.BLOCKING

    def said(self, language: str, when: Day = lambda at, _: at.date().isoformat()) -> str:
        """The text in that language; ``when`` says a moment in words."""
        return self.text.in_(language).format_map(
            {name: self._filled(gap, language, when) for name, gap in self.gaps.items()}
        )

    @staticmethod
    def _filled(gap: Gap, language: str, when: Day) -> str:
        if isinstance(gap, Text):
            return gap.in_(language)
        return when(gap, language) if isinstance(gap, datetime) else gap
