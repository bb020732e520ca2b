"""The pages: server-made HTML that reads Postgres and writes through the API. They work without JavaScript."""

from fastapi import FastAPI

from adapters.settings import Settings


def install(app: FastAPI, settings: Settings) -> None:
    """Adds the pages to the app, and turns the errors of pages into pages. Comes after the API's own error handlers."""
    # Imported here, for routes of the API use parts of this package.
    from api.pages import (
        assets,
        bulk,
        caught_mail,
        connection,
        connections,
        inbox,
        listing,
        login,
        onboarding,
        people,
        preferences,
        problem_pages,
        readiness,
        starting,
        waiting,
    )

    modules = [
        assets,
        listing,
        starting,
        onboarding,
        connections,
        connection,
        readiness,
        people,
        inbox,
        bulk,
        login,
        preferences,
        waiting,
    ]
    if settings.mail_dir is not None:
        modules.append(caught_mail)
    for module in modules:
        app.include_router(module.router)
    problem_pages.install(app)
