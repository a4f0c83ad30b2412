"""A server that is told to stop while pages are open, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

# As `quoth serve` does it, but with the stand-in for the answerer.
SERVER = """
import contextlib, socket, uvicorn
from page_support import FakeAnswerer, app_of, article
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
config = uvicorn.Config(
    app_of(FakeAnswerer(article())), log_level="warning", access_log=False, timeout_graceful_shutdown=60
)
with contextlib.suppress(KeyboardInterrupt):
    uvicorn.Server(config).run(sockets=[listener])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_at_once_and_without_a_word(number: signal.Signals) -> None:
    here = Path(__file__).parent
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(here.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with server:
        try:
            assert server.stdout is not None
            address = f"http://127.0.0.1:{int(server.stdout.readline())}"
            with (
                httpx.Client(base_url=address, timeout=60) as client,
                client.stream("GET", "/gradio_api/heartbeat/one") as one,
                client.stream("GET", "/gradio_api/heartbeat/two") as two,
            ):
                streams = [one.iter_text(), two.iter_text()]
                assert ["ALIVE" in next(stream) for stream in streams] == [True, True]
                server.send_signal(number)
                # ended as an answer ends, not cut off
                assert ["".join(stream) for stream in streams] == ["", ""]
            # it would wait for a minute, and the streams end by themselves never
            _, complaints = server.communicate(timeout=45)
            assert complaints == ""
        finally:
            server.kill()
