"""The pages behind signed links, in the holder's language: what is asked, what was recorded, and the dead end with a way on."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from adapters.database.onboardings import Found
from adapters.database.tables import LinkRow
from adapters.i18n import say
from adapters.mail.answers import told
from api.pages import words
from api.pages.problem_pages import wants_page
from api.pages.reader import reader_of
from api.pages.rendering import render
from api.problems import problem_of, status_of
from domain.errors import N_, RacordError
from domain.model import Party
from domain.steps.base import Action

Refused = tuple[str, dict[str, Any], RacordError]
wanted = wants_page


def asking(
    request: Request, link: LinkRow, found: Found, actions: Sequence[Action], refused: Refused | None = None
) -> HTMLResponse:
    """What the holder is asked; with ``refused`` what was typed, and what is wrong with it. Without actions: please wait."""
    step, record = found.case.step(link.step), found.progress.steps[link.step]
    view = {
        "provider_name": found.provider_name,
        "partner_name": found.case.playbook.name,
        "recipient_name": link.recipient_name,
        "step_title": step.title.in_(link.language),
        "help": step.help.in_(link.language) if step.help else None,
        "rejection": told(record.rejection, step, link.language),
        "forms": [_form(action, step.kind, link.language, refused) for action in actions],
        "facts": _facts(request, link, found),
    }
    problem = problem_of(refused[2], link.language) if refused else None
    return render(
        request,
        "link.html",
        status=status_of(refused[2]) if refused else 200,
        language=link.language,
        view=view,
        problem=problem,
    )


def paused(
    request: Request, link: LinkRow, found: Found, by: str, refused: Refused | None = None
) -> HTMLResponse:
    """The onboarding is on hold: nothing to answer now, and nothing is lost. ``refused``: somebody tried to."""
    return render(
        request,
        "link_paused.html",
        status=status_of(refused[2]) if refused else 200,
        language=link.language,
        step_title=found.case.step(link.step).title.in_(link.language),
        provider_name=found.provider_name,
        partner_name=found.case.playbook.name,
        paused_by=by,
        until=found.progress.hold.until if found.progress.hold else None,
        was_refused=refused is not None,
        support_email=request.app.state.settings.support_email,
    )


def _facts(request: Request, link: LinkRow, found: Found) -> list[tuple[str, Any]]:
    """Until when, on the reader's own clock; before the browser told it, on that of the party asked."""
    reader, record = reader_of(request, link.language), found.progress.steps[link.step]
    calendar = found.case.calendars.get(Party(link.party))
    if reader.zone == "UTC" and calendar is not None:
        reader = replace(reader, zone=calendar.time_zone)
    due = [(say(link.language, N_("Please answer by")), reader.exact(record.due_at))] if record.due_at else []
    return [*due, (say(link.language, N_("This link works until")), reader.exact(link.expires_at))]


def _form(action: Action, kind: str, language: str, refused: Refused | None) -> dict[str, Any]:
    assert action.body is not None
    mine = refused if refused and refused[0] == action.name else None
    return {
        "name": action.name,
        "label": words.action(action.name, kind, language, by_link=True),
        "schema": action.body.model_json_schema(),
        "values": mine[1] if mine else None,
        "errors": list(mine[2].errors) if mine else [],
    }


def answered(request: Request, link: LinkRow, found: Found, action: str, *, recorded: bool) -> HTMLResponse:
    """Thank you; ``recorded`` is False where the answer is taken down and will be worked on in a moment."""
    said = {
        "complete": N_("Thank you, it is recorded."),
        "reject": N_("Thank you, we have noted what stands in the way."),
    }
    texts = {
        "complete": N_("{provider} and {partner} both see it now. You can close this page."),
        "reject": N_("We will get in touch. We have sent you a new link; use it once this is settled."),
    }
    later = N_(
        "Your answer reached us, but is not recorded yet. Please open the link again in a few minutes to see whether it was."
    )
    gaps = {"provider": found.provider_name, "partner": found.case.playbook.name}
    return render(
        request,
        "link_done.html",
        status=200 if recorded else 202,
        language=link.language,
        heading=say(link.language, said[action]),
        text=say(link.language, texts[action] if recorded else later, gaps),
    )


def dead(request: Request, *, renew_href: str | None = None, sent: bool = False) -> HTMLResponse:
    """The same for unknown, altered, used, revoked and expired links."""
    return render(
        request,
        "link_dead.html",
        status=202 if sent else 410,
        can_renew=renew_href is not None,
        renew_href=renew_href,
        sent=sent,
    )
