"""Whom a role of a mail means: the clinic, a contact of the partner, the desk, or whoever of us acts today."""

from datetime import UTC, datetime

import pytest

from activities.letter import read_parties
from adapters.database import assignments
from adapters.database.session import Database
from adapters.database.tables import Provider
from adapters.mail.correspondents import Correspondent, correspondent
from domain.model import Party
from domain.people import Manager, Ours
from tests.connections import packaged
from tests.people import ANA, away, begun, hired

DESK = "desk@racord.example"
CLINIC = Provider(name="Clinica", email="c@c.example", locale="ro", time_zone="Europe/Bucharest")
GENERALI = packaged("generali")
EVA = Manager(id="amg_e", name="Eva", email="eva@racord.example", locale="de-AT", time_zone="Europe/Vienna")
MARTA = Manager(
    id="amg_m", name="Marta", email="marta@racord.example", locale="hu", time_zone="Europe/Budapest"
)


def of(role: str, ours: Ours) -> Correspondent:
    return correspondent(role, GENERALI, CLINIC, DESK, ours)


def test_our_people_are_written_to_in_their_language_and_zone_as_us() -> None:
    ours = Ours(account_manager=EVA, lead=MARTA)
    assert of("account_manager", ours) == Correspondent(
        role="account_manager",
        name="Eva",
        email="eva@racord.example",
        party=Party.US,
        language="de",
        time_zone="Europe/Vienna",
    )
    assert (of("lead", ours).email, of("lead", ours).language) == ("marta@racord.example", "hu")


@pytest.mark.parametrize("role", ["account_manager", "lead", "support"])
def test_where_nobody_is_assigned_the_support_desk_gets_it(role: str) -> None:
    found = of(role, Ours())
    assert (found.role, found.name, found.email, found.party) == (role, "", DESK, Party.US)
    assert (found.language, found.time_zone) == ("ro", "Europe/Bucharest")


def test_a_role_that_nobody_has_is_refused() -> None:
    with pytest.raises(KeyError):
        of("nobody", Ours(account_manager=EVA))


async def test_a_letter_goes_to_whoever_acts_on_that_day(database: Database) -> None:
    marta, dan = await hired(database, "Marta"), await hired(database, "Dan")
    eva = await hired(database, "Eva", marta)
    onboarding = await begun(database)
    async with database.transaction() as session:
        assert (await read_parties(session, onboarding, {})).ours == Ours()
        await assignments.assign(session, onboarding, eva, by=ANA, reason="Hers")
        await away(session, eva, dan, datetime.now(UTC).date())
    async with database.transaction() as session:
        ours = (await read_parties(session, onboarding, {})).ours
    assert (ours.account_manager and ours.account_manager.id, ours.lead and ours.lead.id) == (dan, marta)
