"""What stands in the way of a message or an answer, as Racord itself wrote it down, in the reader's language.

It is kept in English, as the API shows it; what a mail server or a partner's system said is in between, as it came.
"""

import re
from functools import cache

from adapters.database import delivery_answers, farewells
from adapters.i18n import say
from adapters.partners import answers

OURS = (
    farewells.LIVE_AGAIN,
    farewells.LONG_ENDED,
    delivery_answers.ABOUT_OTHERS,
    answers.NOT_READ,
    answers.NO_JSON,
    answers.NO_LIST,
    answers.NAMELESS,
    answers.TOO_LONG,
    answers.COMPRESSED,
    answers.REDIRECTED,  # before the next, which could be made of it, too
    answers.ANSWERED,
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
