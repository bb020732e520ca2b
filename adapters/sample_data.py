"""A realistic catalogue to try Racord with: a clinic in Cluj-Napoca, its examinations, physicians, prices.

:func:`load` fills an empty database; :func:`prepare_channel` then takes one channel as far as it is asked to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.database import (
    catalogue,
    catalogue_calendars,
    catalogue_channels,
    catalogue_services,
    people,
)
from adapters.database.catalogue_channels import Accepted, Priced
from adapters.database.session import Database
from adapters.database.tables import Provider, Service
from adapters.playbooks import Playbooks
from domain.errors import NotFound
from domain.model import SYSTEM, Person

# code, name, minutes, price in RON
Examination = tuple[str, str, int, int]
EXAMINATIONS: tuple[Examination, ...] = (
    ("CON-CARD", "Consultație cardiologie cu EKG", 30, 320),
    ("CON-DERM", "Consultație dermatologie", 20, 270),
    ("CON-ENDO", "Consultație endocrinologie", 30, 290),
    ("CON-GAST", "Consultație gastroenterologie", 30, 300),
    ("CON-GIN", "Consultație obstetrică-ginecologie", 30, 310),
    ("CON-MINT", "Consultație medicină internă", 30, 250),
    ("CON-NEUR", "Consultație neurologie", 40, 320),
    ("CON-OFT", "Consultație oftalmologie", 25, 260),
    ("CON-ORL", "Consultație ORL", 25, 260),
    ("CON-ORT", "Consultație ortopedie și traumatologie", 30, 290),
    ("CTR-CARD", "Control cardiologie", 20, 220),
    ("CTR-MINT", "Control medicină internă", 15, 170),
    ("DERM-DSC", "Dermatoscopie digitală", 30, 280),
    ("ECO-ABD", "Ecografie abdominală", 25, 240),
    ("ECO-CARD", "Ecocardiografie Doppler color", 40, 380),
    ("ECO-CERV", "Ecografie de părți moi cervicale", 20, 230),
    ("ECO-MAM", "Ecografie mamară bilaterală", 25, 260),
    ("ECO-OBST", "Ecografie obstetricală de trimestrul II", 45, 420),
    ("ECO-TIR", "Ecografie tiroidiană", 20, 220),
    ("ECO-VASC", "Ecografie Doppler vasculară a membrelor inferioare", 40, 360),
    ("EEG-STD", "Electroencefalogramă cu interpretare", 45, 340),
    ("EKG-EFO", "Test EKG de efort", 45, 390),
    ("EKG-HOLT", "Holter EKG 24 de ore", 20, 310),
    ("EKG-STD", "Electrocardiogramă cu interpretare", 15, 110),
    ("EMG-MS", "Electromiografie a membrelor superioare", 45, 410),
    ("END-COL", "Colonoscopie diagnostică cu sedare", 60, 1250),
    ("END-EDS", "Endoscopie digestivă superioară cu sedare", 45, 890),
    ("GIN-PAP", "Test Babeș-Papanicolau", 15, 180),
    ("OFT-OCT", "Tomografie în coerență optică (OCT)", 20, 250),
    ("ORL-AUD", "Audiogramă tonală", 20, 130),
)

# physician, days, from, to, what the codes of the services they offer contain
Physician = tuple[str, str, str, str, tuple[str, ...]]
PHYSICIANS: tuple[Physician, ...] = (
    ("Dr. Andrei Pop", "mon tue thu", "08:00", "15:00", ("CARD", "EKG-")),
    (
        "Dr. Maria Ionescu",
        "mon wed fri",
        "09:00",
        "17:00",
        ("MINT", "ENDO", "ECO-TIR", "ECO-CERV", "ECO-ABD"),
    ),
    ("Dr. Kovács Eszter", "tue wed thu", "10:00", "18:00", ("NEUR", "EEG", "EMG")),
    ("Dr. Radu Câmpean", "mon tue wed thu", "07:30", "14:00", ("GAST", "END-", "ECO-ABD")),
    ("Dr. Ioana Moldovan", "tue thu fri", "12:00", "19:00", ("GIN", "ECO-MAM", "ECO-OBST", "DERM")),
    ("Dr. Vlad Țăranu", "mon wed fri", "08:30", "16:30", ("ORL", "OFT", "ORT", "ECO-VASC")),
)

# What each partner pays of the clinic's own prices.
FACTORS = {
    "generali": Decimal("0.90"),
    "europ-assistance": Decimal("1.00"),
    "global-assistance": Decimal("1.05"),
}

ARMONIA: dict[str, object] = {
    "name": "Clinica Armonia",
    "email": "contracte@clinica-armonia.example",
    "locale": "ro",
    "time_zone": "Europe/Bucharest",
    "country": "RO",
    "contacts": [
        {
            "name": "Ioana Mureșan",
            "role": "Administrator",
            "email": "ioana.muresan@clinica-armonia.example",
            "phone": "+40 264 555 010",
        },
        {
            "name": "Paul Crișan",
            "role": "Coordonator relații asigurători",
            "email": "paul.crisan@clinica-armonia.example",
            "phone": "+40 264 555 017",
        },
    ],
}
SOMES: dict[str, object] = {
    "name": "Centrul de Imagistică Someș",
    "email": "office@imagistica-somes.example",
    "locale": "ro",
    "time_zone": "Europe/Bucharest",
    "country": "RO",
    "contacts": [
        {
            "name": "Dan Rusu",
            "role": "Director medical",
            "email": "dan.rusu@imagistica-somes.example",
            "phone": "+40 264 555 042",
        }
    ],
}
SOMES_EXAMINATIONS: tuple[Examination, ...] = (
    ("CT-TOR", "Tomografie computerizată torace", 20, 550),
    ("IRM-COL", "Rezonanță magnetică coloană lombară", 35, 780),
    ("IRM-GEN", "Rezonanță magnetică genunchi", 35, 740),
    ("MAMO-BIL", "Mamografie digitală bilaterală", 20, 320),
    ("RX-TOR", "Radiografie pulmonară", 10, 120),
)
SOMES_PHYSICIANS: tuple[Physician, ...] = (
    ("Dr. Dan Rusu", "mon tue wed thu fri", "08:00", "16:00", ("CT-", "IRM-", "MAMO", "RX-")),
)

# name, address; the first leads the others
TEAM: tuple[tuple[str, str], ...] = (
    ("Elena Stan", "elena.stan@programari.example"),
    ("Andreea Marin", "andreea.marin@programari.example"),
    ("Bogdan Ilie", "bogdan.ilie@programari.example"),
)


@dataclass(frozen=True)
class SampleIds:
    """What was loaded: the clinic with all examinations, a smaller one beside it, and two account managers of one lead."""

    provider_id: str
    second_provider_id: str
    account_manager_ids: tuple[str, ...]


async def load(database: Database) -> SampleIds | None:
    """Loads both providers with services and calendars, and the team; None where there is a provider. Safe to repeat.

    Channels stay untouched: no permission, ticks, prices or consent.
    """
    async with database.transaction() as session:
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("sample data", 0))))
        if await session.scalar(select(Provider.id).limit(1)) is not None:
            return None
        first = await _provider(session, ARMONIA, EXAMINATIONS, PHYSICIANS)
        second = await _provider(session, SOMES, SOMES_EXAMINATIONS, SOMES_PHYSICIANS)
        team = await _team(session)
    return SampleIds(first, second, team)


async def prepare_channel(
    database: Database,
    playbooks: Playbooks,
    provider_id: str,
    slug: str,
    *,
    enabled: bool = True,
    ticked: int | None = None,
    priced: int | None = None,
    consent: bool = True,
) -> None:
    """Takes a sample provider's channel as far as asked: permission, ticks, prices, consent. Safe to repeat.

    ``ticked`` and ``priced`` are how many services, by code; None means all. Raises NotFound for an unknown
    partner or provider.
    """
    playbook = playbooks.get(slug)
    async with database.transaction() as session:
        found = await catalogue.lock(session, provider_id)
        if found is None:
            raise NotFound("There is no provider “{id}”.", mend="Load the sample data first.", id=provider_id)
        services = await catalogue_services.list_services(session, provider_id, limit=1000)
        await catalogue_channels.publish(session, provider_id, slug, [one.id for one in services[:ticked]])
        prices = [_price(one, slug, playbook.currency) for one in services[:priced]]
        await catalogue_channels.put_prices(session, provider_id, slug, prices)
        await catalogue_channels.enable(session, provider_id, slug, enabled)
        if consent:
            text = playbooks.declarations.in_force(playbook, found.locale)
            who = found.contacts[0]
            await catalogue_channels.accept_consent(
                session,
                provider_id,
                slug,
                Accepted(text.document, text.version, text.language, text.sha256),
                Person(name=who["name"], role=who["role"], email=who["email"]),
                recorded_by=SYSTEM,
                address=None,
            )


def price_of(code: str, slug: str) -> Decimal:
    """What the partner pays for an examination of the sample, in whole RON; 100 for any other code."""
    base = {code: price for code, _, _, price in (*EXAMINATIONS, *SOMES_EXAMINATIONS)}
    return (base.get(code, 100) * FACTORS.get(slug, Decimal(1))).quantize(Decimal(1), ROUND_HALF_UP)


def _price(service: Service, slug: str, currency: str) -> Priced:
    return Priced(service.id, price_of(service.code, slug), currency)


async def _team(session: AsyncSession) -> tuple[str, ...]:
    """The ids of those who are led."""
    clock = {"locale": "ro", "time_zone": "Europe/Bucharest"}
    (name, email), *led = TEAM
    lead = await people.create(session, name=name, email=email, lead_id=None, **clock)
    made = [
        await people.create(session, name=name, email=email, lead_id=lead.id, **clock) for name, email in led
    ]
    return tuple(one.id for one in made)


async def _provider(
    session: AsyncSession,
    content: Mapping[str, object],
    examinations: tuple[Examination, ...],
    physicians: tuple[Physician, ...],
) -> str:
    provider_id = (await catalogue.create_provider(session, **content)).id
    ids: dict[str, str] = {}
    for code, name, minutes, _ in examinations:
        service = await catalogue_services.create_service(
            session, provider_id, code=code, name=name, duration_minutes=minutes
        )
        ids[code] = service.id
    for number, (physician, days, opens, closes, parts) in enumerate(physicians, 1):
        calendar = {
            "physician": physician,
            "weekly_hours": [{"day": day, "from": opens, "to": closes} for day in days.split()],
            "exceptions": [{"date": f"{datetime.now(UTC).year}-12-24", "closed": True}],
            "service_ids": [id for code, id in ids.items() if any(part in code for part in parts)],
        }
        await catalogue_calendars.put_calendar(session, provider_id, f"cal_{number:02}", calendar)
    return provider_id
