"""The page behind a link to a notice, in the partner's language: what changed, and what an answer means (R14, R16)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from adapters.database.onboardings import Found
from adapters.database.tables import LinkRow
from adapters.i18n import format_money, say
from api.pages.reader import reader_of
from api.pages.rendering import render
from api.problems import problem_of, status_of
from api.schemas.links import NoticeView
from domain.connection import LineNow, NoticeKind
from domain.errors import N_, RacordError
from domain.model import Money
from domain.steps.base import Action

Refused = tuple[str, dict[str, Any], RacordError]

TITLES = {
    NoticeKind.PRICES: N_("Notice {number}: changed prices"),
    NoticeKind.NEW_SERVICES: N_("Notice {number}: new examinations"),
}
MEANINGS = {
    NoticeKind.PRICES: N_(
        "Please acknowledge the notice once you have taken these prices over. From then on they count as known to you."
    ),
    NoticeKind.NEW_SERVICES: N_(
        "Please confirm once you have taken these examinations up. They become bookable then, not before."
    ),
}
LABELS = {
    (NoticeKind.PRICES, "complete"): N_("We have taken the prices over"),
    (NoticeKind.NEW_SERVICES, "complete"): N_("We have taken them up"),
    (NoticeKind.NEW_SERVICES, "reject"): N_("We cannot take them up"),
}
THANKS = {
    (NoticeKind.PRICES, "complete"): N_(
        "{provider} sees now that you have taken the prices over. You can close this page."
    ),
    (NoticeKind.NEW_SERVICES, "complete"): N_(
        "The examinations of {provider} become bookable now. You can close this page."
    ),
    (NoticeKind.NEW_SERVICES, "reject"): N_(
        "We will get in touch, and send you the notice again once this is settled."
    ),
}


def title_of(notice: NoticeView, language: str) -> str:
    return say(language, TITLES[notice.kind], {"number": notice.number})


def asking(
    request: Request,
    link: LinkRow,
    found: Found,
    notice: NoticeView,
    actions: Sequence[Action],
    refused: Refused | None = None,
) -> HTMLResponse:
    """The notice and its answers; with ``refused`` what was typed, and what is wrong with it."""
    language = link.language
    view = {
        "provider_name": found.provider_name,
        "partner_name": found.case.playbook.name,
        "recipient_name": link.recipient_name,
        "step_title": title_of(notice, language),
        "help": say(language, MEANINGS[notice.kind]),
        "rejection": None,
        "forms": [_form(action, notice.kind, language, refused) for action in actions],
        "facts": _facts(request, link, found, notice),
        "services": notice.services,
        "lines": [_line(line, notice.kind, language) for line in notice.lines],
        "left_out": notice.services - len(notice.lines),
    }
    return render(
        request,
        "link_notice.html",
        status=status_of(refused[2]) if refused else 200,
        language=language,
        view=view,
        problem=problem_of(refused[2], language) if refused else None,
    )


def answered(request: Request, link: LinkRow, found: Found, notice: NoticeView, action: str) -> HTMLResponse:
    """Thank you, and what follows from it."""
    heading = (
        N_("Thank you, we have noted what stands in the way.")
        if action == "reject"
        else N_("Thank you, it is recorded.")
    )
    return render(
        request,
        "link_done.html",
        language=link.language,
        heading=say(link.language, heading),
        text=say(link.language, THANKS[notice.kind, action], {"provider": found.provider_name}),
    )


def _facts(request: Request, link: LinkRow, found: Found, notice: NoticeView) -> list[tuple[str, Any]]:
    """On the reader's own clock; before the browser told it, on the partner's."""
    reader = reader_of(request, link.language)
    if reader.zone == "UTC":
        reader = replace(reader, zone=found.case.playbook.time_zone)
    return [
        (say(link.language, N_("Date of the notice")), reader.exact(notice.created_at)),
        (say(link.language, N_("This link works until")), reader.exact(link.expires_at)),
    ]


def _form(action: Action, kind: NoticeKind, language: str, refused: Refused | None) -> dict[str, Any]:
    assert action.body is not None
    mine = refused if refused and refused[0] == action.name else None
    return {
        "name": action.name,
        "label": say(language, LABELS[kind, action.name]),
        "schema": action.body.model_json_schema(),
        "values": mine[1] if mine else None,
        "errors": list(mine[2].errors) if mine else [],
    }


def _line(line: LineNow, kind: NoticeKind, language: str) -> dict[str, str]:
    gaps = {
        "minutes": line.duration_minutes,
        "old": _money(line.old, language),
        "new": _money(line.new, language),
    }
    said = N_("{old} → {new}") if kind is NoticeKind.PRICES else N_("{minutes} min, {new}")
    told = say(language, said, gaps)
    if line.later:
        told = say(language, N_("{line} (notice {number})"), {"line": told, "number": line.later})
    return {"code": line.code, "name": line.name, "said": told}


def _money(price: dict[str, str] | None, language: str) -> str:
    return (
        say(language, N_("no price"))
        if price is None
        else format_money(Money.model_validate(price), language)
    )
