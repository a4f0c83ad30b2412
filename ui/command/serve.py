"""`quoth serve`: serves page and API."""

import argparse
import socket
import sys
from contextlib import nullcontext

import uvicorn
from rich.text import Text
from uvicorn.config import LOGGING_CONFIG

from index.errors import SettingsError
from index.exit_codes import print_json
from ui.app import create_app
from ui.command.ask import open_answerer
from ui.command.terminal import Terminal
from ui.http.request_log import logging_in_json
from ui.settings import ServerSettings

CONNECTIONS = 500
"""The most connections at once, within the usual limit of open files."""


def run(args: argparse.Namespace, settings: ServerSettings) -> int:
    listener = listen(settings.host, settings.port)
    answerer = open_answerer(settings)
    in_json = settings.access != "none" or settings.log_questions
    with logging_in_json() if in_json else nullcontext():
        # PyTorch allocates memory and picks kernels in its first forward pass: done now, so that nobody waits for it
        answerer.ask("Is everything ready?")
        host, port = listener.getsockname()[:2]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}{settings.base}"
        config = uvicorn.Config(
            create_app(answerer, settings),
            # None, or uvicorn would log plain text between our lines of JSON
            log_config=None if in_json else LOGGING_CONFIG,
            log_level="warning",
            access_log=False,
            server_header=False,
            http="h11",
            # nothing here uses WebSockets, and middleware checks HTTP alone
            ws="none",
            limit_concurrency=CONNECTIONS,
            # only ui.access.identify may trust a header about who is asking
            proxy_headers=False,
            # running questions are answered; ui.page.chat ends the streams of open pages
            timeout_graceful_shutdown=30,
        )
        if args.json:
            print_json({"url": url, "edition": answerer.corpus.edition})
            sys.stdout.flush()
        else:
            Terminal().print(Text.assemble("quoth answers at ", (url, "bold"), "   (Ctrl+C stops it)"))
        uvicorn.Server(config).run(sockets=[listener])
    return 0


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, made before the models are loaded so that a taken port is reported at once."""
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise SettingsError(
            f"{host}:{port}: {error.strerror}, so nothing can listen there", "Choose another with --port"
        ) from error
    # connections inherit this. Without it, a response's body waits 40 ms for the acknowledgement of its headers;
    # asyncio sets it only on sockets made with an explicit protocol
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
