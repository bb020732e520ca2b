"""Account managers, and onboardings to be theirs, made by the store's own functions."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import catalogue, onboardings, people, records, substitutions
from adapters.database.onboardings import Found
from adapters.database.session import Database
from adapters.database.tables import EventRow
from adapters.identifiers import new_id
from domain import progress as engine
from domain.facts import ChannelFacts
from domain.model import Actor
from domain.progress import Case
from tests.connections import NOW, packaged

ANA = Actor(kind="session", id="ses_ana", name="Ana Pop", role="manager")
CLINIC = {
    "name": "Clinica Armonia",
    "email": "office@armonia.example",
    "locale": "ro",
    "time_zone": "Europe/Bucharest",
    "country": "RO",
    "contacts": [],
}


async def hired(
    database: Database, name: str, lead_id: str | None = None, *, zone: str = "Europe/Bucharest"
) -> str:
    """Somebody of ours whose address is their name; the id."""
    email = f"{name.lower().replace(' ', '.')}@racord.example"
    async with database.transaction() as session:
        made = await people.create(
            session, name=name, email=email, locale="en", time_zone=zone, lead_id=lead_id
        )
    return made.id


async def begun(database: Database, partner: str = "generali") -> str:
    """An onboarding of a new provider that waits for its contract; its id."""
    async with database.transaction() as session:
        provider = await catalogue.create_provider(session, **CLINIC)
        case = Case(onboarding_id=new_id("onb"), provider_id=provider.id, playbook=packaged(partner))
        await records.open_onboarding(session, case, engine.begin(case, ChannelFacts(), NOW, ANA))
    return case.onboarding_id


async def away(
    session: AsyncSession, person_id: str, substitute_id: str, first_day: date, last_day: date | None = None
) -> str:
    """Somebody stands in for the person on these days; the substitution's id."""
    made = await substitutions.add(
        session, person_id, substitute_id, first_day, last_day or first_day, reason="On holiday", by=ANA
    )
    return made.id


async def seen(database: Database, onboarding_id: str) -> Found:
    async with database.transaction() as session:
        found = await onboardings.one(session, onboarding_id)
    assert found is not None
    return found


async def events(database: Database, onboarding_id: str, type: str) -> list[EventRow]:
    """The lines of that type, oldest first."""
    ask = select(EventRow).where(EventRow.onboarding_id == onboarding_id, EventRow.type == type)
    async with database.transaction() as session:
        return list(await session.scalars(ask.order_by(EventRow.id)))
