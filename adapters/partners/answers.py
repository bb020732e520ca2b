"""Reads what a partner's system answered; nothing in an answer is trusted, and nothing in it can fail us."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from pydantic import ValidationError
from pydantic_core import from_json

from domain.delivery import LONGEST_WISH, Held, ItemResult, PushAnswer, Verdict, verdict_of

_OUR_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


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
    detail = f"taken, but its results were not read: {trouble}" if trouble else ""
    return PushAnswer(verdict=verdict, status=answer.status, detail=detail, rejected=rejected)


def status_words(status: int) -> str:
    """The status for people."""
    if 300 <= status < 400:
        return f"it answered {status}, a redirect: none is followed"
    return f"it answered {status}"


def results_in(body: bytes) -> tuple[tuple[ItemResult, ...], str]:
    """The rejected services, each once, and what could not be read, in words for people."""
    if not body.strip():
        return (), ""
    try:
        read = from_json(body)
    except ValueError:
        return (), "the answer is not JSON"
    results = read.get("results", []) if isinstance(read, dict) else []
    if not isinstance(results, list):
        return (), "“results” is not a list"
    rejected = [item for item in results if isinstance(item, dict) and item.get("status") == "rejected"]
    named = {item["id"]: item for item in rejected if _is_id(item.get("id"))}
    nameless = sum(not _is_id(item.get("id")) for item in rejected)
    trouble = f"{nameless} of them name no service" if nameless else ""
    return tuple(_rejection(item) for item in named.values()), trouble


def _is_id(value: object) -> bool:
    return isinstance(value, str) and bool(_OUR_ID.fullmatch(value))


def _rejection(item: Mapping[str, object]) -> ItemResult:
    return ItemResult(
        id=str(item["id"]),
        status="rejected",
        code=_plain(item.get("code"), 100),
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
        raise ValueError("the answer is not JSON") from None
    if not isinstance(read, dict) or "services" not in read:
        raise ValueError("the answer has no “services”")
    if read.get("connection", connection_id) != connection_id:
        raise ValueError("the answer is about another connection")
    try:
        return Held.model_validate(read)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"{where}: {first['msg']}") from None
