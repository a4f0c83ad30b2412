"""A server that is told to stop while pages are open, in a process of its own."""

import signal

import httpx
import pytest
from process_support import running, said

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
    with running("-c", SERVER) as server:
        address = f"http://127.0.0.1:{int(said(server))}"
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
