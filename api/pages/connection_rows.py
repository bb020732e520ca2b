"""What the API says of a live connection, told row by row in the reader's words and on the reader's clock (R14–R17)."""

from collections.abc import Iterator
from dataclasses import dataclass

from adapters.i18n import format_money, format_when, say
from api.ending import ending_said
from api.pages import connection_words as words
from api.pages.reader import Reader
from api.schemas.connections import ConnectedServiceView, ConnectionView, DeliveryView, MoneyView, NoticeBrief
from api.troubles import trouble_said
from domain.connection import ConnectionStatus
from domain.errors import N_
from domain.model import Money

NO_PRICE = N_("none")
THERE_NOT_HERE = N_("The partner still has it; here it is not bookable any more.")
NOT_KNOWN = N_("What the partner has is not known.")
HERE_NOT_THERE = N_("It is bookable here; the partner does not have it.")
DURATION = N_("Duration: theirs {theirs} min, ours {ours} min.")
PRICE = N_("Price: theirs {theirs}, ours {ours}.")
NAMED_OTHERWISE = N_("It is named otherwise there.")


@dataclass(frozen=True)
class ServiceRow:
    """A service on both sides; ``differs`` says in what, where it does."""

    view: ConnectedServiceView
    differs: tuple[str, ...]
    rejection: str

    @classmethod
    def of(cls, view: ConnectedServiceView, language: str) -> "ServiceRow":
        no = view.rejection
        return cls(
            view,
            tuple(_differences(view, language)) if view.drift else (),
            " · ".join(part for part in (trouble_said(no.detail, language), no.code) if part) if no else "",
        )


def _differences(view: ConnectedServiceView, language: str) -> Iterator[str]:
    is_known = view.theirs is None or view.theirs.duration_minutes is not None
    if not is_known:
        yield say(language, NOT_KNOWN)
    if view.ours is None:
        if is_known:
            yield say(language, THERE_NOT_HERE)
        return
    told = not is_known
    if view.theirs is None:
        told = True
        yield say(language, HERE_NOT_THERE)
    elif is_known and view.theirs.duration_minutes != view.ours.duration_minutes:
        told = True
        gaps = {"theirs": view.theirs.duration_minutes, "ours": view.ours.duration_minutes}
        yield say(language, DURATION, gaps)
    theirs = view.their_price or (view.theirs.price if view.theirs else None)
    if theirs != view.ours.price and ((is_known and view.theirs) or view.their_price):
        told = True
        yield say(
            language,
            PRICE,
            {"theirs": price_of(theirs, language), "ours": price_of(view.ours.price, language)},
        )
    if not told:
        yield say(language, NAMED_OTHERWISE)


def price_of(price: MoneyView | None, language: str) -> str:
    """A price in the reader's writing; “none” where there is none."""
    if price is None:
        return say(language, NO_PRICE)
    return format_money(Money.model_validate(price.model_dump()), language)


def standing_of(delivery: DeliveryView) -> str:
    """The key of a delivery's state in words: one that waits after a try is told by what the answer meant."""
    return delivery.verdict if delivery.state == "waiting" and delivery.verdict else delivery.state


def notice_standing(notice: NoticeBrief) -> str:
    """The key of a notice's state in words: one that did not go out waits on us, not on the mail server."""
    if notice.held_by:
        return "held"
    return "trouble" if notice.state == "waiting" and notice.trouble else notice.state


def meaning(view: ConnectionView, language: str) -> str:
    """What its status means; of an end that the partner's system took, what it says about it since."""
    if view.status == "ending" and view.comparison and not view.delivery:
        return ending_said(language, view.comparison.model_dump(mode="json"))
    return say(language, words.MEANINGS[ConnectionStatus(view.status)])


def proof(view: ConnectionView, reader: Reader) -> str:
    """What proves the end (R17); empty before it."""
    if view.proof is None or view.ended_at is None:
        return ""
    when = format_when(view.ended_at, reader.language, reader.zone)
    if recorder := view.proof.get("recorded_by"):
        named = {"other": view.proof["on_behalf_of"]["name"], "name": recorder["name"], "when": when}
        return say(reader.language, words.RECORDED, named)
    held = int(view.proof.get("held") or 0)
    message = words.UNCONFIRMED
    if view.proof.get("known"):
        message = words.STILL_HELD if held else words.CONFIRMED
    elif not view.sequence:
        message = words.NEVER_TOLD
    return say(reader.language, message, {"when": when, "n": held})
