"""Logs: one line an event, JSON for machines or text for people; never a token, never a mail's text."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from adapters.settings import LogFormat

_TOKEN = re.compile(r"(/(?:l|login)/)[^/\s?\"']+")


def without_tokens(text: str) -> str:
    """The text with the secret part of link addresses blanked."""
    return _TOKEN.sub(r"\1…", text)


class _NoTokens(logging.Filter):
    """Blanks tokens in every record, the web server's access lines among them."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = without_tokens(record.getMessage())
        record.args = ()
        return True


def _blank(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: without_tokens(value) if isinstance(value, str) else value for name, value in event.items()}


def configure(form: LogFormat) -> None:
    """Sets up structlog and the standard library's logging, once a process."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form is LogFormat.JSON
        # Never with the values of local variables: tokens and mails are among them, and rendering them takes seconds.
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    )
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, _blank, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_NoTokens())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _blank,
                renderer,
            ],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for chatty in ("httpx2", "aiosmtplib", "mail.log"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
