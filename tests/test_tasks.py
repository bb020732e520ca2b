"""The inbox: what live connections wait for stands among the steps, longest waiting first (R14–R17, R19)."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from adapters.database import assignments, notices, partner_health, people, readiness, records
from adapters.database.connection_tables import NoticeRow
from adapters.database.facts import read_facts
from adapters.database.session import Database
from adapters.database.tables import Provider
from adapters.identifiers import new_id
from api import task_items
from api.access import Principal, Role
from api.schemas.tasks import TaskQuery
from api.task_items import Looking
from domain import progress as engine
from domain.commands import StatusCommand, Verb
from domain.connection import ConnectionStatus
from domain.deadlines import WorkCalendar
from domain.delivery import PushAnswer, Verdict
from domain.model import SYSTEM, Party
from domain.progress import Case, Change, Progress
from domain.readiness import explain
from tests.catalogue_client import Client, serving
from tests.connection_client import Line, every_page
from tests.connections import IOANA, NOW, go_live
from tests.stack import settings_for

LATER = PushAnswer(verdict=Verdict.LATER, status=503, detail="They are busy.")


@pytest.fixture
async def api(database: Database, postgres_url: str) -> AsyncIterator[Client]:
    async with serving(settings_for(postgres_url, "127.0.0.1:1", 1), database) as client:
        yield client


async def line(api: Client, slug: str = "generali", **more: Any) -> Line:
    return Line(await go_live(api.database, slug, **more), api)


async def told(api: Client, **query: Any) -> list[tuple[str, str, int | None]]:
    """Key, whose move, and of how many: of every task."""
    found = await every_page(api, "/tasks", limit=1, **query)
    assert [one["since"] for one in found] == sorted(one["since"] for one in found)
    return [
        (one["step"], one["waiting_on"], one["connection"] and one["connection"]["count"]) for one in found
    ]


async def test_a_connection_that_goes_well_waits_for_nobody(api: Client) -> None:
    here = await line(api)
    await here.take()
    assert await told(api) == []


async def test_open_notices_wait_on_the_partner_and_those_that_came_back_on_us(api: Client) -> None:
    """R14, R16."""
    here = await line(api, "global-assistance")
    first, second = here.live.service_ids
    ids = [
        await here.live.change_prices({first: "110.00"}),
        await here.live.change_prices({second: "110.00"}),
        await here.live.change_prices({second: "120.00"}),
        await here.live.ask_for(await here.live.add_service("NEW")),
        await here.live.change_prices({second: "130.00"}),
    ]
    assert await told(api) == []
    async with here.live.database.transaction() as session:
        rows = [await session.get_one(NoticeRow, id) for id in ids]
        for number, row in enumerate(rows[:4]):
            trouble = "550 no such mailbox" if number == 2 else None
            await notices.went_out(session, row, trouble, NOW + timedelta(hours=1 + number))
        await notices.reject(session, rows[3], "We do not offer that.", IOANA, NOW)
    assert sorted(await told(api)) == [("notice", "partner", 2), ("notice_returned", "us", 2)]
    assert await told(api, waiting_on="us") == [("notice_returned", "us", 2)]
    waits = (await api.call("GET", "/tasks", params={"waiting_on": "partner"}))["items"][0]
    assert waits["connection"] == {"id": here.live.connection_id, "status": "active", "count": 2}
    assert waits["onboarding"]["id"] == here.live.onboarding_id
    assert waits["href"] == f"/api/v1{here.path}"
    assert (waits["state"], waits["title"]) == ("waiting", "The partner acknowledges what it was told")
    assert datetime.fromisoformat(waits["since"]) == NOW + timedelta(hours=1)


async def test_rejected_services_pause_and_end_are_tasks(api: Client) -> None:
    """R17."""
    rejected, paused, ending = await line(api), await line(api), await line(api)
    await rejected.take(rejected.live.service_ids[0])
    await paused.do("pause", {"reason": "The clinic moves house."})
    await ending.change(status=ConnectionStatus.ENDING, since=NOW)
    assert sorted(await told(api)) == [("ending", "partner", 1), ("paused", "us", 1), ("rejected", "us", 1)]
    await ending.end()
    assert sorted(await told(api)) == [("paused", "us", 1), ("rejected", "us", 1)]


async def test_notices_that_one_which_came_back_holds_back_are_no_tasks_of_their_own(api: Client) -> None:
    """R16: settle that one, and they follow."""
    here = await line(api, "global-assistance")
    first = here.live.service_ids[0]
    old = datetime.now(UTC) - timedelta(minutes=16)
    ids = [await here.live.change_prices({first: price}) for price in ("110.00", "120.00")]
    await here.change(since=old)
    async with here.live.database.transaction() as session:
        for id in ids:
            (await session.get_one(NoticeRow, id)).created_at = old
        (await session.get_one(NoticeRow, ids[0])).trouble = "550 no such mailbox"
    assert await told(api) == [("notice_returned", "us", 1)]
    held = await here.see(f"/notices/{ids[1]}")
    assert (held["state"], held["held_by"], [one["name"] for one in held["actions"]]) == (
        "waiting",
        1,
        ["acknowledge"],
    )


async def test_a_notice_that_could_not_be_sent_for_a_quarter_of_an_hour_is_ours(api: Client) -> None:
    """R14, R16: nobody else would ever hear of it."""
    here = await line(api, "global-assistance")
    first = here.live.service_ids[0]
    now = datetime.now(UTC)
    old, young = now - timedelta(minutes=16), now - timedelta(minutes=14)
    ids = [await here.live.change_prices({first: price}) for price in ("110.00", "120.00")]

    async def notice(at: datetime, id: str, **values: Any) -> None:
        async with here.live.database.transaction() as session:
            row = await session.get_one(NoticeRow, id)
            for name, value in {"created_at": at, **values}.items():
                setattr(row, name, value)

    await here.change(since=now - timedelta(days=3))
    for id in ids:
        await notice(young, id)
    assert await told(api) == [], "a mail server may be away for a moment"
    for id in ids:
        await notice(old, id)
    assert await told(api) == [("notice_unsent", "us", 2)]
    waits = (await api.call("GET", "/tasks"))["items"][0]
    assert (datetime.fromisoformat(waits["since"]), waits["title"]) == (old, "A notice could not be sent yet")
    async with here.live.database.transaction() as session:
        await notices.again(session, await session.get_one(NoticeRow, ids[0]), IOANA, now)
    assert await told(api) == [("notice_unsent", "us", 1)], "sent again just now"
    await notice(old, ids[1], trouble="550 no such mailbox")
    assert await told(api) == [("notice_returned", "us", 1)]
    await notice(old, ids[1], trouble=None)
    await here.change(since=young)
    assert await told(api) == [], "resumed just now"
    await here.change(since=old, consented=False)
    assert await told(api) == [], "it is kept back until the declaration is accepted (R9)"


async def test_an_end_is_a_task_once_it_failed_or_takes_long(api: Client) -> None:
    """R17: whose move it is, everywhere alike."""
    here = await line(api)
    await here.plan()
    await here.answer(LATER)
    now = datetime.now(UTC)
    await here.change(status=ConnectionStatus.ENDING, since=now - timedelta(minutes=14))
    await here.plan_end()
    assert (await told(api), (await here.see())["waiting_on"]) == ([], "system")
    await here.answer(LATER)
    assert (await told(api), (await here.see())["waiting_on"]) == ([("ending", "partner", 1)], "partner")
    await here.answer(PushAnswer(verdict=Verdict.REFUSED, status=401, detail="Who are you?"))
    assert (await told(api), (await here.see())["waiting_on"]) == ([("ending", "us", 1)], "us")
    async with api.database.transaction() as session:
        provider = await session.get_one(Provider, here.live.provider_id)
        counting = api.context.declarations.counting(here.live.playbook)
        looked = await readiness.look(session, provider, here.live.playbook, counting, now)
    parties = {one.code: one.party for one in explain(looked.snapshot).reasons}
    assert parties["connection.ending"] == "us"
    await here.answer(PushAnswer(verdict=Verdict.TAKEN, status=200))
    assert await told(api) == []
    await here.change(since=now - timedelta(minutes=16))
    assert await told(api) == [("ending", "partner", 1)]


async def test_a_delivery_is_a_task_when_it_failed_for_a_quarter_of_an_hour(api: Client) -> None:
    here, quiet = await line(api), await line(api, "europ-assistance")
    await here.plan(datetime.now(UTC) - timedelta(minutes=14))
    await here.answer(LATER)
    assert await told(api) == []
    await quiet.plan(datetime.now(UTC) - timedelta(minutes=16))
    assert await told(api) == [], "it waits for its turn: nobody said no"
    begun = datetime.now(UTC) - timedelta(minutes=16)
    async with here.live.database.transaction() as session:
        await session.execute(text("UPDATE deliveries SET created_at = :at"), {"at": begun})
    assert await told(api) == [("delivery", "partner", 1)]
    await here.live.change_prices({here.live.service_ids[0]: "120.00"})
    await here.plan(datetime.now(UTC))
    found = (await api.call("GET", "/tasks"))["items"][0]
    assert datetime.fromisoformat(found["since"]) == begun, "a newer delivery does not make it younger"
    async with here.live.database.transaction() as session:
        await partner_health.failed(session, "europ-assistance", "no answer", begun, tries=1)
    assert await told(api) == [("delivery", "partner", 1)] * 2
    await here.answer(PushAnswer(verdict=Verdict.TAKEN, status=200))
    assert [one["onboarding"]["partner"] for one in (await api.call("GET", "/tasks"))["items"]] == [
        "europ-assistance"
    ]


async def test_steps_and_connections_are_in_one_order_under_one_cursor(api: Client) -> None:
    lines = [await line(api) for _ in range(3)]
    for number, here in enumerate(lines):
        await here.change(status=ConnectionStatus.PAUSED, since=NOW + timedelta(hours=2 * number))
        async with api.database.transaction() as session:
            playbook = api.context.playbooks.get("europ-assistance")
            facts = await read_facts(session, here.live.provider_id, playbook.slug, ("none", "none"), NOW)
            case = Case(onboarding_id=new_id("onb"), provider_id=here.live.provider_id, playbook=playbook)
            begun = engine.begin(case, facts, NOW + timedelta(hours=2 * number + 1), SYSTEM).progress
            await records.open_onboarding(session, case, Change(progress=begun))
    assert await told(api) == [("paused", "us", 1), ("contract", "us", None)] * 3
    ours = await api.key("provider", lines[1].live.provider_id)
    mine = (await api.call("GET", "/tasks", **ours))["items"]
    assert [(one["step"], one["onboarding"]["provider"]["id"]) for one in mine] == [
        ("paused", lines[1].live.provider_id),
        ("contract", lines[1].live.provider_id),
    ]


async def paused(api: Client, since: datetime) -> Line:
    """A paused connection: a task of ours since then."""
    here = await line(api)
    await here.change(status=ConnectionStatus.PAUSED, since=since)
    return here


async def opened(
    api: Client,
    at: datetime,
    change: Callable[[Case, Progress], Change] | None = None,
    *,
    holidays: frozenset[date] = frozenset(),
) -> str:
    """An onboarding that began then, taken on by ``change``; its id."""
    provider_id = await api.provider()
    async with api.database.transaction() as session:
        playbook = api.context.playbooks.get("generali")
        facts = await read_facts(session, provider_id, playbook.slug, ("none", "none"), at)
        case = Case(
            onboarding_id=new_id("onb"),
            provider_id=provider_id,
            playbook=playbook,
            calendars=dict.fromkeys(Party, WorkCalendar(time_zone="Europe/Bucharest", holidays=holidays)),
        )
        begun = engine.begin(case, facts, at, SYSTEM).progress
        await records.open_onboarding(
            session, case, change(case, begun) if change else Change(progress=begun)
        )
    return case.onboarding_id


def held(since: datetime, until: date | None) -> Callable[[Case, Progress], Change]:
    command = StatusCommand(
        command_id="hold", verb=Verb.HOLD, reason="The clinic moves house.", until=until, actor=SYSTEM
    )
    return lambda case, progress: engine.steer(case, progress, command, since)


async def looked(api: Client, now: datetime, **filters: Any) -> list[Any]:
    """The inbox as a manager sees it at that time."""
    ana = Principal(kind="api_key", id="key_1", name="Ana", role=Role.MANAGER)
    async with api.database.transaction() as session:
        query = TaskQuery(**filters)
        found = await task_items.page(session, api.context, Looking(ana, "en", now), query)
    return [one.model_dump(mode="json") for one in found.items]


# A Friday evening in Bucharest, and a Monday.
FRIDAY, MONDAY = datetime(2026, 2, 27, 16, tzinfo=UTC), datetime(2026, 3, 2, 10, tzinfo=UTC)


async def test_a_step_says_its_age_in_working_days_and_what_comes_next(api: Client) -> None:
    """R12, R21: a week-end is not waited through."""
    await opened(api, FRIDAY)
    (seen,) = await looked(api, MONDAY)
    assert (seen["kind"], seen["step"], seen["waiting_on"]) == ("step", "contract", "us")
    assert (seen["age_working_days"], seen["is_overdue"]) == (1, False)
    assert datetime.fromisoformat(seen["next"].pop("at")).hour == 7, "09:00 in Bucharest"
    assert seen["next"] == {"what": "remind", "to": "account_manager"}
    assert (seen["assignee"], seen["acting"], seen["text"]) == (None, None, None)
    later = MONDAY + timedelta(days=60)
    assert [one["is_overdue"] for one in await looked(api, later)] == [True]
    assert [len(await looked(api, later, overdue=overdue)) for overdue in (True, False)] == [1, 0]
    assert [len(await looked(api, MONDAY, overdue=overdue)) for overdue in (True, False)] == [0, 1]


async def test_an_onboarding_on_hold_is_a_task_of_ours_with_its_planned_end(api: Client) -> None:
    """R21: nobody forgets what was paused."""
    planned = await opened(api, FRIDAY, held(MONDAY, date(2026, 3, 6)))
    openly = await opened(api, FRIDAY, held(MONDAY + timedelta(hours=1), None))
    first, second = await looked(api, MONDAY + timedelta(days=1))
    assert [one["onboarding"]["id"] for one in (first, second)] == [planned, openly]
    assert {(one["kind"], one["step"], one["waiting_on"]) for one in (first, second)} == {
        ("hold", "on_hold", "us")
    }
    assert datetime.fromisoformat(first["since"]) == MONDAY
    assert (first["text"], first["age_working_days"]) == ("The clinic moves house.", 1)
    assert datetime.fromisoformat(first["due_at"]) == datetime(2026, 3, 6, 7, tzinfo=UTC)
    assert first["next"]["what"] == "ask"
    assert (second["due_at"], second["next"]) == (None, None)
    for query in ({"status": "on_hold"}, {"kind": "hold"}):
        assert await told(api, **query) == [("on_hold", "us", None)] * 2
    assert await told(api, status="in_progress") == []
    assert await told(api, kind="connection") == []


async def test_a_hold_that_ends_on_a_free_day_is_due_when_we_are_at_work_again(api: Client) -> None:
    """R21: the inbox and the engine's clock agree."""
    saturday = date(2026, 3, 7)
    await opened(api, FRIDAY, held(MONDAY, saturday), holidays=frozenset({date(2026, 3, 9)}))
    (seen,) = await looked(api, MONDAY + timedelta(hours=1))
    assert seen["due_at"] == seen["next"]["at"]
    assert datetime.fromisoformat(seen["due_at"]) == datetime(2026, 3, 10, 7, tzinfo=UTC), "a Tuesday"


async def test_filters_narrow_and_the_order_by_due_date_holds_over_pages(api: Client) -> None:
    late = await opened(api, FRIDAY)
    never = await paused(api, FRIDAY - timedelta(days=9))
    last = await opened(api, FRIDAY, held(MONDAY, date(2026, 9, 1)))
    async with api.database.transaction() as session:
        boss = await people.create(
            session, name="Eva", email="eva@racord.example", locale="ro", time_zone="UTC", lead_id=None
        )
        await assignments.assign(session, late, boss.id, by=SYSTEM, reason="Hers.")
        named = "UPDATE providers SET name = 'Clinica 100%' FROM onboardings o WHERE o.id = :id AND providers.id = o.provider_id"
        await session.execute(text(named), {"id": last})
    everything = [late, last, never.live.onboarding_id]
    found = await every_page(api, "/tasks", limit=1, sort="due")
    assert [one["onboarding"]["id"] for one in found] == everything
    wanted: list[tuple[dict[str, Any], list[str]]] = [
        ({"assignee": boss.id}, [late]),
        ({"assignee": "none"}, everything[1:]),
        ({"q": "100%"}, [last]),
        ({"q": "100_"}, []),
        ({"partner": "europ-assistance"}, []),
        ({"due_before": "2026-06-01"}, [late]),
        ({"provider_id": never.live.provider_id}, [never.live.onboarding_id]),
    ]
    for query, expected in wanted:
        seen = await every_page(api, "/tasks", sort="due", **query)
        assert [one["onboarding"]["id"] for one in seen] == expected, query
    (mine,) = (await api.call("GET", "/tasks", params={"assignee": boss.id}))["items"]
    assert mine["assignee"] == {"id": boss.id, "name": "Eva"}


async def test_a_cursor_of_one_order_is_refused_in_the_other(api: Client) -> None:
    await opened(api, FRIDAY)
    await opened(api, FRIDAY)
    cursor = (await api.call("GET", "/tasks", params={"limit": 1}))["next_cursor"]
    refused = await api.problem("GET", "/tasks", params={"limit": 1, "cursor": cursor, "sort": "due"})
    assert "order" in refused["detail"]
