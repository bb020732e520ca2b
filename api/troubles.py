"""What stands in the way of a message or an answer, as Racord itself wrote it down, in the reader's language.

It is kept in English, as the API shows it; what a mail server or a partner's system said is in between, as it came.
"""

import re
from functools import cache

from adapters.database import delivery_answers, farewells, ledger
from adapters.i18n import say
from adapters.partners import answers, client

OURS = (
    farewells.LIVE_AGAIN,
    farewells.LONG_ENDED,
    farewells.NOT_ENDED,
    farewells.KNOWN,
    ledger.CUT_OFF,
    ledger.CUT_OFF_FOR_GOOD,
    delivery_answers.ABOUT_OTHERS,
    answers.NOT_READ,
    answers.NO_JSON,
    answers.NO_LIST,
    answers.NO_SERVICES,
    answers.OF_ANOTHER,
    answers.NAMELESS,
    answers.TOO_LONG,
    answers.COMPRESSED,
    answers.REDIRECTED,  # before the next, which could be made of it, too
    answers.ANSWERED,
    client.BAD_CERTIFICATE,
    client.NO_TLS,
    client.NO_CONNECTION_WITHIN,
    client.NO_CONNECTION,
    client.NO_HTTP,
    client.NO_ANSWER_WITHIN,
    client.BROKE_OFF,
)


def trouble_said(text: str, language: str) -> str:
    """The text in that language; as it stands where it is none of ours."""
    for ours in OURS:
        if found := _written(ours).fullmatch(text):
            gaps = {name: trouble_said(said, language) for name, said in found.groupdict().items()}
            return say(language, ours, gaps)
    return text


@cache
def _written(ours: str) -> re.Pattern[str]:
    """Every text that can be made of this message."""
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(ours)))
