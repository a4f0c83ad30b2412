"""Nothing outside this machine is needed: quoth doctor --offline, and Chromium in a network with only loopback."""

import subprocess
import sys
from pathlib import Path

import pytest
from corpus_support import SEEDS
from sealed_support import sealed

from index.encoders.encoder import Encoder
from index.publish import publish
from index.sources.read import read
from ui.command.try_offline import try_offline
from ui.settings import ServerSettings as Settings

ROOT = Path(__file__).parent.parent

TRY = """
import socket, sys
from ui.command.try_offline import deny_network

deny_network()
exec(sys.argv[1])
print("done")
"""


def attempts_of(action: str) -> list[str]:
    """What a process that may not reach out says of an action."""
    done = subprocess.run(
        [sys.executable, "-c", TRY, action], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout == "done\n"
    return done.stderr.splitlines()


@pytest.mark.parametrize(
    ("action", "host"),
    [
        ("socket.create_connection(('192.0.2.1', 443), timeout=1)", "192.0.2.1"),
        ("socket.getaddrinfo('example.invalid', 443)", "example.invalid"),
        ("socket.gethostbyname('example.invalid')", "example.invalid"),
        ("socket.socket().connect(('192.0.2.1', 443))", "192.0.2.1"),
        ("socket.socket(socket.AF_INET6).connect(('2001:db8::1', 443))", "2001:db8::1"),
        ("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))", "192.0.2.1"),
        ("import httpx; httpx.get('http://192.0.2.1', timeout=1)", "192.0.2.1"),
    ],
)
def test_every_attempt_to_reach_out_fails_and_is_told(action: str, host: str) -> None:
    # even if a library ignores the failure
    (attempt,) = attempts_of(f"try:\n    {action}\nexcept Exception:\n    pass\nelse:\n    raise AssertionError")
    assert attempt.endswith(f" {host}")


def test_connections_inside_this_machine_are_allowed() -> None:
    inside = (
        "with socket.create_server(('127.0.0.1', 0)) as server:\n"
        "    socket.create_connection(server.getsockname()).close()\n"
        "socket.getaddrinfo('localhost', 80)\n"
        "socket.getaddrinfo(None, 80)\n"
        "socket.socketpair()\n"
        "assert socket.socket(socket.AF_UNIX).connect_ex('/none/such')\n"
    )
    assert attempts_of(inside) == []


def test_a_machine_with_a_corpus_answers_offline(tmp_path: Path, encoder: Encoder) -> None:
    publish(tmp_path, read([SEEDS]), encoder)
    # a server for other people: who may ask is not tried
    settings = Settings(corpus=tmp_path, access="token", base="/ask", embed_secret=tmp_path / "missing")
    good, detail = try_offline(settings)
    assert good, detail


def test_an_attempt_to_reach_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # tiktoken imports the modules of this package by itself, as of any that somebody installed
    (tmp_path / "tiktoken_ext").mkdir()
    (tmp_path / "tiktoken_ext" / "calls_out.py").write_text(
        "import socket\n"
        "try:\n    socket.getaddrinfo('outside.invalid', 443)\nexcept OSError:\n    pass\n"
        "ENCODING_CONSTRUCTORS = {}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    good, detail = try_offline(Settings(corpus=tmp_path / "corpus"))
    assert not good
    assert "outside.invalid" in detail


def test_an_error_of_the_server_is_shown(tmp_path: Path) -> None:
    (tmp_path / "current").write_text("damaged")
    good, detail = try_offline(Settings(corpus=tmp_path))
    assert not good
    assert detail.startswith(f"quoth: {tmp_path / 'current'}: ")


def test_a_sealed_process_has_only_loopback() -> None:
    tried = (
        "import socket\n"
        "print([name for _, name in socket.if_nameindex()])\n"
        "with socket.create_server(('127.0.0.1', 0)) as server:\n"
        "    socket.create_connection(server.getsockname()).close()\n"
        "print(socket.socket().connect_ex(('192.0.2.1', 443)) != 0)\n"
    )
    done = subprocess.run(sealed(sys.executable, "-c", tried), capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["['lo']", "True"]


@pytest.mark.slow
def test_all_browser_tests_pass_where_there_is_only_loopback() -> None:
    command = sealed(sys.executable, "-m", "pytest", "-q", "-n0", "-m", "browser", "-p", "no:cacheprovider", "tests")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=3600)
    assert done.returncode == 0, done.stdout[-20_000:]
