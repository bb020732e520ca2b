"""Who gets a mail: the person or desk behind a role, on the side they are on, with their language and clock."""

from adapters import i18n
from adapters.database.tables import Provider
from domain.ladder import ACCOUNT_MANAGER, LEAD
from domain.model import Frozen, Party
from domain.people import Manager, Ours
from domain.playbook import Playbook


class Correspondent(Frozen):
    """Who gets a mail or is named in it. ``role``: one of `OUR_ROLES` or of the partner's contacts."""

    role: str
    name: str
    email: str
    party: Party
    language: str = "en"
    time_zone: str = "UTC"


def correspondent(
    role: str, playbook: Playbook, provider: Provider, support_email: str, ours: Ours
) -> Correspondent:
    """The person or desk behind a role of a mail order; a role that nobody has is a :class:`KeyError`.

    `account_manager` and `lead` are the people in ``ours``; where there is none, the support desk.
    """
    if role == "provider":
        return Correspondent(
            role=role, name=provider.name, email=provider.email, party=Party.PROVIDER, **_clock_of(provider)
        )
    if role in (ACCOUNT_MANAGER, LEAD):
        person = ours.lead if role == LEAD else ours.account_manager
        return _on_our_side(role, person, provider, support_email)
    if role == "support":
        return _on_our_side(role, None, provider, support_email)
    contact = playbook.contacts[role]
    return Correspondent(
        role=role,
        name=contact.name,
        email=contact.email,
        party=Party.PARTNER,
        language=playbook.contact_language(role),
        time_zone=playbook.time_zone,
    )


def _on_our_side(role: str, person: Manager | None, provider: Provider, support_email: str) -> Correspondent:
    """The person; else the support desk, which reads and works as the provider does."""
    name, email = (person.name, person.email) if person else ("", support_email)
    return Correspondent(role=role, name=name, email=email, party=Party.US, **_clock_of(person or provider))


def _clock_of(whom: Provider | Manager) -> dict[str, str]:
    return {"language": i18n.language_of(whom.locale), "time_zone": whom.time_zone}
