"""Every bad input is answered with a problem that names the thing and the mend, and changes nothing (RFC 9457)."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from adapters.database.access import create_api_key
from tests.stack import Stack
from tests.test_journey import EVIDENCE, Journey
from tests.test_signed_links import contents, quiet

JSON = {"content-type": "application/json"}
REASON = {"reason": "The clinic moves house."}


@pytest.fixture
async def journey(stack: Stack) -> AsyncIterator[Journey]:
    """An onboarding at its first step; whatever a test does to it, nothing of it may move."""
    journey = await Journey(stack, "generali").begin()
    await stack.evidence(journey.id)
    before = await contents(stack)
    yield journey
    assert await contents(stack) == before


def must_be_problem(answer: httpx2.Response, status: int | tuple[int, ...], *named: str) -> Any:
    """The problem in the answer: of one of these statuses, saying what, what to do, and a code for programs."""
    said = (
        f"{answer.request.method} {str(answer.request.url)[:150]}: {answer.status_code} {answer.text[:300]}"
    )
    assert answer.status_code in ((status,) if isinstance(status, int) else status), said
    assert answer.headers["content-type"] == "application/problem+json", said
    found = answer.json()
    assert found["status"] == answer.status_code, said
    assert all(found[part] for part in ("type", "title", "detail", "mend", "code")), said
    assert all(word in answer.text for word in named), said
    return found


async def test_what_does_not_exist_is_named(journey: Journey) -> None:
    stack, base = journey.stack, f"/api/v1/onboardings/{journey.id}"
    channel = f"/api/v1/providers/{journey.provider}/channels"
    for method, path, body, named in (
        ("GET", "/api/v1/onboardings/onb_nobody", None, "onb_nobody"),
        ("GET", "/api/v1/onboardings/onb_nobody/events", None, "onb_nobody"),
        ("GET", "/api/v1/onboardings/onb_nobody/mails", None, "onb_nobody"),
        ("POST", "/api/v1/onboardings/onb_nobody/steps/contract/complete", EVIDENCE, "onb_nobody"),
        ("POST", "/api/v1/onboardings/onb_nobody/hold", REASON, "onb_nobody"),
        ("POST", f"{base}/steps/nothing/complete", EVIDENCE, "nothing"),
        ("POST", f"{base}/steps/nothing/reopen", REASON, "nothing"),
        ("GET", "/api/v1/providers/prv_nobody", None, "prv_nobody"),
        ("GET", "/api/v1/partners/nobody", None, "nobody"),
        ("PATCH", f"{channel}/nobody", {"enabled": True}, "nobody"),
        ("POST", "/api/v1/onboardings", {"provider_id": "prv_nobody", "partner": "generali"}, "prv_nobody"),
        (
            "POST",
            "/api/v1/onboardings",
            {"provider_id": journey.provider, "partner": "{no} body"},
            "{no} body",
        ),
        ("GET", "/api/v1/nothing", None, "/api/v1/nothing"),
    ):
        must_be_problem(await stack.http.request(method, path, json=body), 404, named)
    must_be_problem(await stack.http.delete(base), 405)
    must_be_problem(await stack.http.post(f"{base}/steps/contract/dance", json={}), 422)
    must_be_problem(await stack.http.post(f"{base}/sing", json=REASON), 422)


async def test_a_step_at_the_wrong_time_is_refused_with_what_it_needs(journey: Journey) -> None:
    steps = f"/api/v1/onboardings/{journey.id}/steps"
    file = (await journey.stack.call("GET", f"/onboardings/{journey.id}/evidence"))["items"][0]["id"]
    behalf = {
        "evidence": {**EVIDENCE["evidence"], "file": file},
        "on_behalf_of": {"party": "partner", "name": "Mihai Pop"},
    }
    early = must_be_problem(
        await journey.stack.http.post(f"{steps}/settings/complete", json=behalf), 409, "settings", "notice"
    )
    assert early["code"] == "too-early"
    must_be_problem(await journey.stack.http.post(f"{steps}/channel/complete", json={}), 409, "channel")
    must_be_problem(
        await journey.stack.http.post(f"{steps}/contract/remind", json={}), 409, "contract", "complete"
    )
    must_be_problem(await journey.stack.http.post(f"{steps}/contract/reopen", json=REASON), 409, "contract")
    must_be_problem(
        await journey.stack.http.post(f"/api/v1/onboardings/{journey.id}/resume", json=REASON), 409
    )


async def test_a_step_done_twice_is_refused_with_when_it_was_done(stack: Stack) -> None:
    journey = await Journey(stack, "generali").begin()
    await journey.sign_contract()
    await quiet(stack, journey, 1)
    before = await contents(stack)
    path = f"/api/v1/onboardings/{journey.id}/steps/contract/complete"
    assert (
        must_be_problem(await stack.http.post(path, json=EVIDENCE), 409, "contract")["code"] == "already-done"
    )
    must_be_problem(
        await stack.http.post(f"/api/v1/onboardings/{journey.id}/steps/channel/complete", json={}),
        (403, 409),
        "channel",
    )
    assert await contents(stack) == before


WRONG_EVIDENCE: tuple[tuple[Any, str | None], ...] = (
    ({}, "evidence"),
    ({"evidence": {}}, "evidence.document"),
    ({"evidence": {"document": "", "date": "2026-02-27"}}, "evidence.document"),
    ({"evidence": {"document": "a\0b", "date": "2026-02-27"}}, "evidence.document"),
    ({"evidence": {"document": "A", "date": "yesterday"}}, "evidence.date"),
    ({"evidence": {"document": "A", "date": "2199-01-01"}}, None),
    ({"evidence": {"document": "A" * 201, "date": "2026-02-27"}}, "evidence.document"),
    ({**EVIDENCE, "note": "x" * 4001}, "note"),
    ({**EVIDENCE, "note": {"a": 1}}, "note"),
    ({**EVIDENCE, "nonsense": 1}, "nonsense"),
    ({**EVIDENCE, "{0.__class__}": 1}, "{0.__class__}"),
    ({**EVIDENCE, "on_behalf_of": {"party": "nobody", "name": "A"}}, "on_behalf_of.party"),
    ({**EVIDENCE, "on_behalf_of": "Ana"}, "on_behalf_of"),
    ({**EVIDENCE, "on_behalf_of": {"party": "partner", "name": "Ana"}}, "evidence.file"),
    ({"evidence": {"document": "A", "date": "2026-02-27", "file": "evd_elsewhere"}}, "evidence.file"),
    ({"evidence": {"document": "A", "date": "2026-02-27", "file": "a\0b"}}, None),
    ({"evidence": {"document": "A", "date": "2026-02-27", "file": 7}}, "evidence.file"),
)


async def test_evidence_that_is_missing_or_wrong_is_named_by_its_field(journey: Journey) -> None:
    path = f"/api/v1/onboardings/{journey.id}/steps/contract/complete"
    for body, field in WRONG_EVIDENCE:
        found = must_be_problem(await journey.stack.http.post(path, json=body), 422)
        assert field is None or field in [error["field"] for error in found["errors"]], found
        assert all(error["mend"] for error in found["errors"])


async def test_who_may_not_is_told_so(journey: Journey) -> None:
    stack, path = journey.stack, f"/api/v1/onboardings/{journey.id}/steps/contract/complete"
    for said in (
        b"Bearer rk_wrong",
        b"Bearer",
        b"Basic " + stack.key.encode(),
        b"Bearer \xff\xfe",
        b"",
        stack.key.encode(),
    ):
        headers = [(b"authorization", said)]
        must_be_problem(await stack.anybody.post(path, json=EVIDENCE, headers=headers), 401)


async def test_keys_that_may_less_are_refused(stack: Stack) -> None:
    journey = await Journey(stack, "generali").begin()
    other = await Journey(stack, "generali").begin()
    async with stack.database.transaction() as session:
        viewer = await create_api_key(session, "v", "viewer")
        foreign = await create_api_key(session, "m", "manager", other.provider)
    before = await contents(stack)
    path = f"/api/v1/onboardings/{journey.id}/steps/contract/complete"
    for key, status in ((viewer, 403), (foreign, 404)):
        headers = {"authorization": f"Bearer {key}"}
        must_be_problem(await stack.anybody.post(path, json=EVIDENCE, headers=headers), status)
    assert await contents(stack) == before
