"""The API and the pages as one app. ``create_app`` is a factory: nothing is made at import."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, Depends, FastAPI
from fastapi_offline import FastAPIOffline

from adapters.database.session import Database
from adapters.evidence_files import EvidenceFiles
from adapters.logging import configure
from adapters.mail.render import TEMPLATES
from adapters.playbooks import load_playbooks
from adapters.settings import Settings
from adapters.signing import LinkSigner
from adapters.temporal import Temporal
from api import problems
from api.body_limit import BodyLimit
from api.browser_safety import BrowserSafety
from api.context import AppContext
from api.known_parameters import only_known_parameters
from api.live import Live, running
from api.routes import (
    assigning,
    bounces,
    calendars,
    changes,
    channels,
    connection_notices,
    connection_steering,
    connections,
    consent,
    evidence,
    feed,
    health,
    links,
    meetings,
    onboardings,
    partners,
    people,
    providers,
    readiness,
    services,
    steering,
    stream,
    substitutions,
    task_views,
    tasks,
    tasks_bulk,
    ticks,
    waiting,
)

MAX_BODY = 4 * 1024 * 1024
# A file of evidence and the form around it, where one can be sent: by programs, and with an action on a page.
MAX_UPLOAD = 20 * 1024 * 1024
UPLOADS = re.compile(r"/api/v1/onboardings/[^/]+/evidence|/(onboardings|connections)/[^/]+/act")
DESCRIPTION = (
    "Everything the pages can do. `Authorization: Bearer KEY`; `POST` takes an `Idempotency-Key`; errors are RFC 9457 problems "
    "that say what to do; lists are `{items, next_cursor}`."
)


async def make_context(settings: Settings) -> AppContext:
    """Connects (lazily) to everything that requests need."""
    playbooks = load_playbooks(settings.partners_dir, TEMPLATES)
    return AppContext(
        settings=settings,
        database=Database.connect(settings),
        temporal=await Temporal.connect(settings),
        playbooks=playbooks,
        declarations=playbooks.declarations,
        links=LinkSigner([key.get_secret_value() for key in settings.secret_keys]),
        evidence=EvidenceFiles(settings.evidence_dir),
    )


def create_app(settings: Settings | None = None) -> FastAPI:
    """The ASGI app; without ``settings`` they are read from the environment."""
    settings = settings or Settings()
    configure(settings.log_format)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settings = app.state.settings
        context = await make_context(settings)
        app.state.context = context
        app.state.live = Live(settings)
        async with running(app.state.live):
            yield
        await context.database.close()

    app = FastAPIOffline(
        title="Racord",
        description=DESCRIPTION,
        version="0.1.0",
        lifespan=lifespan,
        dependencies=[Depends(only_known_parameters)],
    )
    app.state.settings = settings
    app.add_middleware(BodyLimit, limit=MAX_BODY, uploads=UPLOADS, upload_limit=MAX_UPLOAD)
    app.add_middleware(BrowserSafety, own_origin=settings.public_url)
    problems.install(app)
    v1 = APIRouter(prefix="/api/v1", responses=problems.RESPONSES)
    for module in (
        assigning,
        evidence,  # their addresses look like verbs of the onboarding
        onboardings,  # first: the calls that somebody waits for
        steering,
        meetings,
        providers,
        services,
        calendars,
        partners,
        channels,
        ticks,
        consent,
        changes,
        readiness,
        connections,
        connection_steering,
        connection_notices,
        feed,
        tasks,
        task_views,
        tasks_bulk,
        bounces,
        people,
        substitutions,
        waiting,
        stream,
    ):
        v1.include_router(module.router)
    app.include_router(v1)
    app.include_router(links.router)
    app.include_router(health.router)
    from api.pages import install as install_pages

    install_pages(app, settings)
    return app
