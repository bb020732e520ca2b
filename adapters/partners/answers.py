"""Reads what a partner's system answered; nothing in an answer is trusted, and nothing in it can fail us."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from pydantic import ValidationError
from pydantic_core import from_json

from domain.delivery import LONGEST_WISH, Held, ItemResult, PushAnswer, Verdict, verdict_of
from domain.errors import N_

_OUR_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
# As docs/partner-protocol.md tells them.
_TAKES = (200, 201, 202, 204)
_TAKEN_WORDS = frozenset(
    {"ok", "taken", "accepted", "success", "created", "updated", "unchanged", "withdrawn"}
)
# Kept in English; pages say them in the reader's language.
NOT_READ = N_("its answer could not be read: {trouble}")
ANSWERED = N_("it answered {status}")
REDIRECTED = N_("it answered {status}, a redirect: none is followed")
NO_JSON = N_("the answer is not JSON")
NO_LIST = N_("“results” is not a list")
NO_SERVICES = N_("the answer has no “services”")
OF_ANOTHER = N_("the answer is about another connection")
TOO_LONG = N_("the answer is longer than 4 MB")
COMPRESSED = N_("the answer is compressed")
NAMELESS = N_("{n} of them name no service")


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; ``unread`` says why its body was left alone, where it was."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    unread: str = ""


def push_answer(answer: Answer, now: datetime) -> PushAnswer:
    """What the answer to a delivery means."""
    verdict = verdict_of(answer.status)
    if verdict is not Verdict.TAKEN:
        wish = retry_after(answer.headers.get("retry-after", ""), now) if verdict is Verdict.LATER else None
        return PushAnswer(
            verdict=verdict, status=answer.status, detail=status_words(answer.status), retry_after=wish
        )
    rejected, trouble = ((), answer.unread) if answer.unread else results_in(answer.body)
    if answer.status not in _TAKES:
        trouble = status_words(answer.status)
    detail = NOT_READ.format(trouble=trouble) if trouble else ""
    return PushAnswer(verdict=verdict, status=answer.status, detail=detail, rejected=rejected)


def status_words(status: int) -> str:
    """The status for people."""
    return (REDIRECTED if 300 <= status < 400 else ANSWERED).format(status=status)


def results_in(body: bytes) -> tuple[tuple[ItemResult, ...], str]:
    """The rejected services, each once, and what could not be read, in words for people.

    A plain text says nothing about services; a page, or JSON that is broken, may have meant to.
    """
    words = body.decode(json.detect_encoding(body), "replace").strip()
    if not words.startswith(("{", "[", "<")):
        return (), ""
    try:
        read = json.loads(words)
    except (ValueError, RecursionError):
        return (), NO_JSON
    results = (read.get("results") or []) if isinstance(read, dict) else read
    if not isinstance(results, list):
        return (), NO_LIST
    rejected = [item for item in results if not _is_taken(item)]
    named = {item["id"]: item for item in rejected if isinstance(item, dict) and _is_id(item.get("id"))}
    nameless = sum(not (isinstance(item, dict) and _is_id(item.get("id"))) for item in rejected)
    trouble = NAMELESS.format(n=nameless) if nameless else ""
    return tuple(_rejection(item) for item in named.values()), trouble


def _is_taken(item: object) -> bool:
    """Whether a result says so: with no status, one of the words, or an HTTP status of its own."""
    status = item.get("status") if isinstance(item, dict) else ""
    if status is None or status is True:
        return True
    if isinstance(status, int):
        return 200 <= status < 300
    return _word(status) in _TAKEN_WORDS


def _word(status: object) -> str:
    return _plain(status, 40).lower()


def _is_id(value: object) -> bool:
    return isinstance(value, str) and bool(_OUR_ID.fullmatch(value))


def _rejection(item: Mapping[str, object]) -> ItemResult:
    return ItemResult(
        id=str(item["id"]),
        status="rejected",
        code=_plain(item.get("code"), 100) or (word if (word := _word(item["status"])) != "rejected" else ""),
        detail=_plain(item.get("detail"), 1000),
    )


def _plain(value: object, longest: int) -> str:
    """A text on one line that can be shown and stored: no control characters, no half characters."""
    text = value[:longest] if isinstance(value, str) else ""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def retry_after(text: str, now: datetime) -> timedelta | None:
    """How long the partner asks us to wait, at most a day; None where it does not say so in seconds or as a date."""
    text = text.strip()
    if re.fullmatch(r"[0-9]{1,12}", text):
        return min(timedelta(seconds=int(text)), LONGEST_WISH)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    wish = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    return min(max(wish, timedelta(0)), LONGEST_WISH)


def held_in(body: bytes, connection_id: str) -> Held:
    """What the partner holds. Raises ValueError, in words for people, where the answer does not say it plainly."""
    try:
        read = from_json(body, allow_inf_nan=False)
    except ValueError:
        raise ValueError(NO_JSON) from None
    if not isinstance(read, dict) or "services" not in read:
        raise ValueError(NO_SERVICES)
    if read.get("connection", connection_id) != connection_id:
        raise ValueError(OF_ANOTHER)
    try:
        return Held.model_validate(read)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"{where}: {first['msg']}") from None
