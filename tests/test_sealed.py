"""Nothing outside this machine is needed: quoth is tried, and Chromium sent to it, where there is only loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from corpus_support import SEEDS
from sealed_support import sealed

from index.encoders.encoder import Encoder
from index.publish import publish
from index.sources import read
from ui.command.doctor import Finding, examine_offline
from ui.command.try_offline import packed, unpacked
from ui.settings import ServerSettings as Settings

ROOT = Path(__file__).parent.parent

TRY = """
import socket, sys, json
from ui.command.try_offline import shut

attempts = shut()
try:
    exec(sys.argv[1])
except OSError as error:
    print(error, file=sys.stderr)
print(json.dumps(attempts))
"""


def attempts_of(action: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", TRY, action], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    return [str(host) for host in json.loads(done.stdout.splitlines()[-1])]


@pytest.mark.parametrize(
    ("action", "host"),
    [
        ("socket.create_connection(('192.0.2.1', 443), timeout=1)", "192.0.2.1"),
        ("socket.getaddrinfo('example.invalid', 443)", "example.invalid"),
        ("socket.gethostbyname('example.invalid')", "example.invalid"),
        ("socket.socket().connect_ex(('192.0.2.1', 443))", "192.0.2.1"),
        ("socket.socket(socket.AF_INET6).connect(('2001:db8::1', 443))", "2001:db8::1"),
        ("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))", "192.0.2.1"),
        ("import httpx; httpx.get('http://192.0.2.1', timeout=1)", "192.0.2.1"),
    ],
)
def test_every_way_out_is_shut_and_each_attempt_counted(action: str, host: str) -> None:
    # what libraries make of a refusal is their own affair: it counts all the same
    swallowed = f"try:\n    {action}\nexcept Exception:\n    pass\n"
    assert attempts_of(swallowed) == [host]


def test_this_machine_stays_open_to_itself() -> None:
    inside = (
        "with socket.create_server(('127.0.0.1', 0)) as server:\n"
        "    socket.create_connection(server.getsockname()).close()\n"
        "socket.getaddrinfo('localhost', 80)\n"
        "socket.getaddrinfo(None, 80)\n"
        "socket.socketpair()\n"
        "assert socket.socket(socket.AF_UNIX).connect_ex('/none/such')\n"
    )
    assert attempts_of(inside) == []


def test_settings_are_handed_over_as_they_are() -> None:
    given = Settings(
        corpus=Path("corpus é"),
        encoder="my/encoder",
        reader="transformers:é",
        calibration=Path("calibration.json"),
        reranker="my/reranker",
        language="de",
        passage_tokens=99,
        risk=0.1,
        host="::1",
        port=1,
        base="/ask",
        hosts=("ask.example", "ask.example:8443"),
        origins=("https://wiki.example",),
        access="proxy",
        proxies=("10.0.0.0/24",),
        user_header="X-User",
        groups_header="X-Groups",
        proxy_secret=Path("proxy"),
        embed_secret=Path("embed"),
        data=Path("data"),
        journal=False,
        journal_days=7,
        log_questions=True,
        workers=3,
        waiting=4,
        per_minute=5,
    )
    assert [name for name, value in given if value == getattr(Settings(), name)] == []
    for settings in (given, Settings()):
        assert unpacked(packed(settings)) == settings


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().endswith("_PROXY") or name.upper().startswith(("HF_", "OTEL_", "QUOTH_")):
            monkeypatch.delenv(name)


def found_of(settings: Settings, subject: str) -> Finding:
    return next(finding for finding in examine_offline(settings) if finding.subject == subject)


@pytest.mark.usefixtures("no_variables")
@pytest.mark.parametrize("name", ["https_proxy", "ALL_PROXY", "HF_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"])
def test_a_variable_that_names_a_host_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found_of(Settings(), "variables").good
    monkeypatch.setenv(name, "http://outside.invalid")
    found = found_of(Settings(), "variables")
    assert not found.good
    assert found.detail.startswith(f"{name} ")
    assert found.detail.endswith("Unset it where quoth runs.")
    monkeypatch.setenv(name, "")
    assert found_of(Settings(), "variables").good


@pytest.mark.usefixtures("no_variables")
def test_a_machine_with_everything_on_it_is_ready(tmp_path: Path, encoder: Encoder) -> None:
    publish(tmp_path, read([SEEDS]), encoder)
    found = list(examine_offline(Settings(corpus=tmp_path)))
    assert [finding for finding in found if not finding.good] == []
    assert {finding.subject for finding in found} >= {
        "packages",
        "variables",
        "vocabulary",
        "sealed answering",
        "sealed page",
        "sealed",
    }


@pytest.mark.usefixtures("no_variables")
def test_a_machine_without_a_corpus_or_with_something_that_calls_out_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a plugin that tiktoken imports by itself, as a package that somebody installed could be
    (tmp_path / "tiktoken_ext").mkdir()
    (tmp_path / "tiktoken_ext" / "calls_out.py").write_text(
        "import socket\n"
        "try:\n    socket.getaddrinfo('outside.invalid', 443)\nexcept OSError:\n    pass\n"
        "ENCODING_CONSTRUCTORS = {}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = {finding.subject: finding for finding in examine_offline(Settings(corpus=tmp_path / "none"))}
    assert not found["sealed answering"].good
    assert found["sealed answering"].detail.endswith("there is no corpus. Make one with quoth index PATH.")
    assert not found["sealed"].good
    assert "outside.invalid" in found["sealed"].detail


def test_a_sealed_process_has_loopback_and_nothing_else() -> None:
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
