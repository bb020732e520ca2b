"""Strange bodies, paths and cursors: whatever is sent, it is a problem of the sender's, and nothing changes."""

import base64
import json
from typing import Any

from api.app import MAX_BODY
from tests.stack import Stack
from tests.test_bad_input import JSON, REASON, journey, must_be_problem
from tests.test_journey import EVIDENCE, Journey
from tests.test_signed_links import YES, at_settings, contents, edit_link, quiet

__all__ = ["journey"]


DEEP = "[" * 600 + "]" * 600


ODD = (
    "%00",
    "%F0%9F%92%A9",
    "a" * 5000,
    "..%2F..%2Fetc",
    "%22%3E%3Cscript%3E",
    "' OR 1=1",
    "%C3%28",
    "%E2%80%AE",
    "+",
    "~",
)


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


CONTENT = {
    "empty": b"", "half": b'{"evidence": ', "text": b"hello", "list": b"[]", "number": b"7", "null": b"null", "string": b'"x"',
    "not a number": b'{"note": NaN}', "infinite": b'{"note": 1e999}', "not utf-8": b'{"note": "\xff\xfe"}',
    "utf-16": '{"note": 1}'.encode("utf-16"),
    "half a character": f'{{"note": {SURROGATE}}}'.encode(), "half a character for a name": f"{{{SURROGATE}: 1}}".encode(),
    "deep": f'{{"note": {DEEP}}}'.encode(), "deepest": b'{"note": ' + b"[" * 100_000, "long number": b'{"note": ' + b"9" * 5000 + b"}",
    "large": b'{"note": "' + b"x" * (3 * 1024 * 1024) + b'"}', "many": json.dumps(dict.fromkeys(map(str, range(20_000)), 1)).encode(),
}  # fmt: skip


async def test_a_body_that_is_no_json_object_or_a_strange_one_is_refused(journey: Journey) -> None:
    stack, base = journey.stack, f"/api/v1/onboardings/{journey.id}"
    for content in CONTENT.values():
        for path in (
            f"{base}/steps/contract/complete",
            f"{base}/hold",
            "/api/v1/onboardings",
            "/api/v1/providers",
        ):
            must_be_problem(await stack.http.post(path, content=content, headers=JSON), (400, 413, 422))
        reopened = await stack.http.post(f"{base}/steps/contract/reopen", content=content, headers=JSON)
        must_be_problem(reopened, (400, 409, 413, 422))
        calendar = f"/api/v1/providers/{journey.provider}/calendars/x"
        must_be_problem(await stack.http.put(calendar, content=content, headers=JSON), (400, 413, 422))


async def test_a_body_beyond_the_limit_is_not_even_read(journey: Journey) -> None:
    huge = b'{"note": "' + b"x" * MAX_BODY + b'"}'
    for path in (f"/api/v1/onboardings/{journey.id}/steps/contract/complete", "/api/v1/providers", "/l/x"):
        must_be_problem(await journey.stack.http.post(path, content=huge, headers=JSON), (413, 410))
    found = await journey.stack.http.post("/api/v1/providers", content=huge, headers=JSON)
    must_be_problem(found, 413)


async def test_a_body_of_another_kind_is_refused(journey: Journey) -> None:
    path = f"/api/v1/onboardings/{journey.id}/steps/contract/complete"
    form = "application/x-www-form-urlencoded"
    for kind in ("text/plain", "application/xml", form, "multipart/form-data", "x"):
        sent = await journey.stack.http.post(
            path, content=json.dumps(EVIDENCE), headers={"content-type": kind}
        )
        must_be_problem(sent, (415, 422))


async def test_odd_paths_and_queries_lead_nowhere(journey: Journey) -> None:
    stack = journey.stack
    for odd in ODD:
        for path in (
            f"onboardings/{odd}", f"onboardings/{odd}/events", f"providers/{odd}", f"providers/{odd}/channels/generali", f"partners/{odd}",
            f"providers/{journey.provider}/channels/{odd}", f"providers/{journey.provider}/services/{odd}",
            f"providers/{journey.provider}/calendars/{odd}",
        ):  # fmt: skip
            must_be_problem(await stack.http.get(f"/api/v1/{path}"), (404, 422))
        for path in (
            f"{odd}/hold",
            f"{odd}/steps/contract/complete",
            f"{journey.id}/steps/{odd}/complete",
            f"{journey.id}/{odd}",
        ):
            must_be_problem(
                await stack.http.post(f"/api/v1/onboardings/{path}", json={**REASON}), (404, 405, 422)
            )
        must_be_problem(await stack.anybody.get(f"/l/{odd}"), (404, 410))
        for name in ("q", "partner"):
            assert (await stack.http.get(f"/api/v1/onboardings?{name}={odd}")).status_code in (200, 422), (
                name,
                odd,
            )
        for name in ("status", "waiting_on", "limit", "cursor"):
            must_be_problem(await stack.http.get(f"/api/v1/onboardings?{name}={odd}"), 422, name)


async def test_cursors_and_limits_that_are_not_ours_are_refused(journey: Journey) -> None:
    http = journey.stack.http
    for path in ("onboardings", "tasks", "providers", "partners", f"onboardings/{journey.id}/events"):
        for bad in BAD_CURSORS:
            answer = await http.get(f"/api/v1/{path}", params={"cursor": bad})
            if answer.status_code != 200 or path not in (
                "providers",
                "partners",
            ):  # any word is a place in these
                must_be_problem(answer, 422, "cursor")
        for limit in ("0", "-1", "201", "x", "1e9", ""):
            must_be_problem(await http.get(f"/api/v1/{path}?limit={limit}"), 422, "limit")


async def test_an_onboarding_cannot_be_started_for_nonsense(journey: Journey) -> None:
    nonsense: list[Any] = ["\0", "a\0b", "\ud800", "a" * 65, "", " ", 7, None, ["x"], {"x": 1}]
    for id in nonsense:
        for body in (
            {"provider_id": id, "partner": "generali"},
            {"provider_id": journey.provider, "partner": id},
        ):
            sent = await journey.stack.http.post(
                "/api/v1/onboardings", content=json.dumps(body), headers=JSON
            )
            must_be_problem(sent, (404, 422))


async def test_a_signed_link_takes_nothing_but_its_own_answers(stack: Stack) -> None:
    journey, link = await at_settings(stack)
    await quiet(stack, journey, 3)
    before = await contents(stack)
    for content in (
        *CONTENT.values(),
        b'{"action": "complete"}',
        b'{"action": {"a": 1}, "name": "A", "role": "B"}',
    ):
        must_be_problem(await stack.anybody.post(link, content=content, headers=JSON), (400, 409, 413, 422))
    for body in (
        {**YES, "name": " "},
        {**YES, "name": "a\0"},
        {**YES, "role": None},
        {**YES, "more": 1},
        {**YES, "action": "remind"},
    ):
        must_be_problem(await stack.anybody.post(link, json=body), (403, 409, 422))
    nested = json.dumps({**YES, "note": 0}).replace("0}", f"{DEEP}}}")
    must_be_problem(await stack.anybody.post(link, content=nested, headers=JSON), (400, 422))
    for kind in (
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "text/plain",
    ):
        answer = await stack.anybody.post(
            link, content=b"--x\r\n\xff\0=&action=complete&&", headers={"content-type": kind}
        )
        must_be_problem(answer, (400, 409, 422))
    assert await contents(stack) == before
    await edit_link(stack, link, "expires_at = now()")
    for path in (link, "/l/x", f"{link}x"):
        must_be_problem(await stack.anybody.post(path, json=YES), 410)
        must_be_problem(await stack.anybody.get(path), 410)
