"""`quoth doctor --offline`: runs `quoth serve` in a process that cannot reach other machines, and asks it a question.

An audit hook (PEP 578) in that process refuses every connection and name look-up that Python makes, in any library.
"""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # only the standard library is imported before the hook is set
    from ui.settings import ServerSettings

_ANSWERING = ("corpus", "encoder", "reader", "calibration", "reranker", "risk")
_ATTEMPT = "quoth doctor --offline refused a connection to "
_QUESTION = "Is everything in order?"


def try_offline(settings: ServerSettings) -> tuple[bool, str]:
    """(whether quoth answers with these settings without contacting another machine, what happened)."""
    with tempfile.TemporaryDirectory() as data:
        # only the settings of question answering: access control is not tested
        values = {name: str(getattr(settings, name)) for name in _ANSWERING if getattr(settings, name)}
        values |= {"data": data, "settings": os.devnull}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("QUOTH_")}
        with subprocess.Popen(
            [sys.executable, "-P", "-m", "ui.command.try_offline"],
            env=inherited | {f"QUOTH_{name.upper()}": value for name, value in values.items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as server:
            assert server.stdout is not None
            # empty if the server does not start
            started = server.stdout.readline()
            problem = _ask(json.loads(started)["url"]) if started else "quoth serve did not start"
            server.terminate()
            lines = server.communicate()[1].splitlines()
    if hosts := {line.removeprefix(_ATTEMPT) for line in lines if line.startswith(_ATTEMPT)}:
        return False, f"something tried to reach {', '.join(sorted(hosts))}. Unset the variable that names it."
    if problem:
        return False, lines[-1] if lines else f"{problem}. Install quoth again."
    return True, "page and API answer, and nothing tried to reach another machine"


def _ask(url: str) -> str:
    """Asks the server for an answer and for its page. Returns what went wrong, or an empty text."""
    question = json.dumps({"question": _QUESTION}).encode()
    # ignores a proxy in the environment
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(urllib.request.Request(f"{url}/api/v1/ask", question, {"Content-Type": "application/json"}))
        opener.open(url)
    except OSError as error:
        return f"quoth serve does not answer ({error})"
    return ""


def deny_network() -> None:
    """Refuses connections to other machines, for the rest of this process, and writes a line on stderr for each."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            # the address of a Unix socket is not a tuple
            host = arguments[1][0] if isinstance(arguments[1], tuple) else None
        elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
            host = arguments[0]
        else:
            return
        if not _is_local(host):
            sys.stderr.write(f"{_ATTEMPT}{host}\n")
            raise OSError(f"{_ATTEMPT}{host}")

    sys.addaudithook(hook)


def _is_local(host: str | bytes | None) -> bool:
    name = host.decode(errors="replace") if isinstance(host, bytes) else host
    try:
        return name in (None, "", "localhost") or ipaddress.ip_address(str(name)).is_loopback
    except ValueError:
        return False


def main() -> int:
    deny_network()
    from index.text.tokens import count_tokens
    from ui.command import cli

    # indexing needs tiktoken's vocabulary, which serving does not read
    count_tokens([_QUESTION])
    return cli.main(["serve", "--port", "0", "--json"])


if __name__ == "__main__":
    sys.exit(main())
