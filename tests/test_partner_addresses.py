"""Where the partner client may connect: checked addresses only, looked up once, and TLS proves the host's name."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from httpcore2 import SOCKET_OPTION, AnyIOBackend, AsyncNetworkStream, ConnectError

from adapters.partners import client as client_module
from adapters.partners.addresses import CheckedNetwork, is_public
from adapters.partners.client import NoAnswer, PartnerClient
from adapters.partners.endpoints import PartnerEndpoint
from domain.delivery import PushAnswer, Verdict
from tests.partner_server import PartnerServer, reply
from tests.stack import settings_for

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
NOW = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
PUBLIC, PUBLIC_6 = "93.184.215.14", "2606:4700::6810:84e5"

CLOSED = {
    "this machine": "127.0.0.1 127.8.9.10 ::1",
    "private": "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 fc00::1 fd12:3456::1 fec0::1",
    "a carrier's": "100.64.0.1 100.127.255.255",
    "unspecified": "0.0.0.0 0.1.2.3 ::",
    "link-local": "169.254.1.1 fe80::1 fe80::1%eth0",
    "a cloud's metadata": "169.254.169.254 fd00:ec2::254 100.100.100.200 168.63.129.16",
    "multicast": "224.0.0.1 239.255.255.250 ff02::1 ff0e::1",
    "broadcast and reserved": "255.255.255.255 240.0.0.1 4000::1 5f00::1",
    "special": "192.0.0.8 192.0.0.170 192.88.99.1 198.18.0.1 100::1",
    "documentation": "192.0.2.1 198.51.100.1 203.0.113.1 2001:db8::1 3fff::1",
    "mapped": "::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0.0.0.0",
    "compatible and translated": "::127.0.0.1 ::ffff:0:127.0.0.1 ::ffff:0:93.184.215.14",
    "NAT64": "64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b:1::8.8.8.8",
    "6to4": "2002:7f00:1:: 2002:a00:1::1 2002:a9fe:a9fe::1",
    "Teredo": "2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:0:7f00:1::",
}
TABLE = [(kind, address) for kind, addresses in CLOSED.items() for address in addresses.split()]
OPEN = [PUBLIC, PUBLIC_6, "8.8.8.8", "172.32.0.1", "100.128.0.1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]  # fmt: skip


class Names:
    """A resolver that gives one list of addresses after the other, and counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Recording(AnyIOBackend):
    """Writes down where a connection was wanted to, and leads it to the test's own server."""

    def __init__(self, dead: Iterable[str] = ()) -> None:
        self.wanted: list[str] = []
        self.dead = set(dead)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        self.wanted.append(host)
        if host in self.dead:
            raise ConnectError("it is dead")
        return await super().connect_tcp("127.0.0.1", port, timeout, local_address, socket_options)


@pytest.fixture
async def server() -> AsyncIterator[PartnerServer]:
    async with PartnerServer(reply(204)).serving() as server:
        yield server


@pytest.fixture
def network() -> Recording:
    return Recording()


def client(
    network: Recording | None, names: Names, hosts: str = "", tls: ssl.SSLContext | None = None
) -> PartnerClient:
    settings = settings_for("postgresql://db", "127.0.0.1:1", 1, partner_private_hosts=hosts)
    return PartnerClient(settings, names, network=network, tls=tls)


async def push(client: PartnerClient, server: PartnerServer, host: str = "partner.example") -> PushAnswer:
    return await client.push(server.endpoint(SECRET, host=host), "dlv_1", b"{}", NOW)


# --- which addresses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", OPEN)
def test_a_public_address_is_public_also_behind_a_translation(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(("kind", "address"), TABLE)
async def test_nothing_is_connected_to_an_address_that_is_not_public(
    kind: str, address: str, server: PartnerServer, network: Recording
) -> None:
    async with client(network, Names([address])) as asking:
        answer = await push(asking, server)
        with pytest.raises(NoAnswer, match="not allowed"):
            await asking.held(server.endpoint(SECRET, host="partner.example"), "con_1", NOW)
    assert (answer.verdict, answer.status) == (Verdict.REFUSED, None)
    assert "partner.example" in answer.detail
    assert "RACORD_PARTNER_PRIVATE_HOSTS" in answer.detail
    assert (network.wanted, server.connections) == ([], 0), kind


@pytest.mark.parametrize(
    "found", [[PUBLIC, "10.0.0.1"], ["10.0.0.1", PUBLIC], [PUBLIC_6, PUBLIC, "8.8.8.8", "8.8.4.4", "::1"]]
)
async def test_one_private_address_among_public_ones_is_enough_to_refuse(
    found: list[str], server: PartnerServer, network: Recording
) -> None:
    async with client(network, Names(found)) as asking:
        assert (await push(asking, server)).verdict is Verdict.REFUSED
    assert network.wanted == []


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.1", "0x7f.1", "2130706433", "0", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_no_spelling_of_this_machine_passes_the_systems_own_resolver(
    host: str, server: PartnerServer
) -> None:
    settings = settings_for("postgresql://db", "127.0.0.1:1", 1)
    async with PartnerClient(settings) as asking:
        assert (await push(asking, server, host)).verdict is Verdict.REFUSED
    assert server.connections == 0


# --- one look-up ---------------------------------------------------------------------------------------------------


async def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    server: PartnerServer, network: Recording
) -> None:
    names = Names([PUBLIC], ["127.0.0.1"])
    async with client(network, names) as asking:
        assert (await push(asking, server)).verdict is Verdict.TAKEN
    assert (names.asked, network.wanted) == (["partner.example"], [PUBLIC])


async def test_a_name_that_was_rebound_is_refused_at_the_next_connection(
    server: PartnerServer, network: Recording
) -> None:
    server.answer = reply(204, connection="close")
    names = Names([PUBLIC], ["127.0.0.1"])
    async with client(network, names) as asking:
        verdicts = [(await push(asking, server)).verdict for _ in range(2)]
    assert verdicts == [Verdict.TAKEN, Verdict.REFUSED]
    assert (len(names.asked), network.wanted) == (2, [PUBLIC])


async def test_a_redirect_into_the_private_network_is_not_followed(
    server: PartnerServer, network: Recording
) -> None:
    server.answer = reply(302, location="http://169.254.169.254/latest/meta-data/")
    names = Names([PUBLIC])
    async with client(network, names) as asking:
        assert (await push(asking, server)).verdict is Verdict.LATER
    assert (names.asked, network.wanted) == (["partner.example"], [PUBLIC])


async def test_where_one_address_is_dead_the_next_one_serves(server: PartnerServer) -> None:
    network = Recording(dead=[PUBLIC_6])
    async with client(network, Names([PUBLIC_6, PUBLIC, PUBLIC])) as asking:
        assert (await push(asking, server)).verdict is Verdict.TAKEN
    assert network.wanted == [PUBLIC_6, PUBLIC]


async def test_where_all_are_dead_three_are_tried(server: PartnerServer) -> None:
    found = [PUBLIC, "8.8.8.8", "8.8.4.4", "9.9.9.9"]
    network = Recording(dead=found)
    async with client(network, Names(found)) as asking:
        answer = await push(asking, server)
    assert (answer.verdict, answer.detail) == (Verdict.LATER, "no connection")
    assert network.wanted == found[:3]


class _Nothing(Names):
    async def __call__(self, host: str, port: int) -> Sequence[str]:
        raise OSError("Name or service not known")


@pytest.mark.parametrize("names", [_Nothing(), Names([])])
async def test_a_name_that_leads_nowhere_means_later(
    names: Names, server: PartnerServer, network: Recording
) -> None:
    async with client(network, names) as asking:
        answer = await push(asking, server)
    assert (answer.verdict, answer.detail) == (Verdict.LATER, "no connection")
    assert network.wanted == []


class _Pondering(Names):
    async def __call__(self, host: str, port: int) -> Sequence[str]:
        return await asyncio.Future()


async def test_the_look_up_counts_into_the_connections_time(
    server: PartnerServer, network: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "CONNECT_SECONDS", 0.2)
    async with client(network, _Pondering()) as asking:
        answer = await push(asking, server)
    assert (answer.verdict, answer.detail) == (Verdict.LATER, "no connection within 0.2 s")
    assert network.wanted == []


# --- the allow-list ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hosts", "host"),
    [("partner.example", "partner.example"), ("other.example, Partner.Example", "PARTNER.example"),
     ("127.0.0.1", "127.0.0.1"), ("::1", "[0:0::1]"), ("[::1]", "[::1]"), ("müller.example", "xn--mller-kva.example")],
)  # fmt: skip
async def test_a_host_on_the_list_may_be_private(
    hosts: str, host: str, server: PartnerServer, network: Recording
) -> None:
    async with client(network, Names(["127.0.0.1"]), hosts) as asking:
        assert (await push(asking, server, host)).verdict is Verdict.TAKEN
    assert network.wanted == ["127.0.0.1"]


@pytest.mark.parametrize("host", ["a.partner.example", "partner.example.evil.example", "xpartner.example"])
async def test_the_list_names_whole_hosts(host: str, server: PartnerServer, network: Recording) -> None:
    async with client(network, Names(["127.0.0.1"]), "partner.example") as asking:
        assert (await push(asking, server, host)).verdict is Verdict.REFUSED
    assert network.wanted == []


async def test_the_network_refuses_by_itself_whoever_asks_it(network: Recording) -> None:
    with pytest.raises(Exception, match=r"partner\.example leads to 10\.0\.0\.1"):
        await CheckedNetwork((), Names(["10.0.0.1"]), network).connect_tcp("partner.example", 443)


# --- TLS -----------------------------------------------------------------------------------------------------------


def certificate(folder: Path, host: str) -> Path:
    """A certificate that signs itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    start = datetime.now(UTC) - timedelta(days=1)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), start, start + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    unlocked = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unlocked)
    file = folder / "certificate.pem"
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@asynccontextmanager
async def serving_tls(file: Path) -> AsyncIterator[PartnerServer]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    async with PartnerServer(reply(204), tls=context).serving() as server:
        yield server


async def test_a_certificate_that_signs_itself_is_refused(tmp_path: Path, network: Recording) -> None:
    async with (
        serving_tls(certificate(tmp_path, "partner.example")) as server,
        client(network, Names([PUBLIC])) as asking,
    ):
        answer = await push(asking, server)
        assert (answer.verdict, answer.status, server.received) == (Verdict.LATER, None, [])
    assert answer.detail.startswith("its certificate is not valid: self")


@pytest.mark.parametrize(
    ("host", "verdict"), [("partner.example", Verdict.TAKEN), ("other.example", Verdict.LATER)]
)
async def test_the_certificate_is_compared_with_the_name_not_with_the_address(
    tmp_path: Path, network: Recording, host: str, verdict: Verdict
) -> None:
    file = certificate(tmp_path, "partner.example")
    trusting = ssl.create_default_context(cafile=file)
    async with serving_tls(file) as server, client(network, Names([PUBLIC]), tls=trusting) as asking:
        answer = await push(asking, server, host)
        assert answer.verdict is verdict
        assert len(server.received) == (verdict is Verdict.TAKEN)
    assert ("certificate is not valid" in answer.detail) is (verdict is Verdict.LATER)


async def test_the_allow_list_lifts_the_check_of_the_address_not_that_of_the_certificate(
    tmp_path: Path, network: Recording
) -> None:
    async with (
        serving_tls(certificate(tmp_path, "partner.example")) as server,
        client(network, Names(["127.0.0.1"]), "partner.example") as asking,
    ):
        assert "certificate is not valid" in (await push(asking, server)).detail
        assert server.received == []


async def test_a_server_without_tls_gets_no_request(network: Recording) -> None:
    got: list[bytes] = []

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(400))
        got.append(await reader.read())
        writer.close()

    listening = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    endpoint = PartnerEndpoint.model_validate(
        {"url": f"https://partner.example:{port}/", "secrets": [SECRET]}
    )
    async with listening, client(network, Names([PUBLIC])) as asking:
        answer = await asking.push(endpoint, "dlv_1", b"{}", NOW)
    assert (answer.verdict, answer.detail) == (Verdict.LATER, "no connection with TLS")
    assert not any(b"POST" in sent for sent in got)
