"""What joint tests tested, by the digest of the facts, so that a voided test can show the difference (R12).

It stays out of the workflow's state, which would otherwise carry 20,000 services. Nothing here commits.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from adapters.database.tables import OPEN_STATUSES, OnboardingRow, Service, TestedRow
from domain.progress import VOIDED, Event
from domain.tested import Configuration, Difference, TestedService, difference

Way = AsyncSession | AsyncConnection

# As in facts: a group a service in place of joins, which go wrong right after a bulk edit.
_NOW = """
    SELECT jsonb_build_object(
        'enabled', coalesce(
            (SELECT enabled FROM channels WHERE provider_id = :provider AND partner = :partner), false),
        'services', coalesce(jsonb_object_agg(id, jsonb_build_array(minutes, price)), '{}'))
    FROM (
        SELECT id, max(minutes) AS minutes, max(price) AS price FROM (
            SELECT id, duration_minutes AS minutes, false AS ticked, NULL AS price
            FROM services WHERE provider_id = :provider AND deleted_at IS NULL
            UNION ALL SELECT service_id, NULL, true, NULL
            FROM published_services WHERE provider_id = :provider AND partner = :partner
            UNION ALL SELECT service_id, NULL, false, amount || ' ' || currency
            FROM prices WHERE provider_id = :provider AND partner = :partner
        ) said GROUP BY id HAVING count(minutes) > 0 AND bool_or(ticked)
    ) ticked
"""
_KEEP = text(
    f"""
    INSERT INTO tested_configurations (provider_id, partner, digest, content)
    SELECT :provider, :partner, :digest, ({_NOW})
    WHERE EXISTS (SELECT FROM onboardings
        WHERE provider_id = :provider AND partner = :partner AND status IN {OPEN_STATUSES})
    ON CONFLICT DO NOTHING
    """  # noqa: S608 - a constant of ours
)
_KNOWN = text(
    "SELECT EXISTS (SELECT FROM tested_configurations"
    " WHERE provider_id = :provider AND partner = :partner AND digest = :digest)"
)
# What no answer of an open onboarding is bound to is of no use to anybody.
_FORGET = text(
    f"""
    DELETE FROM tested_configurations
    WHERE provider_id = :provider AND partner = :partner AND digest <> :digest AND digest NOT IN (
        SELECT step.value -> 'result' ->> 'digest' FROM onboardings, jsonb_each(progress -> 'steps') step
        WHERE provider_id = :provider AND partner = :partner AND status IN {OPEN_STATUSES}
            AND step.value -> 'result' ->> 'digest' IS NOT NULL)
    """  # noqa: S608 - a constant of ours
)
_READ_NOW = text(_NOW)


async def keep(session: AsyncSession, provider_id: str, partner: str, digest: str) -> None:
    """Keeps what the channel looks like under the ``digest`` read of it in this very snapshot.

    Only while an onboarding is open there. What nothing refers to any more goes.
    """
    here = {"provider": provider_id, "partner": partner, "digest": digest}
    if await session.scalar(_KNOWN, here):
        return
    await session.execute(_KEEP, here)
    await session.execute(_FORGET, here)


async def now(way: Way, provider_id: str, partner: str) -> Configuration:
    """What a joint test would test at this moment."""
    found = await way.execute(_READ_NOW, {"provider": provider_id, "partner": partner})
    return _configuration(found.scalar_one())


async def named(way: Way, found: Difference) -> Difference:
    """The same with code and name of the services listed, deleted ones included."""
    ids = {one.service_id for one in found.listed if one.service_id}
    if not ids:
        return found
    ask = select(Service.id, Service.code, Service.name).where(Service.id.in_(ids))
    names = {row.id: {"code": row.code, "name": row.name} for row in await way.execute(ask)}
    listed = (one.model_copy(update=names.get(one.service_id or "", {})) for one in found.listed)
    return found.model_copy(update={"listed": tuple(listed)})


async def with_differences(way: Way, onboarding_id: str, events: Sequence[Event]) -> tuple[Event, ...]:
    """The events; one that voids a test says in ``data.difference`` what is not as it was tested (None: not known)."""
    made = []
    for event in events:
        if event.type == VOIDED and event.data.get("tested"):
            found = await _difference(way, onboarding_id, event.data["tested"], event.data["now"])
            said = found.model_dump(mode="json", exclude_none=True) if found else None
            event = event.model_copy(update={"data": {**event.data, "difference": said}})
        made.append(event)
    return tuple(made)


async def _difference(way: Way, onboarding_id: str, tested: str, current: str) -> Difference | None:
    ask = (
        select(TestedRow.digest, TestedRow.content)
        .join(
            OnboardingRow,
            (OnboardingRow.provider_id == TestedRow.provider_id)
            & (OnboardingRow.partner == TestedRow.partner),
        )
        .where(OnboardingRow.id == onboarding_id, TestedRow.digest.in_((tested, current)))
    )
    known = {row.digest: _configuration(row.content) for row in await way.execute(ask)}
    if tested not in known or current not in known:
        return None
    return await named(way, difference(known[tested], known[current]))


def _configuration(content: dict[str, Any]) -> Configuration:
    services = content["services"].items()
    return Configuration.model_construct(
        enabled=content["enabled"],
        services={id: TestedService.model_construct(minutes=m, price=p) for id, (m, p) in services},
    )
