"""Clients that take their time: bodies, headers and connections, in process and over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager, suppress

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.server import ServerState

from ui.command.serve import listen
from ui.http.timeouts import impatient, within

FOREVER = 3600.0


def scope(method: str = "POST") -> Scope:
    return {"type": "http", "method": method, "path": "/", "headers": [], "query_string": b""}


def part(body: bytes, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(await Request(scope, receive).body())(scope, receive, send)


class Client:
    """Sends these parts, and then nothing; keeps what it is answered."""

    def __init__(self, *parts: Message) -> None:
        self._parts = list(parts)
        self.messages: list[Message] = []

    async def receive(self) -> Message:
        if not self._parts:
            await asyncio.Event().wait()
        return self._parts.pop(0)

    async def send(self, message: Message) -> None:
        self.messages.append(message)

    def visit(self, app: ASGIApp, method: str = "POST") -> Client:
        asyncio.run(app(scope(method), self.receive, self.send))
        return self

    @property
    def statuses(self) -> list[int]:
        return [message["status"] for message in self.messages if message["type"] == "http.response.start"]

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)


def api() -> FastAPI:
    app = FastAPI()

    @app.post("/")
    def ask(body: dict[str, str]) -> dict[str, str]:
        return body

    return app


@pytest.mark.parametrize("app", [echo, api()])
@pytest.mark.parametrize("parts", [[], [part(b'{"a":')], [part(b"{"), part(b'"')]])
def test_a_body_that_does_not_come_is_a_408_and_the_connection_ends(app: ASGIApp, parts: list[Message]) -> None:
    client = Client(*parts).visit(within(app, seconds=0.01))
    assert client.statuses == [408]
    start = client.messages[0]
    assert (b"connection", b"close") in start["headers"]
    assert (b"content-type", b"application/problem+json") in start["headers"]
    assert json.loads(client.body)["status"] == 408


def test_a_body_that_dribbles_for_ever_ends_all_the_same() -> None:
    class Dribbling(Client):
        async def receive(self) -> Message:
            await asyncio.sleep(0.005)
            return part(b"x")

    assert Dribbling().visit(within(echo, seconds=0.05)).statuses == [408]


def test_a_body_in_parts_comes_through_whole() -> None:
    client = Client(part(b"a"), part(b"b"), part(b"c", more=False)).visit(within(echo, seconds=FOREVER))
    assert (client.statuses, client.body) == ([200], b"abc")


def test_only_waiting_counts_not_what_the_app_does_besides() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.05)
        await receive()
        await asyncio.sleep(0.05)
        await echo(scope, receive, send)

    client = Client(part(b"a"), part(b"b"), part(b"c", more=False)).visit(within(slow, seconds=0.02))
    assert (client.statuses, client.body) == ([200], b"bc")


def test_after_the_body_one_may_listen_as_long_as_one_likes() -> None:
    async def listen(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        leaving = asyncio.create_task(receive())
        await asyncio.sleep(0.05)
        assert not leaving.done()
        leaving.cancel()
        await PlainTextResponse("still there")(scope, receive, send)

    assert Client(part(b"", more=False)).visit(within(listen, seconds=0.01), "GET").statuses == [200]


def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    async def early(scope: Scope, receive: Receive, send: Send) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"begun"
            assert (await receive())["type"] == "http.disconnect"
            yield b" and ended"

        response = StreamingResponse(chunks())
        await response.stream_response(send)

    client = Client().visit(within(early, seconds=0.01))
    assert (client.statuses, client.body) == ([200], b"begun and ended")


def test_a_client_that_leaves_is_not_one_that_is_slow() -> None:
    with pytest.raises(ClientDisconnect):
        Client({"type": "http.disconnect"}).visit(within(echo, seconds=FOREVER))


def test_other_errors_are_not_swallowed() -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        Client().visit(within(failing, seconds=0.01))


@contextmanager
def serving(app: ASGIApp, *, seconds: float, connections: int = 100, keep_alive: int = 600) -> Iterator[int]:
    """The port at which uvicorn serves `app` by the impatient protocol."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app,
            http=impatient(seconds=seconds, unread=0.2, connections=connections),
            log_level="critical",
            timeout_keep_alive=keep_alive,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(10)


def to(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def all_of(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    received = b""
    while chunk := connection.recv(65_536):
        received += chunk
    return received


def answer_of(connection: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"\r\n\r\nok"):
        chunk = connection.recv(65_536)
        assert chunk, received
        received += chunk
    return received


def refusal(port: int) -> bytes:
    """What is said to one more connection; that of a request, where there is room for it by now."""
    with to(port) as connection, suppress(ConnectionError):
        connection.sendall(GET)
        return connection.recv(65_536)
    return b""


async def ok(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await PlainTextResponse("ok")(scope, receive, send)


GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


def test_a_connection_that_says_nothing_is_closed() -> None:
    with serving(ok, seconds=0.05) as port, to(port) as connection:
        assert all_of(connection) == b""


def test_headers_that_do_not_end_are_a_408() -> None:
    with serving(ok, seconds=0.05) as port, to(port) as connection:
        connection.sendall(GET[:-2])
        answer = all_of(connection)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close\r\n" in answer


def test_no_more_connections_than_may_are_held() -> None:
    with serving(ok, seconds=FOREVER, connections=2) as port:
        held = [to(port) for _ in range(2)]
        for connection in held:
            connection.sendall(GET)
            assert b" 200 OK" in answer_of(connection)
        with to(port) as one_more:
            said = all_of(one_more)
        assert said.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1\r\n" in said
        held[0].sendall(GET)
        assert b" 200 OK" in answer_of(held[0])
        for connection in held:
            connection.close()


def test_who_does_not_read_what_was_asked_for_is_given_up_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def much(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await PlainTextResponse("x" * 20_000_000)(scope, receive, send)

    with serving(much, seconds=FOREVER, connections=1) as port, to(port) as connection:
        connection.sendall(GET)
        until = time.monotonic() + 30
        # its place is free again
        while b" 200 " not in refusal(port) and time.monotonic() < until:
            time.sleep(0.05)
        assert time.monotonic() < until
    assert "a connection was given up: what was sent is not read (from 127.0.0.1)" in caplog.messages
    assert "a connection was refused: there are as many as may be (from 127.0.0.1)" in caplog.messages


def test_who_reads_slowly_but_reads_is_not_given_up() -> None:
    async def busy(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    async def scene() -> None:
        line = Line(busy)
        line.send(GET)
        for _ in range(5):
            line.protocol.pause_writing()
            await after(25)
            line.protocol.resume_writing()
        assert not line.wire.closed
        line.protocol.pause_writing()
        await after(29)
        assert not line.wire.closed
        await after(1)
        assert line.wire.closed
        line.break_off()

    played(scene())


def test_a_slow_body_ends_with_its_connection() -> None:
    with serving(within(echo, seconds=0.05), seconds=FOREVER) as port, to(port) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nsome")
        assert all_of(connection).startswith(b"HTTP/1.1 408 ")


class Loop(asyncio.SelectorEventLoop):
    """One whose time passes only when it is told so."""

    now = 0.0

    def time(self) -> float:
        return self.now


class Wire(asyncio.Transport):
    """A transport to nowhere, which keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Line:
    """A connection to the impatient protocol, which waits 10 seconds for headers."""

    def __init__(self, app: ASGIApp, state: ServerState | None = None) -> None:
        config = uvicorn.Config(app, log_level="critical", timeout_keep_alive=30)
        self.protocol = impatient(seconds=10, unread=30, connections=2)(config, state or ServerState(), {})
        self.wire = Wire()
        self.protocol.connection_made(self.wire)

    def send(self, data: bytes) -> None:
        self.protocol.data_received(data)

    def break_off(self) -> None:
        self.protocol.connection_lost(None)


async def after(seconds: float) -> None:
    """Lets this much of the loop's time pass, and everything happen that is due."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Loop)
    loop.now += seconds
    for _ in range(10):
        await asyncio.sleep(0)


def played(scene: Coroutine[None, None, None]) -> None:
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(scene)


def test_headers_may_take_so_long_and_no_longer_however_they_dribble() -> None:
    async def scene() -> None:
        line = Line(ok)
        for character in GET[:9]:
            line.send(bytes([character]))
            await after(1)
        assert not line.wire.closed
        line.send(GET[9:10])
        await after(1)
        assert line.wire.closed
        assert line.wire.written.startswith(b"HTTP/1.1 408 ")

    played(scene())


def test_so_do_those_of_later_requests_and_between_them_it_is_the_keep_alive_that_holds() -> None:
    async def scene() -> None:
        line = Line(ok)
        for number in (1, 2):
            line.send(GET[:9])
            await after(9)
            line.send(GET[9:])
            await after(0)
            assert line.wire.written.count(b" 200 OK") == number
            await after(29)
            assert not line.wire.closed
        for character in GET[:10]:
            line.send(bytes([character]))
            await after(1)
        assert line.wire.closed
        assert line.wire.written.count(b" 408 ") == 1

    played(scene())


def test_an_answer_and_a_body_may_take_longer_than_headers_may() -> None:
    async def scene() -> None:
        line = Line(echo)
        line.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n")
        for character in b"ok":
            await after(60)
            line.send(bytes([character]))
        await after(0)
        assert line.wire.written.endswith(b"\r\n\r\nok")
        assert not line.wire.closed
        await after(30)
        assert line.wire.closed

    played(scene())


def test_a_connection_that_was_closed_is_not_waited_for() -> None:
    async def scene() -> None:
        line = Line(ok)
        line.send(GET[:9])
        line.break_off()
        await after(60)
        assert line.wire.written == b""

    played(scene())


def test_who_comes_when_the_house_is_full_is_turned_away_until_others_leave() -> None:
    async def scene() -> None:
        state = ServerState()
        lines = [Line(ok, state) for _ in range(3)]
        assert [line.wire.closed for line in lines] == [False, False, True]
        # as asyncio does once a connection has been closed
        lines[2].break_off()
        await after(10)
        for line in lines[:2]:
            assert line.wire.closed
            line.break_off()
        assert not Line(ok, state).wire.closed

    played(scene())


def test_what_is_refused_unread_ends_its_connection() -> None:
    async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("no", 401)(scope, receive, send)

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        await PlainTextResponse("yes")(scope, receive, send)

    def connection(app: ASGIApp, body: bytes) -> str | None:
        return TestClient(within(app, seconds=5)).post("/", content=body).headers.get("connection")

    assert connection(refusing, b"x") == "close"
    assert connection(refusing, b"") is None
    assert connection(reading, b"x") is None


def test_an_answer_waits_for_no_acknowledgement() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
