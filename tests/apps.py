"""What is the same for every test and takes long to make, made once a process: the app, and the shipped playbooks."""

import functools
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI

from adapters import playbooks
from adapters.declarations import Declarations
from adapters.playbook_file import Source
from adapters.settings import PACKAGED_PARTNERS, Settings
from api.app import create_app
from domain.playbook import Playbook

_free: dict[tuple[str, bool], list[FastAPI]] = defaultdict(list)


@contextmanager
def lent_app(settings: Settings) -> Iterator[FastAPI]:
    """The product's app, for one at a time; two at once have two."""
    free = _free[settings.public_url, settings.mail_dir is not None]
    app = free.pop() if free else create_app(settings)
    app.state.settings = settings
    try:
        yield app
    finally:
        free.append(app)


@contextmanager
def playbooks_read_once() -> Iterator[None]:
    """The shipped ones do not change while tests run; those that a test writes are read each time."""
    read = playbooks._loaded

    @functools.cache
    def read_once(path: Path, templates: frozenset[str]) -> tuple[Source, Playbook]:
        return read(path, templates, Declarations(path.parent / "declarations"))

    def loaded(path: Path, templates: frozenset[str], declarations: Declarations) -> tuple[Source, Playbook]:
        return (
            read_once(path, templates)
            if path.parent == PACKAGED_PARTNERS
            else read(path, templates, declarations)
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(playbooks, "_loaded", loaded)
        yield
