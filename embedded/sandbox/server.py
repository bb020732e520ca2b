"""`racord sandbox`: serves the partners on loopback; closes, hangs and babbles where that is asked for."""

import select
import signal
import socket
import socketserver
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from embedded.ports import LOOPBACK
from embedded.sandbox.app import App, Manner, Reply, Request
from embedded.sandbox.keys import keys_of
from embedded.sandbox.state import State

LARGEST_BODY = 32 * 1024 * 1024
IDLE_SECONDS = 75.0
NOISE = b"\x00\xff 0 rows affected; ORA-03113\r\n\r\n" * 64


class Handler(BaseHTTPRequestHandler):
    """One connection, in a thread of its own."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together
    timeout = IDLE_SECONDS
    server: "Server"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def version_string(self) -> str:
        return "racord-sandbox"

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > LARGEST_BODY:
            self.close_connection = True
            return self._send(Reply(413, b'{"detail": "a body needs Content-Length, and at most 32 MB"}'))
        address = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(length))
        query = dict(parse_qsl(address.query))
        return self._carry_out(
            self.server.app.answer(Request(self.command, address.path, query, headers, body))
        )

    def _carry_out(self, reply: Reply) -> None:
        if reply.manner is Manner.ANSWER:
            time.sleep(reply.pause)
            return self._send(reply)
        self.close_connection = True
        if reply.manner is Manner.HANG:
            select.select([self.connection], [], [], reply.pause)
        if reply.manner is Manner.NOISE:
            self.wfile.write(NOISE)
        self.log_message("%s: %s", self.requestline, reply.manner.name.lower())
        return None

    def _send(self, reply: Reply) -> None:
        self.send_response(HTTPStatus(reply.status))
        extra = {"Content-Length": str(len(reply.body)), "Cache-Control": "no-store"}
        for name, value in {**reply.headers, **extra, "X-Content-Type-Options": "nosniff"}.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.status != HTTPStatus.NO_CONTENT:
            self.wfile.write(reply.body)


class Server(ThreadingHTTPServer):
    """Listens on loopback only."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, app: App) -> None:
        self.app = app
        super().__init__((LOOPBACK, port), Handler)

    def server_bind(self) -> None:
        """Without the look-up of the machine's name that the standard library makes."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def handle_error(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """A client that went away is no error of ours."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def serve(port: int, folder: Path, secrets: str) -> None:
    """Be the partners that ``secrets`` names until SIGTERM or SIGINT; state in ``folder``.

    Raises :class:`ValueError` for secrets that are none, and :class:`OSError` where it cannot listen.
    """
    keys = keys_of(secrets)
    state = State(folder)
    server = Server(port, App(state, keys))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    print(
        f"The sandbox's partners ({', '.join(keys)}) are at http://{LOOPBACK}:{server.server_port}/",
        flush=True,
    )
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    state.close()
