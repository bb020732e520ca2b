"""Templates to pages. One environment a language; whatever a template is given is escaped."""

import secrets
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from adapters import i18n
from api.pages import connection_words
from api.pages.assets import asset_href
from api.pages.fields import form_fields
from api.pages.markdown import to_html
from api.pages.reader import reader_of
from api.pages.words import LANGUAGE_NAMES

TEMPLATES = Path(__file__).parent / "templates"


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    language: str | None = None,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """The page. ``language`` is the reader's own where not given; ``values`` are the template's."""
    reader = reader_of(request, language)
    page = (
        environment(reader.language)
        .get_template(template)
        .render(
            reader=reader,
            nonce=getattr(request.state, "nonce", ""),
            path=request.url.path,
            here=_here(request),
            has_mails=request.app.state.settings.mail_dir is not None,
            **values,
        )
    )
    return HTMLResponse(page, status, headers)


def _here(request: Request) -> str:
    """Where to come back to after choosing a language; what was sent by POST cannot be opened again."""
    if request.method != "GET":
        return "/"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


@cache
def environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals |= {
        "_": partial(_gettext, language),
        "ngettext": partial(_ngettext, language),
        "asset": asset_href,
        "form_fields": partial(_form_fields, language),
        "new_key": lambda: secrets.token_urlsafe(16),
        "markdown": to_html,
        "LANGUAGES": LANGUAGE_NAMES,
        "CONNECTION": connection_words,
    }
    return environment


def _gettext(language: str, message: str, **gaps: Any) -> Markup:
    return Markup(i18n.say(language, message, gaps, kind=escape))  # noqa: S704 - `escape` made message and gaps safe


def _ngettext(language: str, singular: str, plural: str, n: int, **gaps: Any) -> Markup:
    return Markup(i18n.say_many(language, singular, plural, n, gaps, kind=escape))  # noqa: S704


def _form_fields(language: str, schema: Mapping[str, Any], **more: Any) -> Any:
    return form_fields(schema, language, **more)
