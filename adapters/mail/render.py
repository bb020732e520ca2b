"""Renders a mail template twice from one source: as plain text, and as HTML.

A template speaks in parts (`p`, `button`, `facts`, `items`, …). Each part is written twice, in
``_parts.txt.jinja`` and ``_parts.html.jinja``; the one for HTML escapes everything that it is given.
"""

import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path

from css_inline import CSSInliner
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import escape

from adapters import i18n
from adapters.mail.context import MailContext
from adapters.mail.message import one_line
from domain.errors import N_
from domain.model import Money
from domain.steps.appointment import CANCELLED, MEETING

FOLDER = Path(__file__).parent / "templates"
# What live connections say: written by Racord of its own accord, so no step of a playbook may name them.
ABOUT_CONNECTIONS = frozenset({"new_services", "price_notice", "ended"})
_ALL = frozenset(
    path.name.removesuffix(".jinja") for path in FOLDER.glob("*.jinja") if not path.name.startswith("_")
)
# And what it says when a step waits too long, a hold has come to its end, or all was called off.
ABOUT_WAITING = frozenset({"escalation", "hold_over", "cancelled"})
# Nor those that carry a meeting into calendars (R12).
ABOUT_MEETINGS = frozenset({MEETING, CANCELLED})
TEMPLATES = _ALL - ABOUT_CONNECTIONS - ABOUT_WAITING - ABOUT_MEETINGS
TEXT_WIDTH = 74


@dataclass(frozen=True)
class Rendered:
    subject: str
    text: str
    html: str


def render(template: str, language: str, context: MailContext) -> Rendered:
    """The message in that language. An unknown template is a :class:`KeyError`; unknown names fail."""
    if template not in _ALL:
        raise KeyError(f"there is no mail template “{template}”")
    values = {name: getattr(context, name) for name in MailContext.model_fields}
    plain = _environment(language, html=False).get_template(f"{template}.jinja")
    subject = "".join(plain.blocks["subject"](plain.new_context(values)))
    html = _environment(language, html=True).get_template(f"{template}.jinja").render(values)
    return Rendered(
        subject=one_line(subject), text=_tidy(plain.render(values)), html=_inliner().inline(html) + "\n"
    )


@cache
def _environment(language: str, *, html: bool) -> Environment:
    kind = "html" if html else "txt"
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=html,  # noqa: S701 - the other kind is plain text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["wrap"] = _wrap
    environment.globals |= {
        "layout": f"_layout.{kind}.jinja",
        "language": language,
        **_words(language, escape if html else str),
    }
    parts = environment.get_template(f"_parts.{kind}.jinja").module
    environment.globals |= {name: part for name, part in vars(parts).items() if not name.startswith("_")}
    return environment


def _words(language: str, kind: Callable[[str], str]) -> dict[str, Callable[..., str]]:
    def gettext(message_id: str, **gaps: object) -> str:
        return i18n.say(language, message_id, gaps, kind=kind)

    def ngettext(singular: str, plural: str, n: int, **gaps: object) -> str:
        return i18n.say_many(language, singular, plural, n, gaps, kind=kind)

    def when(at: datetime, time_zone: str) -> str:
        return i18n.format_when(at, language, time_zone)

    def day(on: date) -> str:
        return i18n.format_day(on, language)

    def money(price: Mapping[str, str] | None) -> str:
        if price is None:
            return i18n.say(language, N_("no price"))
        return i18n.format_money(Money.model_validate(price), language)

    return {"_": gettext, "ngettext": ngettext, "when": when, "day": day, "money": money}


@cache
def _inliner() -> CSSInliner:
    return CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


def _wrap(text: str, first: str = "", rest: str = "") -> str:
    """Lines of at most :data:`TEXT_WIDTH`, each paragraph on its own; an address is never cut."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        lines += textwrap.wrap(
            paragraph,
            TEXT_WIDTH,
            initial_indent=rest if lines else first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [rest.rstrip()]
    return "\n".join(lines)


def _tidy(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", text)).strip() + "\n"
