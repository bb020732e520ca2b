"""The zero-set-up stack, with real servers: what is kept, what is refused, what comes back."""

import asyncio
import json
import os
import shutil
import signal
import smtplib
import socket
import sys
import tempfile
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

import psycopg
import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from adapters.temporal_bootstrap import RETENTION, TemporalBootstrapError, bootstrap
from domain.names import SEARCH_PARTNER, SEARCH_STATUS
from embedded import ports, prepared, process
from embedded.home import Home, HomeUnusableError
from embedded.lock import AlreadyLockedError, Lock
from embedded.postgres import Postgres
from embedded.temporal import TemporalServer, arguments, binary


@pytest.fixture
def folder() -> Iterator[Path]:
    """Unlike pytest's own, one that Postgres's user may enter."""
    made = Path(tempfile.mkdtemp(prefix="racord-test-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


def killed(server: Postgres | TemporalServer) -> None:
    """End the server and its owner's grip on it, as kill -9 of both would."""
    assert server._process is not None
    server._process.kill()
    server._process.wait()
    server._process = None
    server.release()


class TestPostgres:
    def test_data_survives_a_kill_and_the_folder_has_one_owner(self, folder: Path) -> None:
        server = Postgres(folder / "pg", durable=False).start()
        with psycopg.connect(server.url) as session:
            session.execute("CREATE TABLE kept AS SELECT 7 AS number")
        with pytest.raises(AlreadyLockedError):
            Lock(server.folder / "lock").acquire()
        killed(server)
        with Postgres(folder / "pg", durable=False) as again, psycopg.connect(again.url) as session:
            assert session.execute("SELECT number FROM kept").fetchone() == (7,)

    def test_a_server_that_outlived_its_owner_is_ended(self, folder: Path) -> None:
        orphan = Postgres(folder / "pg", durable=False).start()
        assert orphan._process is not None
        survivor = orphan._process
        orphan.release()
        with Postgres(folder / "pg", durable=False) as again:
            assert survivor.wait(60) == 0
            assert again.is_ready()

    def test_a_pid_file_whose_number_belongs_to_somebody_else_does_not_block(self, folder: Path) -> None:
        server = Postgres(folder / "pg", durable=False).start()
        killed(server)
        pid_file = (server.folder / "data").resolve() / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
        with Postgres(folder / "pg", durable=False) as again:
            assert again.is_ready()

    def test_an_interrupted_creation_is_begun_anew(self, folder: Path) -> None:
        (folder / "pg" / "data.new-0000").mkdir(parents=True)
        with Postgres(folder / "pg", durable=False) as server:
            assert server.is_ready()
            assert not (folder / "pg" / "data.new-0000").exists()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as another user")
    def test_under_a_closed_folder_root_keeps_the_data_elsewhere(self, folder: Path) -> None:
        folder.chmod(0o700)
        server = Postgres(folder / "pg", durable=False).start()
        elsewhere = (folder / "pg" / "data").readlink()
        killed(server)
        with Postgres(folder / "pg", durable=False) as again:
            assert again.is_ready()
        again.remove()
        assert not elsewhere.parent.exists()


class TestTemporal:
    async def test_workflows_survive_a_kill_and_the_file_has_one_owner(self, folder: Path) -> None:
        server = await asyncio.to_thread(TemporalServer(folder).start)
        client = await Client.connect(server.address)
        await client.start_workflow("Kept", id="kept", task_queue="nobody")
        with pytest.raises(AlreadyLockedError):
            Lock(folder / "lock").acquire()
        await asyncio.to_thread(killed, server)
        with TemporalServer(folder, server.port) as again:
            client = await Client.connect(again.address)
            assert (await client.get_workflow_handle("kept").describe()).id == "kept"

    async def test_bootstrap_may_be_repeated_and_notices_a_wrong_type(self) -> None:
        with TemporalServer() as server:
            client = await Client.connect(server.address)
            await bootstrap(client)
            await bootstrap(client)
            found = await client.workflow_service.describe_namespace(
                DescribeNamespaceRequest(namespace="default")
            )
            assert found.config.workflow_execution_retention_ttl.ToTimedelta() == RETENTION
            address = ("--address", server.address)
            await _temporal(
                "operator", "search-attribute", "remove", "--name", SEARCH_STATUS, "--yes", *address
            )
            await _temporal(
                "operator", "search-attribute", "create", "--name", SEARCH_STATUS, "--type", "Int", *address
            )
            with pytest.raises(TemporalBootstrapError, match=SEARCH_STATUS) as refused:
                await bootstrap(client)
            assert SEARCH_PARTNER not in str(refused.value)

    async def test_bootstrap_makes_a_namespace_that_does_not_exist(self) -> None:
        with TemporalServer() as server:
            client = await Client.connect(server.address, namespace="racord")
            await bootstrap(client)
            handle = await client.start_workflow("Any", id="any", task_queue="nobody")
            assert (await handle.describe()).id == "any"

    def test_time_skipping_is_for_tests_only(self) -> None:
        flag = "frontend.WorkflowTimeSkippingEnabled=true"
        assert flag not in arguments(port=1, http_port=2)
        assert flag in arguments(port=1, http_port=2, time_skipping=True)


class TestCatcher:
    @pytest.fixture
    def port(self, tmp_path: Path) -> Iterator[int]:
        port = ports.any_free()
        argv = (
            sys.executable,
            "-m",
            "embedded.catcher",
            "--port",
            str(port),
            "--dir",
            str(tmp_path / "mail"),
        )
        running = process.spawn(argv, log=tmp_path / "log")
        assert process.wait_until(lambda: ports.listens(port), 60)
        yield port
        process.end(running, signal.SIGTERM, 5)
        assert running.returncode == 0

    def test_a_message_is_kept_with_its_envelope_and_refused_recipients_are_not(
        self, tmp_path: Path, port: int
    ) -> None:
        with smtplib.SMTP(ports.LOOPBACK, port) as client:
            recipients = ["ana@example.ro", "refuse-4xx@example.ro", "refuse-5xx@example.ro"]
            refused = client.sendmail(
                "racord@example.ro", recipients, "Subject: Bună\r\n\r\nText\r\n".encode()
            )
        assert {address: code for address, (code, _) in refused.items()} == {
            recipients[1]: 451,
            recipients[2]: 550,
        }
        (kept,) = (tmp_path / "mail").glob("*")
        message = message_from_bytes(kept.read_bytes())
        assert message["X-Envelope-From"] == "racord@example.ro"
        assert message.get_all("X-Envelope-To") == ["ana@example.ro"]
        assert message.get_payload() == "Text\r\n"


class TestPrepared:
    def test_it_holds_until_a_source_changes_or_a_store_goes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(prepared, "PROJECT", tmp_path)
        for name in prepared.SOURCES:
            (tmp_path / name).write_text("")
        store = tmp_path / "store"
        store.mkdir()
        assert not prepared.Prepared(store).holds()
        prepared.Prepared(store).mark()
        assert prepared.Prepared(store).holds()
        (tmp_path / "cli.py").write_text("changed")
        assert not prepared.Prepared(store).holds()
        prepared.Prepared(store).mark()
        (store / prepared.MARK).unlink()
        assert not prepared.Prepared(store).holds()


class TestPorts:
    @pytest.fixture
    def taken(self) -> Iterator[int]:
        with socket.create_server((ports.LOOPBACK, 0)) as server:
            yield server.getsockname()[1]

    def test_a_port_asked_for_and_taken_is_named(self, tmp_path: Path, taken: int) -> None:
        with pytest.raises(ports.PortTakenError, match=str(taken)):
            ports.choose(tmp_path / "ports.json", taken)

    def test_a_remembered_port_is_kept_while_free_and_replaced_when_taken(
        self, tmp_path: Path, taken: int
    ) -> None:
        free = ports.any_free()
        memory = tmp_path / "ports.json"
        memory.write_text(json.dumps({"postgres": free, "smtp": taken}))
        chosen = ports.choose(memory, None)
        assert chosen["postgres"] == free
        assert chosen["smtp"] > taken
        assert json.loads(memory.read_text()) == chosen


class TestHome:
    def test_secrets_are_made_once_and_are_the_owners_alone(self, folder: Path) -> None:
        environment = Home.open(folder / "home").environment(_SOME_PORTS, "postgresql://")
        again = Home.open(folder / "home").environment(_SOME_PORTS, "postgresql://")
        assert environment["RACORD_SECRET_KEYS"] == again["RACORD_SECRET_KEYS"]
        assert (folder / "home" / "secret-key").stat().st_mode & 0o077 == 0
        assert (folder / "home").stat().st_mode & 0o067 == 0

    def test_surroundings_override_all_but_the_embedded_servers(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("RACORD_SUPPORT_EMAIL", "desk@example.ro")
        monkeypatch.setenv("RACORD_DATABASE_URL", "postgresql://production")
        environment = Home.open(folder).environment(_SOME_PORTS, "postgresql://embedded")
        assert environment["RACORD_SUPPORT_EMAIL"] == "desk@example.ro"
        assert environment["RACORD_DATABASE_URL"] == "postgresql://embedded"

    def test_a_folder_that_cannot_be_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(HomeUnusableError, match="file"):
            Home.open(tmp_path / "file")


_SOME_PORTS = {ports.API: 8000} | dict(ports.PREFERRED)


async def _temporal(*words: str) -> None:
    running = await asyncio.create_subprocess_exec(str(binary()), *words, stdout=asyncio.subprocess.DEVNULL)
    assert await running.wait() == 0
