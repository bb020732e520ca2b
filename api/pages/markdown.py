"""The little Markdown that declarations are written in: headings, paragraphs, lists, **bold**. All else is plain text."""

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

_BOLD = re.compile(r"\*\*(.+?)\*\*")


def to_html(text: str, *, below: int = 2) -> Markup:
    """HTML of the text; its first-level headings become ``<h{below + 1}>``, so that they fit under a page's own."""
    blocks = re.split(r"\n\s*\n", text.replace("\r\n", "\n").strip())
    return Markup("\n").join(part for block in blocks for part in _block(block, below))


def _block(block: str, below: int) -> Iterator[Markup]:
    lines = [line.strip() for line in block.split("\n")]
    if heading := re.match(r"(#{1,3}) +(.*)", lines[0]):
        level = min(len(heading[1]) + below, 6)
        yield Markup("<h{0}>{1}</h{0}>").format(level, _inline(heading[2]))
        lines = lines[1:]
    if lines and all(line.startswith(("- ", "* ")) for line in lines):
        items = Markup("").join(Markup("<li>{}</li>").format(_inline(line[2:])) for line in lines)
        yield Markup("<ul>{}</ul>").format(items)
    elif lines:
        yield Markup("<p>{}</p>").format(_inline(" ".join(lines)))


def _inline(text: str) -> Markup:
    return Markup(_BOLD.sub(r"<strong>\1</strong>", escape(text)))  # noqa: S704 - escaped first
