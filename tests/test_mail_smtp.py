"""The mailer against a real SMTP server: all recipients or none, and “sent” only by the server's word."""

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.mail import smtp
from adapters.mail.smtp import MessageRefused, RecipientRefused, TryLater, Unknown
from tests.test_mail_server import MailServer, mailer

SENDER, ANA, DAN = "racord@racord.example", "ana@partner.example", "dan@partner.example"
MESSAGE = b"Subject: hello\r\n\r\n.a line that begins with a dot\r\n"


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with MailServer().serving() as server:
        yield server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for `localhost` that nobody trusts, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: it makes the certificate for this test")
    folder = tmp_path_factory.mktemp("certificate")
    made, key = folder / "certificate.pem", folder / "key.pem"
    command = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


@pytest.fixture
def tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


async def test_the_servers_answer_with_its_queue_id_is_the_proof(server: MailServer) -> None:
    answer = await mailer(server).send(MESSAGE, SENDER, [ANA, DAN])
    assert answer == "250 2.0.0 Ok: queued as 1"
    assert (server.taken[0].mail_from, server.taken[0].rcpt_tos) == (SENDER, [ANA, DAN])
    assert server.taken[0].content == MESSAGE


async def test_a_recipient_refused_for_good_means_that_nobody_gets_it(server: MailServer) -> None:
    server.answers[DAN] = "550 5.1.1 No such user"
    with pytest.raises(RecipientRefused) as refused:
        await mailer(server).send(MESSAGE, SENDER, [ANA, DAN])
    assert (refused.value.address, refused.value.answer) == (DAN, "550 5.1.1 No such user")
    assert DAN in str(refused.value)
    assert server.commands == ["MAIL", "RSET"]
    assert server.taken == []


async def test_a_recipient_refused_for_now_means_later_for_all(server: MailServer) -> None:
    server.answers[ANA] = "451 4.7.1 Greylisted, try again in five minutes"
    with pytest.raises(TryLater, match="Greylisted"):
        await mailer(server).send(MESSAGE, SENDER, [ANA, DAN])
    assert server.commands == ["MAIL", "RSET"]


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ({"DATA": "554 5.7.1 Looks like spam"}, MessageRefused),
        ({"DATA": "452 4.3.1 Disk full"}, TryLater),
        ({"DATA": "299 What?"}, Unknown),
        ({"DATA": "drop"}, Unknown),
        ({"MAIL": "553 5.1.8 Sender unknown"}, MessageRefused),
        ({"MAIL": "451 4.3.0 Busy"}, TryLater),
        ({ANA: "421 4.3.2 Closing"}, TryLater),
        ({ANA: "drop"}, TryLater),
    ],
)
async def test_every_answer_has_one_meaning(
    server: MailServer, answers: dict[str, str], verdict: type[Exception]
) -> None:
    server.answers |= answers
    with pytest.raises(smtp.MailError) as raised:
        await mailer(server).send(MESSAGE, SENDER, [ANA])
    assert type(raised.value) is verdict


async def test_a_server_that_falls_silent_after_data_leaves_it_unknown(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "WHOLE_SECONDS", 0.3)
    server.answers["DATA"] = "silence"
    with pytest.raises(Unknown):
        await mailer(server).send(MESSAGE, SENDER, [ANA])


async def test_a_server_that_is_not_there_means_later() -> None:
    with pytest.raises(TryLater, match="cannot be reached"):
        await mailer(MailServer(port=1)).send(MESSAGE, SENDER, [ANA])


async def test_without_starttls_no_recipient_and_no_byte_of_the_message_go_out(server: MailServer) -> None:
    with pytest.raises(TryLater, match="STARTTLS"):
        await mailer(server, smtp_security="starttls").send(MESSAGE, SENDER, [ANA])
    assert server.commands == []


@pytest.mark.parametrize(("security", "implicit"), [("starttls", False), ("tls", True)])
async def test_a_certificate_that_nobody_vouches_for_stops_everything(
    tls: ssl.SSLContext, security: str, implicit: bool
) -> None:
    async with MailServer(tls=tls, implicit_tls=implicit).serving() as server:
        wary = mailer(server, smtp_security=security, smtp_host="localhost")
        with pytest.raises(TryLater, match=r"(?i)certificate"):
            await wary.send(MESSAGE, SENDER, [ANA])
        assert server.commands == []


@pytest.mark.parametrize(("security", "implicit"), [("starttls", False), ("tls", True)])
async def test_a_server_that_proves_who_it_is_gets_the_message(
    tls: ssl.SSLContext, certificate: tuple[Path, Path], security: str, implicit: bool
) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    async with MailServer(tls=tls, implicit_tls=implicit).serving() as server:
        sure = mailer(server, trusting, smtp_security=security, smtp_host="localhost")
        assert (await sure.send(MESSAGE, SENDER, [ANA])).startswith("250")
        stranger = mailer(server, trusting, smtp_security=security, smtp_host="127.0.0.1")
        with pytest.raises(TryLater, match=r"(?i)certificate"):
            await stranger.send(MESSAGE, SENDER, [ANA])
        assert len(server.taken) == 1


async def test_a_login_that_fails_waits_for_the_operator(
    tls: ssl.SSLContext, certificate: tuple[Path, Path]
) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    async with MailServer(tls=tls).serving() as server:
        unknown = mailer(
            server,
            trusting,
            smtp_security="starttls",
            smtp_host="localhost",
            smtp_username="racord",
            smtp_password="wrong",
        )
        with pytest.raises(TryLater):
            await unknown.send(MESSAGE, SENDER, [ANA])
        assert server.commands == []
