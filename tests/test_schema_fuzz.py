"""Whatever the OpenAPI document allows, and what it forbids, is answered without a mistake of ours (schemathesis)."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode
from schemathesis.core import NotSet
from schemathesis.core.result import Ok

from tests.stack import Stack
from tests.test_bad_input import must_be_problem
from tests.test_journey import Journey

EXAMPLES = 5  # of each mode for each call, always the same ones
MAIL = "message/rfc822"
schemathesis.serializer.alias(MAIL, "text/plain")
UNFIT = ("/api/v1/events/stream",)  # it never ends
SAME_EVERY_TIME = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def cases_of(document: dict[str, Any]) -> Iterator[Case[Any]]:
    """Examples of every call in the document, as its schemas want them and as they do not."""
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if operation.path in UNFIT:
            continue
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                yield from examples(operation.as_strategy(generation_mode=mode))
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE, f"{operation.label}: its schema allows nothing"


def examples(strategy: SearchStrategy[Case[Any]]) -> list[Case[Any]]:
    made: list[Case[Any]] = []

    @SAME_EVERY_TIME
    @given(case=strategy)
    def collect(case: Case[Any]) -> None:
        made.append(case)

    collect()
    return made


def path_of(case: Case[Any], real: dict[str, str]) -> str:
    given = {name: quote(str(value), safe="") for name, value in (case.path_parameters or {}).items()}
    return case.path.format(**{**given, **real})


def content_of(case: Case[Any]) -> bytes:
    """A mail goes as it is, all else as JSON."""
    if case.media_type == MAIL and isinstance(case.body, str):
        return case.body.encode(errors="replace")
    return json.dumps(case.body, default=repr).encode()


@pytest.mark.timeout(120)
async def test_no_call_made_from_the_openapi_document_meets_a_mistake_of_ours(stack: Stack) -> None:
    journey = await Journey(stack, "generali").begin()
    things = {"provider_id": journey.provider, "onboarding_id": journey.id, "service_id": journey.services[0]}
    things |= {"slug": "generali", "key": "contract"}
    asked = 0
    for case in cases_of(stack.app.openapi()):
        real = (
            {name: value for name, value in things.items() if f"{{{name}}}" in case.path} if asked % 2 else {}
        )
        headers = {
            name: str(value)
            for name, value in (case.headers or {}).items()
            if str(value).isascii() and str(value).isprintable()
        }
        query = urlencode(dict(case.query or {}), doseq=True)
        body = None if isinstance(case.body, NotSet) else content_of(case)
        headers = (
            {"content-type": case.media_type or "application/json", **headers}
            if body is not None
            else headers
        )
        answer = await stack.http.request(
            case.method, f"{path_of(case, real)}?{query}", headers=headers, content=body
        )
        asked += 1
        said = f"{case.method} {answer.request.url} {body!r}: {answer.status_code} {answer.text[:300]}"
        assert answer.status_code < 500, said
        if answer.status_code >= 400:
            must_be_problem(answer, answer.status_code)
    assert asked > 250
