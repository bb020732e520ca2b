"""120 days of an onboarding that nobody looks after, in skipped time: what is sent reads as a person would have planned it.

The years are far away, so that the days are the same whenever this runs; clocks and holidays are Romania's.
"""

from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from temporalio.testing import TimeSkipper

from adapters.database import records
from adapters.database.facts import read_facts
from adapters.holidays import work_calendar
from adapters.identifiers import new_id
from domain import progress as engine
from domain.deadlines import WorkCalendar
from domain.model import SYSTEM, Party
from domain.progress import Case
from tests import skipped_time
from tests.connections import all_set, packaged
from tests.stack import Stack, link_in

BUCHAREST = ZoneInfo("Europe/Bucharest")
CONTRACT = {"evidence": {"document": "Contract 118", "date": "2026-03-02"}}
temporal_server, temporal, stack = skipped_time.temporal_server, skipped_time.temporal, skipped_time.stack


class Neglected:
    """An onboarding at Generali whose time is skipped."""

    def __init__(self, stack: Stack, case: Case) -> None:
        self.stack, self.case, self.id = stack, case, case.onboarding_id
        self._skipper = TimeSkipper(stack.temporal.client)
        self._handle = stack.temporal.client.get_workflow_handle(f"onboarding:{self.id}")

    async def now(self) -> datetime:
        return await self._skipper.get_current_time(self._handle)

    async def passes(self, until: datetime) -> None:
        await self._skipper.fast_forward(self._handle, until - await self.now())

    async def see(self) -> Any:
        return await self.stack.onboarding(self.id)

    async def does(self, path: str, **body: Any) -> None:
        await self.stack.call("POST", f"/onboardings/{self.id}/{path}", json=body)

    async def sent(self) -> list[str]:
        """Every message that went out: when on its reader's wall clock, as what, to whom; those of one minute by name."""
        events = await self.stack.call("GET", f"/onboardings/{self.id}/events", params={"limit": 200})
        mails = []
        for one in events["items"]:
            if one["type"] == "mail.sent":
                to = one["data"]["to"]
                zone = ZoneInfo(self.case.calendar(self.case.party_of(to)).time_zone)
                at = datetime.fromisoformat(one["at"]).replace(second=0, microsecond=0)
                mails.append((at, f"{one['data']['template']} → {to}", zone))
        return [
            f"{at.astimezone(zone):%a %d %b %H:%M} {what}"
            for at, what, zone in sorted(mails, key=itemgetter(0, 1))
        ]


async def started(stack: Stack, begin: datetime, partner: WorkCalendar | None = None) -> Neglected:
    """Waits on Generali's technical settings since ``begin``: contract, intent, catalogue, consent and notice are done.

    Everybody works as people in Bucharest do, but for a ``partner`` with another calendar.
    """
    book = packaged("generali")
    provider_id = await all_set(stack.database, book)
    days = work_calendar("RO", "Europe/Bucharest", begin.year, 2)
    case = Case(
        onboarding_id=new_id("onb"),
        provider_id=provider_id,
        playbook=book,
        calendars=dict.fromkeys(Party, days) | {Party.PARTNER: partner or days},
        rules=engine.RULES,
    )
    async with stack.database.transaction() as session:
        in_force = (book.declaration.document, book.declaration.version)
        facts = await read_facts(session, provider_id, book.slug, in_force, begin)
        await records.open_onboarding(session, case, engine.begin(case, facts, begin, SYSTEM))
        start = await records.load_start(session, case.onboarding_id)
    assert start is not None
    await stack.temporal.start(start)
    onboarding = Neglected(stack, case)
    await onboarding.passes(begin)
    await onboarding.does("steps/contract/complete", **CONTRACT)
    await stack.step(onboarding.id, "settings", "waiting")
    return onboarding


@pytest.mark.timeout(180)
async def test_from_lent_over_orthodox_easter_and_the_begin_of_summer_time(stack: Stack) -> None:
    begin = datetime(2036, 3, 24, 10, tzinfo=BUCHAREST)
    onboarding = await started(stack, begin)
    await onboarding.passes(begin + timedelta(days=120))
    # Due after ten working days, on Monday, 7 April. Summer time begins on 30 March; Good Friday is 18 April,
    # Easter Monday the 21st, 1 May a holiday, and so is Whit Monday, 9 June.
    assert await onboarding.sent() == [
        "Mon 24 Mar 10:00 intent → partnerships",
        "Mon 24 Mar 10:00 notice → partnerships",
        "Mon 24 Mar 10:00 technical_settings → technical",
        "Thu 03 Apr 09:00 reminder → technical",
        "Mon 07 Apr 09:00 reminder → technical",
        "Thu 10 Apr 09:00 escalation → partnerships",
        "Thu 10 Apr 09:00 reminder → technical",
        "Mon 14 Apr 09:00 escalation → account_manager",
        "Thu 17 Apr 09:00 reminder → technical",
        "Wed 23 Apr 09:00 escalation → lead",
        "Wed 30 Apr 09:00 reminder → technical",
        "Thu 15 May 09:00 reminder → technical",
        "Thu 22 May 09:00 escalation → account_manager",
        "Thu 05 Jun 09:00 reminder → technical",
        "Fri 04 Jul 09:00 escalation → lead",
        "Fri 04 Jul 09:00 reminder → technical",
    ]


@pytest.mark.timeout(180)
async def test_from_autumn_over_the_end_of_summer_time_and_the_first_of_december_in_two_countries(
    stack: Stack,
) -> None:
    begin = datetime(2036, 10, 13, 16, 30, tzinfo=BUCHAREST)
    hungary = work_calendar("HU", "Europe/Budapest", 2036, 2)
    onboarding = await started(stack, begin, hungary)
    await onboarding.passes(begin + timedelta(days=120))
    # Hungary keeps 23 October and Christmas from the 24th: due on Tuesday, 28 October, after the end of summer time.
    # 1 December and 6 and 7 January are holidays of the account manager and the lead only.
    assert await onboarding.sent() == [
        "Mon 13 Oct 15:30 intent → partnerships",
        "Mon 13 Oct 15:30 notice → partnerships",
        "Mon 13 Oct 15:30 technical_settings → technical",
        "Fri 24 Oct 09:00 reminder → technical",
        "Tue 28 Oct 09:00 reminder → technical",
        "Fri 31 Oct 09:00 escalation → partnerships",
        "Fri 31 Oct 09:00 reminder → technical",
        "Tue 04 Nov 09:00 escalation → account_manager",
        "Fri 07 Nov 09:00 reminder → technical",
        "Tue 11 Nov 09:00 escalation → lead",
        "Tue 18 Nov 09:00 reminder → technical",
        "Tue 02 Dec 09:00 reminder → technical",
        "Wed 10 Dec 09:00 escalation → account_manager",
        "Tue 23 Dec 09:00 reminder → technical",
        "Mon 26 Jan 09:00 reminder → technical",
        "Thu 29 Jan 09:00 escalation → lead",
    ]
    await its_mails_are_one_thread_with_fresh_links(onboarding)


async def its_mails_are_one_thread_with_fresh_links(onboarding: Neglected) -> None:
    first, *later = onboarding.stack.mails.to("integrare@generali.example")
    assert {mail["In-Reply-To"] for mail in later} == {first["Message-ID"]}
    links = [link_in(mail) for mail in (first, *later)]
    assert len(set(links)) == len(links) == 9
    answers = [(await onboarding.stack.anybody.get(link)).status_code for link in (links[-2], links[-1])]
    assert answers == [410, 200]


@pytest.mark.timeout(180)
async def test_a_hold_over_christmas_sends_nothing_and_asks_at_its_planned_end(stack: Stack) -> None:
    begin = datetime(2036, 12, 1, 11, tzinfo=BUCHAREST)
    onboarding = await started(stack, begin)
    await onboarding.passes(datetime(2036, 12, 12, 12, tzinfo=BUCHAREST))
    await onboarding.does("hold", reason="The clinic is closed over the holidays", until="2037-01-08")
    await onboarding.passes(datetime(2037, 1, 12, 12, tzinfo=BUCHAREST))
    await onboarding.does("resume", reason="They are back")
    await onboarding.passes(datetime(2037, 1, 23, 12, tzinfo=BUCHAREST))
    # Begun on a holiday; due on Monday, 15 December. Held from the 12th to 12 January: fifteen working days.
    assert (await onboarding.sent())[3:] == [
        "Thu 11 Dec 09:00 reminder → technical",
        "Thu 08 Jan 09:00 hold_over → account_manager",
        "Tue 13 Jan 09:00 reminder → technical",
        "Fri 16 Jan 09:00 escalation → partnerships",
        "Fri 16 Jan 09:00 reminder → technical",
        "Tue 20 Jan 09:00 escalation → account_manager",
        "Fri 23 Jan 09:00 reminder → technical",
    ]
    step = next(one for one in (await onboarding.see())["steps"] if one["key"] == "settings")
    assert step["due_at"] == "2037-01-13T15:00:00Z"
