"""Tries quoth with every way out of this machine shut. A process of its own, since what is shut stays shut:

    python -m ui.command.try_offline < SETTINGS      the settings as JSON; prints what was found, as JSON

An audit hook sees every connection and look-up that Python makes, whoever asks for it, and cannot be removed again.
"""

from __future__ import annotations

import ipaddress
import json
import os
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rag.answer import Answerer
    from ui.settings import ServerSettings as Settings

_CONNECTIONS = ("socket.connect", "socket.sendto", "socket.sendmsg")
_LOOK_UPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
_QUESTION = "Is everything in order?"
_TEXT = "Nothing is fetched: it is all here."
_TEXT_TOKENS = 9
"""What the text is in the vocabulary that is meant."""


def packed(settings: Settings) -> bytes:
    """The settings as they are handed to this process."""
    return settings.model_dump_json().encode()


def unpacked(given: bytes) -> Settings:
    """The settings that `packed` made this of."""
    from ui.settings import ServerSettings

    return ServerSettings.model_validate_json(given)


def shut() -> list[str]:
    """Refuses from now on whatever would leave this machine; the list that grows by each attempt."""
    attempts: list[str] = []

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _CONNECTIONS:
            address = arguments[1]
            # an address that is no tuple is a socket in the file system
            host = address[0] if isinstance(address, tuple) else None
        elif event in _LOOK_UPS:
            host = arguments[0]
        else:
            return
        if not _is_here(host):
            attempts.append(str(host))
            raise OSError(f"{event} to {host} is refused, to see whether quoth does without it")

    sys.addaudithook(watch)
    return attempts


def _is_here(host: str | bytes | None) -> bool:
    name = host.decode(errors="replace") if isinstance(host, bytes) else host
    try:
        return name in (None, "", "localhost") or ipaddress.ip_address(str(name)).is_loopback
    except ValueError:
        return False


def _try(settings: Settings) -> Iterator[tuple[str, bool, str]]:
    """What was found, one thing at a time; what builds on something bad is not looked at."""
    from index.errors import QuothError
    from index.text.tokens import count_tokens

    try:
        counted = count_tokens([_TEXT])
    except (ValueError, OSError) as error:
        yield "vocabulary", False, f"tiktoken cannot read it: {error}. Install quoth again, which brings it."
        return
    if counted != [_TEXT_TOKENS]:
        yield "vocabulary", False, f"a text has {counted[0]} tokens, expected {_TEXT_TOKENS}. Install quoth again."
        return
    yield "vocabulary", True, "tiktoken reads it from its package"
    try:
        from index.corpus import open_corpus
        from index.encoders.encoder import load_encoder
        from rag.answer import build_answerer

        encoder = load_encoder(settings.encoder)
        answerer = build_answerer(open_corpus(settings.corpus, encoder), encoder, settings)
        answerer.ask(_QUESTION)
        yield "sealed answering", True, f"the reader {settings.reader} answers over {settings.corpus}"
        with tempfile.TemporaryDirectory() as data:
            yield _try_page(answerer, settings.model_copy(update={"data": Path(data)}))
    except QuothError as error:
        yield "sealed answering", False, str(error)


def _try_page(answerer: Answerer, settings: Settings) -> tuple[str, bool, str]:
    """Serves page and API to this process alone, as anyone on this machine would see them, and asks both."""
    import socket

    import uvicorn

    from ui.app import create_app

    alone = {"host": "127.0.0.1", "base": "", "access": "none", "journal": False, "embed_secret": None}
    own = settings.model_copy(update=alone)
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(create_app(answerer, own), log_level="critical", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    # a proxy that the environment names would be asked even for this machine
    ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
    try:
        question = urllib.request.Request(
            f"{address}/api/v1/ask", json.dumps({"question": _QUESTION}).encode(), {"Content-Type": "application/json"}
        )
        for asked in (question, f"{address}/"):
            with ask(asked, timeout=120) as response:
                response.read()
    except OSError as error:
        return "sealed page", False, f"it does not answer ({error}). Install quoth again."
    finally:
        server.should_exit = True
        thread.join(timeout=10)
    if os.environ.get("GRADIO_ANALYTICS_ENABLED") != "False":
        return "sealed page", False, "gradio's analytics are on. Set GRADIO_ANALYTICS_ENABLED to False."
    return "sealed page", True, "page and API answer, and gradio's analytics are off"


def main() -> int:
    # before anything that could reach out is imported; what the settings import among it
    attempts = shut()
    settings = unpacked(sys.stdin.buffer.read())
    found = list(_try(settings))
    outside = ", ".join(sorted(set(attempts)))
    found.append(
        ("sealed", False, f"something tried to reach {outside}. See which setting or variable names it, and unset it.")
        if attempts
        else ("sealed", True, "with every way out of this machine shut, nothing tried to leave it")
    )
    print(json.dumps(found))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
