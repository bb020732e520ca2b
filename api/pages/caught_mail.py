"""The mails that the catcher kept, for whoever tries Racord out. Only there where ``mail_dir`` is set."""

import asyncio
import email
import email.policy
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from markupsafe import Markup, escape

from api.access import Reader as Reading
from api.context import AppContext, Context
from api.pages.rendering import render
from domain.errors import NotFound

router = APIRouter(include_in_schema=False)
ROWS = 50
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,120}\.eml")
_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")
# The mail's HTML brings styles in its attributes; it runs no script, loads nothing and stays in its frame.
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)


@dataclass(frozen=True)
class Caught:
    """A message as the mail server got it; ``sender`` and ``recipients`` are the envelope's."""

    name: str
    at: datetime
    sender: str
    recipients: tuple[str, ...]
    subject: str
    headers: tuple[tuple[str, str], ...]
    text: str
    html: str | None


@router.get("/dev/mail")
async def listing(
    request: Request, context: Context, principal: Reading, page: Annotated[int, Query(ge=1, le=10_000)] = 1
) -> Response:
    """The newest first."""
    folder = _folder(context)
    paths = await asyncio.to_thread(lambda: sorted(folder.glob("[!.]*.eml"), reverse=True))
    shown = paths[(page - 1) * ROWS : page * ROWS]
    mails = await asyncio.to_thread(lambda: [_read(path) for path in shown])
    return render(
        request, "mails.html", mails=mails, page=page, has_more=len(paths) > page * ROWS, total=len(paths)
    )


@router.get("/dev/mail/{name}")
async def one(name: str, request: Request, context: Context, principal: Reading) -> Response:
    """One message: headers, text, and its HTML in a frame of its own."""
    path = _folder(context) / name
    if not _NAME.fullmatch(name) or not await asyncio.to_thread(path.is_file):
        raise NotFound(
            "There is no mail “{name}”.", mend="The list of mails shows those there are.", name=name
        )
    mail = await asyncio.to_thread(_read, path)
    policy = POLICY.format(nonce=getattr(request.state, "nonce", ""))
    return render(
        request,
        "mail.html",
        headers={"Content-Security-Policy": policy},
        mail=mail,
        linked=_linked(mail.text, context),
    )


def _folder(context: AppContext) -> Path:
    folder = context.settings.mail_dir
    if folder is None:
        raise NotFound(
            "Mails are not kept here.",
            mend="Set RACORD_MAIL_DIR to the mail catcher's folder to read them here.",
        )
    return folder


def _read(path: Path) -> Caught:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    return Caught(
        name=path.name,
        at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        sender=str(message.get("X-Envelope-From", "")),
        recipients=tuple(str(one) for one in message.get_all("X-Envelope-To", [])),
        subject=str(message.get("Subject", "")),
        headers=tuple((name, str(value)) for name, value in message.items()),
        text=str(text.get_content()) if text else "",
        html=str(html.get_content()) if html else None,
    )


def _linked(text: str, context: AppContext) -> Markup:
    """The text with its links made clickable. Those to Racord itself open here, whatever address it is known by."""
    own = urlsplit(context.settings.public_url)
    found = list(_LINK.finditer(text))
    parts = []
    for (_, before), (start, end) in pairwise([(0, 0), *(match.span() for match in found)]):
        parts += [escape(text[before:start]), _anchor(text[start:end], own.netloc)]
    parts.append(escape(text[found[-1].end() if found else 0 :]))
    return Markup("").join(parts)


def _anchor(href: str, own: str) -> Markup:
    parts = urlsplit(href)
    here = parts._replace(scheme="", netloc="").geturl() if parts.netloc == own else href
    return Markup('<a href="{}" rel="noreferrer noopener">{}</a>').format(here, href)
