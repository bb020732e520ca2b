"""The client for partners against real servers: what it signs, what it takes from an answer, and when it gives up."""

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
import standardwebhooks

from adapters.partners import client as client_module
from adapters.partners.client import NoAnswer, PartnerClient
from adapters.partners.endpoints import PartnerEndpoint
from domain.delivery import Held, HeldService, Verdict
from tests.partner_server import Answering, PartnerServer, json_reply, reply, signature_by
from tests.stack import PATIENCE, settings_for

OLD = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
NEW = "whsec_YWJjZGVmZ2hpamFiY2RlZmdoaWphYmNkZWZnaGlqYWI="
NOW = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
BODY = json.dumps({"type": "services.changed", "name": "Clinica Sfânta Ana"}, ensure_ascii=False).encode()


@pytest.fixture
async def server() -> AsyncIterator[PartnerServer]:
    async with PartnerServer(reply(204)).serving() as server:
        yield server


@pytest.fixture
async def client() -> AsyncIterator[PartnerClient]:
    settings = settings_for("postgresql://db", "127.0.0.1:1", 1, partner_private_hosts="127.0.0.1")
    async with PartnerClient(settings) as client:
        yield client


# --- what is sent --------------------------------------------------------------------------------------------------


async def test_the_partner_gets_the_body_as_it_is_and_the_headers_of_the_protocol(
    server: PartnerServer, client: PartnerClient
) -> None:
    answer = await client.push(server.endpoint(OLD), "dlv_1", BODY, NOW)
    assert (answer.verdict, answer.status, answer.detail, answer.rejected) == (Verdict.TAKEN, 204, "", ())
    (request,) = server.received
    assert (request.method, request.target, request.body) == ("POST", "/racord", BODY)
    assert request.headers["host"] == f"127.0.0.1:{server.port}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["user-agent"].startswith("Racord/")
    assert request.headers["webhook-id"] == "dlv_1"
    assert request.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert request.headers["webhook-signature"] == signature_by(OLD, request)


async def test_the_standards_own_library_accepts_it(server: PartnerServer, client: PartnerClient) -> None:
    await client.push(server.endpoint(OLD), "dlv_1", BODY, datetime.now(UTC))
    (request,) = server.received
    assert standardwebhooks.Webhook(OLD).verify(request.body, request.headers) == json.loads(BODY)


async def test_the_timestamp_is_utc_whatever_zone_the_clock_is_in(
    server: PartnerServer, client: PartnerClient
) -> None:
    in_bucharest = NOW.astimezone(timezone(timedelta(hours=2)))
    await client.push(server.endpoint(OLD), "dlv_1", BODY, in_bucharest)
    (request,) = server.received
    assert request.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert request.headers["webhook-signature"] == signature_by(OLD, request)


async def test_a_repetition_has_the_same_id_and_a_fresh_timestamp(
    server: PartnerServer, client: PartnerClient
) -> None:
    for minutes in (0, 1):
        await client.push(server.endpoint(OLD), "dlv_1", BODY, NOW + timedelta(minutes=minutes))
    first, second = server.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 60
    assert second.headers["webhook-signature"] == signature_by(OLD, second)
    assert server.connections == 1, "the connection is kept"


async def test_while_a_secret_is_changed_both_sign_the_new_one_first(
    server: PartnerServer, client: PartnerClient
) -> None:
    await client.push(server.endpoint(NEW, OLD), "dlv_1", BODY, datetime.now(UTC))
    (request,) = server.received
    signatures = request.headers["webhook-signature"].split(" ")
    assert signatures == [signature_by(NEW, request), signature_by(OLD, request)]
    for secret in (NEW, OLD):
        standardwebhooks.Webhook(secret).verify(request.body, request.headers)


async def test_no_proxy_of_the_environment_is_used(
    server: PartnerServer, client: PartnerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with PartnerServer(reply(204)).serving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await client.push(server.endpoint(OLD), "dlv_1", BODY, NOW)
        assert (proxy.connections, len(server.received)) == (0, 1)


# --- what an answer means ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, Verdict.TAKEN), (201, Verdict.TAKEN), (202, Verdict.TAKEN), (400, Verdict.REFUSED), (404, Verdict.REFUSED),
     (408, Verdict.LATER), (410, Verdict.GONE), (422, Verdict.REFUSED), (500, Verdict.LATER), (503, Verdict.LATER)],
)  # fmt: skip
async def test_the_status_decides(
    server: PartnerServer, client: PartnerClient, status: int, verdict: Verdict
) -> None:
    server.answer = reply(status)
    answer = await client.push(server.endpoint(OLD), "dlv_1", BODY, NOW)
    assert (answer.verdict, answer.status, answer.retry_after) == (verdict, status, None)
    assert (str(status) in answer.detail) is (verdict is not Verdict.TAKEN)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_a_failure_and_not_followed(
    server: PartnerServer, client: PartnerClient, status: int
) -> None:
    server.answer = reply(status, location=f"http://127.0.0.1:{server.port}/elsewhere")
    answer = await client.push(server.endpoint(OLD), "dlv_1", BODY, NOW)
    assert (answer.verdict, answer.status) == (Verdict.LATER, status)
    assert "redirect" in answer.detail
    assert [request.target for request in server.received] == ["/racord"]


@pytest.mark.parametrize("wish", ["90", format_datetime(NOW + timedelta(seconds=90), usegmt=True)])
async def test_what_the_partner_asks_us_to_wait_is_heard_in_seconds_and_as_a_date(
    server: PartnerServer, client: PartnerClient, wish: str
) -> None:
    server.answer = reply(429, retry_after=wish)
    answer = await client.push(server.endpoint(OLD), "dlv_1", BODY, NOW)
    assert (answer.verdict, answer.retry_after) == (Verdict.LATER, timedelta(seconds=90))


async def test_ten_thousand_services_go_out_whole_and_ten_thousand_rejections_come_back(
    server: PartnerServer, client: PartnerClient
) -> None:
    ids = [f"svc_{number:05}" for number in range(10_000)]
    body = json.dumps({"services": [{"id": id, "name": "Ecografie abdominală"} for id in ids]}).encode()
    server.answer = json_reply({"results": [{"id": id, "status": "rejected"} for id in ids]})
    answer = await client.push(server.endpoint(OLD), "dlv_1", body, NOW)
    assert server.received[0].body == body
    assert [item.id for item in answer.rejected] == ids


@pytest.mark.parametrize("body", [b"<html>", b'{"results": [', b"[" * 100_000])
async def test_an_answer_that_cannot_be_read_is_taken_and_says_so(
    server: PartnerServer, client: PartnerClient, body: bytes
) -> None:
    server.answer = reply(200, body)
    answer = await client.push(server.endpoint(OLD), "dlv_1", BODY, NOW)
    assert (answer.verdict, answer.rejected) == (Verdict.TAKEN, ())
    assert "not JSON" in answer.detail


async def test_a_packed_answer_is_not_unpacked(server: PartnerServer, client: PartnerClient) -> None:
    server.answer = reply(200, gzip.compress(bytes(20_000_000)), content_encoding="gzip")
    answer = await client.push(server.endpoint(OLD), "dlv_1", BODY, NOW)
    assert (answer.verdict, answer.rejected) == (Verdict.TAKEN, ())
    assert "compressed" in answer.detail
    server.answer = reply(200, content_encoding="gzip")
    assert (await client.push(server.endpoint(OLD), "dlv_1", BODY, NOW)).detail == "", "nothing was packed"


async def test_an_endless_answer_is_cut_and_counts_as_taken_without_results(
    server: PartnerServer, client: PartnerClient
) -> None:
    sent = 0
    hung_up = asyncio.Event()

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b'HTTP/1.1 200 OK\r\n\r\n{"results": [')
        try:
            while True:
                writer.write(b" " * 65_536)
                await writer.drain()
                sent += 65_536
        finally:
            hung_up.set()

    server.answer = endless
    answer = await client.push(server.endpoint(OLD), "dlv_1", BODY, NOW)
    assert (answer.verdict, answer.rejected) == (Verdict.TAKEN, ())
    assert "longer than 4 MB" in answer.detail
    await asyncio.wait_for(hung_up.wait(), PATIENCE)
    assert sent < 32_000_000, "more than the limit and what fits into the sockets was taken"


# --- no answer -----------------------------------------------------------------------------------------------------


async def _silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def _half(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{")
    await writer.drain()
    await asyncio.Event().wait()


@pytest.mark.parametrize("answer", [_silent, _half])
async def test_an_answer_that_does_not_come_in_time_means_later(
    server: PartnerServer, client: PartnerClient, answer: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "WHOLE_SECONDS", 0.3)
    server.answer = answer
    got = await client.push(server.endpoint(OLD), "dlv_1", BODY, NOW)
    assert (got.verdict, got.status, got.detail) == (Verdict.LATER, None, "no answer within 0.3 s")
    assert len(server.received) == 1


async def test_slow_partners_do_not_take_the_others_turns(
    server: PartnerServer, client: PartnerClient
) -> None:
    async with PartnerServer(_silent).serving() as slow:
        waiting = [
            asyncio.create_task(client.push(slow.endpoint(OLD), f"dlv_{number}", BODY, NOW))
            for number in range(120)
        ]
        while len(slow.received) < len(waiting):  # noqa: ASYNC110 - it is the other side's doing
            await asyncio.sleep(0.01)
        answer = await client.push(server.endpoint(OLD), "dlv_1", BODY, NOW)
        assert (answer.verdict, any(task.done() for task in waiting)) == (Verdict.TAKEN, False)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_patience_is_ten_seconds_as_the_partner_was_told() -> None:
    assert (client_module.CONNECT_SECONDS, client_module.WHOLE_SECONDS) == (5, 10)


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _half_and_hang_up(writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"resu')
    writer.close()


async def _not_http(writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n\r\n")
    writer.close()


async def _endless_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n" + b"x-more: and more\r\n" * 100_000)
    await writer.drain()


@pytest.mark.parametrize("answer", [_hang_up, _half_and_hang_up, _not_http, _endless_headers])
async def test_a_broken_answer_means_later(
    server: PartnerServer, client: PartnerClient, answer: Answering
) -> None:
    server.answer = answer
    got = await client.push(server.endpoint(OLD), "dlv_1", BODY, NOW)
    assert (got.verdict, got.status) == (Verdict.LATER, None)
    assert got.detail == "it hung up, or its answer is not HTTP"


async def test_no_connection_means_later(client: PartnerClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    endpoint = PartnerEndpoint.model_validate({"url": f"http://127.0.0.1:{port}/", "secrets": [OLD]})
    answer = await client.push(endpoint, "dlv_1", BODY, NOW)
    assert (answer.verdict, answer.status, answer.detail) == (Verdict.LATER, None, "no connection")


async def test_after_a_failure_the_same_client_delivers(server: PartnerServer, client: PartnerClient) -> None:
    server.answer = _half_and_hang_up
    await client.push(server.endpoint(OLD), "dlv_1", BODY, NOW)
    server.answer = reply(204)
    assert (await client.push(server.endpoint(OLD), "dlv_1", BODY, NOW)).verdict is Verdict.TAKEN


# --- what the partner holds ----------------------------------------------------------------------------------------


async def test_the_partner_says_what_it_holds(server: PartnerServer, client: PartnerClient) -> None:
    price = {"amount": "250.00", "currency": "RON"}
    server.answer = json_reply({
        "connection": "con_1", "sequence": 17,
        "services": [{"id": "svc_1", "name": "Ecografie", "duration_minutes": 25, "price": price}, {"id": "svc_2"}],
    })  # fmt: skip
    held = await client.held(server.endpoint(NEW, OLD), "con_1", NOW)
    first, second = (
        HeldService(id="svc_1", name="Ecografie", duration_minutes=25, price=price),
        HeldService(id="svc_2"),
    )
    assert held == Held(sequence=17, services=(first, second))
    (request,) = server.received
    assert (request.method, request.target, request.body) == ("GET", "/racord?connection=con_1", b"")
    signatures = request.headers["webhook-signature"].split(" ")
    assert signatures == [signature_by(NEW, request), signature_by(OLD, request)]


async def test_each_question_has_an_id_of_its_own(server: PartnerServer, client: PartnerClient) -> None:
    server.answer = json_reply({"services": []})
    for _ in range(2):
        await client.held(server.endpoint(OLD), "con_1", NOW)
    assert len({request.headers["webhook-id"] for request in server.received}) == 2


async def test_a_query_in_the_partners_address_is_kept(server: PartnerServer, client: PartnerClient) -> None:
    server.answer = json_reply({"services": []})
    endpoint = server.endpoint(OLD).model_copy(
        update={"url": f"http://127.0.0.1:{server.port}/?tenant=a%20b"}
    )
    await client.held(endpoint, "con_1", NOW)
    assert server.received[0].target in ("/?tenant=a%20b&connection=con_1", "/?tenant=a+b&connection=con_1")


@pytest.mark.parametrize(("status", "held"), [(404, Held()), (410, Held()), (405, None), (501, None)])
async def test_who_knows_nothing_holds_nothing_and_who_does_not_offer_it_says_so(
    server: PartnerServer, client: PartnerClient, status: int, held: Held | None
) -> None:
    server.answer = reply(status)
    assert await client.held(server.endpoint(OLD), "con_1", NOW) == held


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (reply(500), "it answered 500"),
        (reply(302, location="/"), "a redirect"),
        (reply(204), "not JSON"),
        (reply(200, b"<html>"), "not JSON"),
        (reply(200, b"{}"), "no “services”"),
        (reply(200, b"[]"), "no “services”"),
        (reply(200, b'{"services": [{"name": "no id"}]}'), "services.0.id"),
        (reply(200, b'{"services": 7}'), "services"),
        (reply(200, b'{"services": [], "connection": "con_2"}'), "another connection"),
        (reply(200, b"{}", content_encoding="gzip"), "compressed"),
        (reply(200, b" " * 4_194_305), "longer than 4 MB"),
    ],
)
async def test_an_answer_without_sense_is_never_taken_for_an_empty_one(
    server: PartnerServer, client: PartnerClient, answer: bytes, said: str
) -> None:
    server.answer = answer
    with pytest.raises(NoAnswer, match=said):
        await client.held(server.endpoint(OLD), "con_1", NOW)
