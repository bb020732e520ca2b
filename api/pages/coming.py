"""The next automatic thing in words: “reminder to the partner tomorrow 09:00”."""

from markupsafe import Markup, escape

from adapters.i18n import say
from api.pages.reader import Reader
from api.schemas.onboardings import NextView
from domain.errors import N_
from domain.progress import Case

WHAT = {
    "remind": N_("Reminder to {whom} {when}"),
    "escalate": N_("Message to {whom} that it waits too long {when}"),
    "ask": N_("Question to {whom} whether it goes on, {when}"),
}
WHOM = {
    "provider": N_("the provider"),
    "partner": N_("the partner"),
    "account_manager": N_("the account manager"),
    "lead": N_("the account manager’s lead"),
    "us": N_("us"),
}


def coming(thing: NextView, case: Case, reader: Reader) -> Markup:
    """What comes, to whom, when on the reader's clock."""
    role = thing.to if thing.to in WHOM else case.party_of(thing.to).value
    gaps = {"whom": say(reader.language, WHOM[role]), "when": reader.soon(thing.at)}
    return Markup(say(reader.language, WHAT[thing.what], gaps, kind=escape))  # noqa: S704 - `escape` made it safe
