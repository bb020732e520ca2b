"""Every bad input is answered with a problem that names the thing and the mend, and changes nothing (RFC 9457)."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from adapters.database.access import create_api_key
from api.app import MAX_BODY
from tests.stack import Stack
from tests.test_journey import EVIDENCE, Journey
from tests.test_signed_links import YES, at_settings, contents, edit_link, quiet

JSON = {"content-type": "application/json"}
REASON = {"reason": "The clinic moves house."}
DEEP = "[" * 600 + "]" * 600
ODD = ("%00", "%F0%9F%92%A9", "a" * 5000, "..%2F..%2Fetc", "%22%3E%3Cscript%3E", "' OR 1=1", "%C3%28", "%E2%80%AE", "+", "~")
SURROGATE = '"\\ud800"'


def cursor(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def raw_cursor(content: str) -> str:
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


BAD_CURSORS = (
    "x", "%00", "ä", "=" * 8, "a" * 501, cursor(), cursor("x", "y"), cursor(None, None), cursor({}, []), cursor("2026-01-01"),
    cursor("2026-01-01T00:00:00Z", "a\0b"), raw_cursor("{}"), raw_cursor("[1e999]"), raw_cursor("[NaN]"), raw_cursor(f"[{'9' * 400}]"),
    raw_cursor(f'["2026-01-01T00:00:00Z", {SURROGATE}]'), raw_cursor("[" * 300),
)  # fmt: skip


@pytest.fixture
async def journey(stack: Stack) -> AsyncIterator[Journey]:
    """An onboarding at its first step; whatever a test does to it, nothing of it may move."""
    journey = await Journey(stack, "generali").begin()
    before = await contents(stack)
    yield journey
    assert await contents(stack) == before


def must_be_problem(answer: httpx2.Response, status: int | tuple[int, ...], *named: str) -> Any:
    """The problem in the answer: of one of these statuses, saying what, what to do, and a code for programs."""
    said = f"{answer.request.method} {str(answer.request.url)[:150]}: {answer.status_code} {answer.text[:300]}"
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
        ("POST", "/api/v1/onboardings", {"provider_id": journey.provider, "partner": "{no} body"}, "{no} body"),
        ("GET", "/api/v1/nothing", None, "/api/v1/nothing"),
    ):
        must_be_problem(await stack.http.request(method, path, json=body), 404, named)
    must_be_problem(await stack.http.delete(base), 405)
    must_be_problem(await stack.http.post(f"{base}/steps/contract/dance", json={}), 422)
    must_be_problem(await stack.http.post(f"{base}/sing", json=REASON), 422)


async def test_a_step_at_the_wrong_time_is_refused_with_what_it_needs(journey: Journey) -> None:
    steps = f"/api/v1/onboardings/{journey.id}/steps"
    behalf = {**EVIDENCE, "on_behalf_of": {"party": "partner", "name": "Mihai Pop"}}
    early = must_be_problem(await journey.stack.http.post(f"{steps}/settings/complete", json=behalf), 409, "settings", "notice")
    assert early["code"] == "too-early"
    must_be_problem(await journey.stack.http.post(f"{steps}/channel/complete", json={}), 409, "channel")
    must_be_problem(await journey.stack.http.post(f"{steps}/contract/remind", json={}), 409, "contract", "complete")
    must_be_problem(await journey.stack.http.post(f"{steps}/contract/reopen", json=REASON), 409, "contract")
    must_be_problem(await journey.stack.http.post(f"/api/v1/onboardings/{journey.id}/resume", json=REASON), 409)


async def test_a_step_done_twice_is_refused_with_when_it_was_done(stack: Stack) -> None:
    journey = await Journey(stack, "generali").begin()
    await journey.sign_contract()
    await quiet(stack, journey, 1)
    before = await contents(stack)
    path = f"/api/v1/onboardings/{journey.id}/steps/contract/complete"
    assert must_be_problem(await stack.http.post(path, json=EVIDENCE), 409, "contract")["code"] == "already-done"
    must_be_problem(await stack.http.post(f"/api/v1/onboardings/{journey.id}/steps/channel/complete", json={}), (403, 409), "channel")
    assert await contents(stack) == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
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
    ],
    ids=str,
)  # fmt: skip
async def test_evidence_that_is_missing_or_wrong_is_named_by_its_field(journey: Journey, body: Any, field: str | None) -> None:
    path = f"/api/v1/onboardings/{journey.id}/steps/contract/complete"
    found = must_be_problem(await journey.stack.http.post(path, json=body), 422)
    assert field is None or field in [error["field"] for error in found["errors"]], found
    assert all(error["mend"] for error in found["errors"])


CONTENT = {
    "empty": b"", "half": b'{"evidence": ', "text": b"hello", "list": b"[]", "number": b"7", "null": b"null", "string": b'"x"',
    "not a number": b'{"note": NaN}', "infinite": b'{"note": 1e999}', "not utf-8": b'{"note": "\xff\xfe"}', "utf-16": '{"note": 1}'.encode("utf-16"),
    "half a character": f'{{"note": {SURROGATE}}}'.encode(), "half a character for a name": f"{{{SURROGATE}: 1}}".encode(),
    "deep": f'{{"note": {DEEP}}}'.encode(), "deepest": b'{"note": ' + b"[" * 100_000, "long number": b'{"note": ' + b"9" * 5000 + b"}",
    "large": b'{"note": "' + b"x" * (3 * 1024 * 1024) + b'"}', "many": json.dumps(dict.fromkeys(map(str, range(20_000)), 1)).encode(),
}  # fmt: skip


@pytest.mark.parametrize("content", CONTENT.values(), ids=CONTENT.keys())
async def test_a_body_that_is_no_json_object_or_a_strange_one_is_refused(journey: Journey, content: bytes) -> None:
    base = f"/api/v1/onboardings/{journey.id}"
    paths = [f"{base}/steps/contract/complete", f"{base}/steps/contract/reopen", f"{base}/hold", "/api/v1/onboardings", "/api/v1/providers"]
    for path in paths:
        refusals = (400, 409, 413, 422) if path.endswith("reopen") else (400, 413, 422)
        must_be_problem(await journey.stack.http.post(path, content=content, headers=JSON), refusals)
    answer = await journey.stack.http.put(f"/api/v1/providers/{journey.provider}/calendars/x", content=content, headers=JSON)
    must_be_problem(answer, (400, 413, 422))


async def test_a_body_beyond_the_limit_is_not_even_read(journey: Journey) -> None:
    huge = b'{"note": "' + b"x" * MAX_BODY + b'"}'
    for path in (f"/api/v1/onboardings/{journey.id}/steps/contract/complete", "/api/v1/providers", "/l/x"):
        must_be_problem(await journey.stack.http.post(path, content=huge, headers=JSON), (413, 410))
    found = await journey.stack.http.post("/api/v1/providers", content=huge, headers=JSON)
    must_be_problem(found, 413)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data", "x"])
async def test_a_body_of_another_kind_is_refused(journey: Journey, kind: str) -> None:
    path = f"/api/v1/onboardings/{journey.id}/steps/contract/complete"
    sent = await journey.stack.http.post(path, content=json.dumps(EVIDENCE), headers={"content-type": kind})
    must_be_problem(sent, (415, 422))


async def test_odd_paths_and_queries_lead_nowhere(journey: Journey) -> None:
    stack = journey.stack
    for odd in ODD:
        for path in (
            f"onboardings/{odd}", f"onboardings/{odd}/events", f"providers/{odd}", f"providers/{odd}/channels/generali", f"partners/{odd}",
            f"providers/{journey.provider}/channels/{odd}", f"providers/{journey.provider}/services/{odd}", f"providers/{journey.provider}/calendars/{odd}",
        ):  # fmt: skip
            must_be_problem(await stack.http.get(f"/api/v1/{path}"), (404, 422))
        for path in (f"{odd}/hold", f"{odd}/steps/contract/complete", f"{journey.id}/steps/{odd}/complete", f"{journey.id}/{odd}"):
            must_be_problem(await stack.http.post(f"/api/v1/onboardings/{path}", json={**REASON}), (404, 405, 422))
        must_be_problem(await stack.anybody.get(f"/l/{odd}"), (404, 410))
        for name in ("q", "partner"):
            assert (await stack.http.get(f"/api/v1/onboardings?{name}={odd}")).status_code in (200, 422), (name, odd)
        for name in ("status", "waiting_on", "limit", "cursor"):
            must_be_problem(await stack.http.get(f"/api/v1/onboardings?{name}={odd}"), 422, name)


@pytest.mark.parametrize("path", ["onboardings", "tasks", "providers", "partners", "onboardings/{}/events"])
async def test_cursors_that_are_not_ours_are_refused(journey: Journey, path: str) -> None:
    for bad in BAD_CURSORS:
        answer = await journey.stack.http.get(f"/api/v1/{path.format(journey.id)}", params={"cursor": bad})
        if answer.status_code != 200 or path not in ("providers", "partners"):  # there, any word is a place in the list
            must_be_problem(answer, 422, "cursor")
    for limit in ("0", "-1", "201", "x", "1e9", ""):
        must_be_problem(await journey.stack.http.get(f"/api/v1/{path.format(journey.id)}?limit={limit}"), 422, "limit")


@pytest.mark.parametrize("id", ["\0", "a\0b", "\ud800", "a" * 65, "", " ", 7, None, ["x"], {"x": 1}], ids=repr)
async def test_an_onboarding_cannot_be_started_for_nonsense(journey: Journey, id: Any) -> None:
    for body in ({"provider_id": id, "partner": "generali"}, {"provider_id": journey.provider, "partner": id}):
        sent = await journey.stack.http.post("/api/v1/onboardings", content=json.dumps(body), headers=JSON)
        must_be_problem(sent, (404, 422))


async def test_who_may_not_is_told_so(journey: Journey) -> None:
    stack, path = journey.stack, f"/api/v1/onboardings/{journey.id}/steps/contract/complete"
    for said in (b"Bearer rk_wrong", b"Bearer", b"Basic " + stack.key.encode(), b"Bearer \xff\xfe", b"", stack.key.encode()):
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


async def test_a_signed_link_takes_nothing_but_its_own_answers(stack: Stack) -> None:
    journey, link = await at_settings(stack)
    await quiet(stack, journey, 3)
    before = await contents(stack)
    for content in (*CONTENT.values(), b'{"action": "complete"}', b'{"action": {"a": 1}, "name": "A", "role": "B"}'):
        must_be_problem(await stack.anybody.post(link, content=content, headers=JSON), (400, 409, 413, 422))
    for body in ({**YES, "name": " "}, {**YES, "name": "a\0"}, {**YES, "role": None}, {**YES, "more": 1}, {**YES, "action": "remind"}):
        must_be_problem(await stack.anybody.post(link, json=body), (403, 409, 422))
    nested = json.dumps({**YES, "note": 0}).replace("0}", f"{DEEP}}}")
    must_be_problem(await stack.anybody.post(link, content=nested, headers=JSON), (400, 422))
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/plain"):
        answer = await stack.anybody.post(link, content=b"--x\r\n\xff\0=&action=complete&&", headers={"content-type": kind})
        must_be_problem(answer, (400, 409, 422))
    assert await contents(stack) == before
    await edit_link(stack, link, "expires_at = now()")
    for path in (link, "/l/x", f"{link}x"):
        must_be_problem(await stack.anybody.post(path, json=YES), 410)
        must_be_problem(await stack.anybody.get(path), 410)
