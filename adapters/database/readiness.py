"""Reads one channel as the explainer wants it: two statements, however many services there are. Changes nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database.changes import Kind
from adapters.database.facts import read_facts
from adapters.database.tables import OPEN_STATUSES, Calendar, Provider
from adapters.holidays import public_holidays
from domain.availability import DAYS, Hours, PhysicianCalendar, longest_openings
from domain.model import OnboardingStatus
from domain.playbook import Playbook
from domain.progress import Case
from domain.snapshot import Known, Run, ServiceFacts, Snapshot

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

# The onboarding that governs the channel: the newest that is open or live, else the newest of all.
# The services are one row a thing said and then one group a service, for the reason given in `facts`.
_READ = text(
    f"""
    WITH run AS (
        SELECT id, status, case_data, progress, ended_at FROM onboardings
        WHERE provider_id = :provider AND partner = :partner
        ORDER BY (status = 'live' OR status IN {OPEN_STATUSES}) DESC, created_at DESC, id DESC
        LIMIT 1
    ), live AS (
        SELECT ended_at AS at FROM run WHERE status = 'live'
    ), said AS (
        SELECT
            id, code, name, duration_minutes, deleted_at, NULL AS deleted_by, false AS ticked, false AS priced,
            created_at > (SELECT at FROM live) AS came_later
        FROM services WHERE provider_id = :provider
        UNION ALL
        SELECT service_id, NULL, NULL, NULL, NULL, NULL, true, false, false
        FROM published_services WHERE provider_id = :provider AND partner = :partner
        UNION ALL
        SELECT service_id, NULL, NULL, NULL, NULL, NULL, false, true, false
        FROM prices WHERE provider_id = :provider AND partner = :partner
        UNION ALL
        SELECT service_id, NULL, NULL, NULL, NULL, author->>'name', false, false, false
        FROM catalogue_changes WHERE provider_id = :provider AND kind = :deleted
        UNION ALL
        SELECT unnest(coalesce(service_ids, ARRAY[service_id])), NULL, NULL, NULL, NULL, NULL, false, false, true
        FROM catalogue_changes
        WHERE provider_id = :provider AND partner = :partner AND kind = :ticked AND at > (SELECT at FROM live)
    ), offered AS (
        SELECT
            id, max(code) AS code, max(name) AS name, max(duration_minutes) AS minutes,
            max(deleted_at) AS deleted_at, max(deleted_by) AS deleted_by, bool_or(ticked) AS ticked,
            bool_or(priced) AS priced, coalesce(bool_or(came_later), false) AS came_later
        FROM said GROUP BY id HAVING count(code) > 0
    )
    SELECT
        (SELECT json_agg(json_build_array(
            id, code, name, minutes, deleted_at, deleted_by, ticked, priced, came_later))
            FROM offered) AS services,
        (SELECT json_agg(json_build_object(
            'id', id, 'physician', physician, 'weekly_hours', weekly_hours,
            'exceptions', exceptions, 'service_ids', service_ids))
            FROM calendars WHERE provider_id = :provider) AS calendars,
        (SELECT json_build_object(
            'id', id, 'case', case_data, 'progress', progress, 'since', coalesce(ended_at, (
                SELECT max(at) FROM onboarding_events
                WHERE onboarding_id = run.id AND type = 'onboarding.hold' AND run.status = 'on_hold')))
            FROM run) AS run,
        (SELECT json_build_object('at', at, 'by', author->>'name') FROM catalogue_changes
            WHERE provider_id = :provider AND partner = :partner AND kind = :disabled
            ORDER BY at DESC LIMIT 1) AS disabled
    """  # noqa: S608 - a constant of ours
)


@dataclass(frozen=True)
class Looked:
    """The snapshot, and the case of its onboarding where there is one."""

    snapshot: Snapshot
    case: Case | None


async def one_moment(session: AsyncSession) -> None:
    """Makes the transaction, which has read nothing yet, see one moment in all its statements."""
    await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


async def look(
    session: AsyncSession, provider: Provider, playbook: Playbook, counting: tuple[str, ...], now: datetime
) -> Looked:
    """The channel to the playbook's partner ``now``; also where there is no channel and no onboarding yet.

    ``counting`` is the declaration, as :func:`read_facts` wants it.
    """
    facts = await read_facts(session, provider.id, playbook.slug, counting)
    asked = {
        "provider": provider.id,
        "partner": playbook.slug,
        "deleted": Kind.SERVICE_DELETED.value,
        "ticked": Kind.SERVICES_TICKED.value,
        "disabled": Kind.CHANNEL_DISABLED.value,
    }
    row = (await session.execute(_READ, asked)).mappings().one()
    case, run = _run(row["run"])
    governed = run is not None and (
        run.progress.status.is_open or run.progress.status is OnboardingStatus.LIVE
    )
    services = _services(row["services"] or (), row["calendars"] or (), provider, now)
    snapshot = Snapshot(
        playbook=case.playbook if case and governed else playbook,
        facts=facts,
        run=run,
        services=tuple(services),
        disabled=None if facts.enabled or row["disabled"] is None else Known(**row["disabled"]),
    )
    return Looked(snapshot, case)


def _run(found: Mapping[str, Any] | None) -> tuple[Case | None, Run | None]:
    if found is None:
        return None, None
    run = Run.model_validate({name: found[name] for name in ("id", "progress", "since")})
    return Case.model_validate(found["case"]), run


def _services(
    rows: Iterable[list[Any]], calendars: Iterable[Mapping[str, Any]], provider: Provider, now: datetime
) -> Iterable[ServiceFacts]:
    kept = [physician_calendar(row) for row in calendars]
    today = local_day(provider, now)
    longest = longest_openings(
        kept, provider.time_zone, free_days(provider, today), today, DAYS, not_before=now
    )
    covered = frozenset().union(*(one.service_ids for one in kept if one.weekly))
    for id, code, name, minutes, deleted_at, deleted_by, ticked, priced, came_later in rows:
        longest_here = longest.get(id)
        yield ServiceFacts(
            id=id,
            code=code,
            name=name,
            deleted=Known(at=datetime.fromisoformat(deleted_at), by=deleted_by) if deleted_at else None,
            ticked=ticked,
            priced=priced,
            in_calendar=id in covered,
            has_opening=None if longest_here is None else longest_here >= timedelta(minutes=minutes),
            new=came_later,
        )


async def calendars_of(session: AsyncSession, provider_id: str, service_id: str) -> list[PhysicianCalendar]:
    """The calendars that a service is offered in."""
    ask = select(Calendar).where(
        Calendar.provider_id == provider_id, Calendar.service_ids.contains([service_id])
    )
    return [physician_calendar(row) for row in await session.scalars(ask.order_by(Calendar.id))]


def local_day(provider: Provider, now: datetime) -> date:
    return now.astimezone(ZoneInfo(provider.time_zone)).date()


def free_days(provider: Provider, today: date) -> frozenset[date]:
    """The public holidays of the provider's country, this year and the next."""
    return public_holidays(provider.country, today.year, 2)


def physician_calendar(kept: Calendar | Mapping[str, Any]) -> PhysicianCalendar:
    """A calendar's row, or the same as a mapping, as the rules read it."""
    row = vars(kept) if isinstance(kept, Calendar) else kept
    weekly: dict[int, list[Hours]] = {}
    for opening in row["weekly_hours"]:
        weekly.setdefault(WEEKDAYS.index(opening["day"]), []).append(_hours(opening))
    open_days: dict[date, list[Hours]] = {}
    for day in row["exceptions"]:
        if not day.get("closed"):
            open_days.setdefault(date.fromisoformat(day["date"]), []).append(_hours(day))
    return PhysicianCalendar(
        id=row["id"],
        physician=row["physician"],
        weekly={day: tuple(hours) for day, hours in weekly.items()},
        closed=frozenset(date.fromisoformat(day["date"]) for day in row["exceptions"] if day.get("closed")),
        open_days={day: tuple(hours) for day, hours in open_days.items()},
        service_ids=frozenset(row["service_ids"]),
    )


def _hours(opening: Mapping[str, str]) -> Hours:
    return Hours(start=time.fromisoformat(opening["from"]), end=time.fromisoformat(opening["to"]))
