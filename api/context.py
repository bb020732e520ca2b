"""What a request needs of the outside world, made once by the app and handed to every route."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from adapters.database.session import Database
from adapters.evidence_files import EvidenceFiles
from adapters.playbooks import Declarations, Playbooks
from adapters.settings import Settings
from adapters.signing import LinkSigner
from adapters.temporal import Temporal
from domain.model import LANGUAGES


@dataclass(frozen=True)
class AppContext:
    """The app's connections and data."""

    settings: Settings
    database: Database
    temporal: Temporal
    playbooks: Playbooks
    declarations: Declarations
    links: LinkSigner
    evidence: EvidenceFiles


def context_of(request: Request) -> AppContext:
    return cast(AppContext, request.app.state.context)


LANGUAGE_COOKIE = "racord_language"


def language_of(request: Request) -> str:
    """The reader's language: chosen (cookie), else asked for by the browser, else English."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    asked = [
        part.split(";")[0].strip()[:2].lower()
        for part in request.headers.get("accept-language", "").split(",")
    ]
    return next((language for language in (chosen, *asked) if language in LANGUAGES), "en")


# Asynchronous, for FastAPI sends plain functions to a thread, which costs more than they do.
async def _context(request: Request) -> AppContext:
    return context_of(request)


async def _language(request: Request) -> str:
    return language_of(request)


Context = Annotated[AppContext, Depends(_context)]
Language = Annotated[str, Depends(_language)]
