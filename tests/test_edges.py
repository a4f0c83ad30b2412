"""Connections of `quoth serve`: no more than may be held, and no delay before an answer."""

import json
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from process_support import running, said
from test_serve_log import SERVER

from ui.command.serve import listen

FEW = SERVER.replace("sys.exit(", "serve.CONNECTIONS = 3\nsys.exit(")


def test_with_too_many_connections_requests_are_refused_until_others_leave(tmp_path: Path) -> None:
    with running("-c", FEW, data=tmp_path) as server, ExitStack() as connections:
        url = json.loads(said(server))["url"]
        address = urlsplit(url)
        for _ in range(2):
            connections.enter_context(socket.create_connection((str(address.hostname), int(address.port or 0))))
        live = f"{url}/api/v1/live"
        assert httpx.get(live, timeout=60).status_code == 503
        connections.close()
        until = time.monotonic() + 60
        while (status := httpx.get(live, timeout=60).status_code) == 503 and time.monotonic() < until:
            time.sleep(0.05)
        assert status == 204


def test_an_answer_waits_for_no_acknowledgement() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
