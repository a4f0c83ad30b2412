"""What an administrator does from the command line: API keys, and what was left unanswered."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from index.encoders.encoder import Encoder
from ui.access.keyring import Keyring
from ui.access.private_folder import make_private
from ui.command import cli, commands
from ui.command.doctor import Finding, examine
from ui.journal.journal import Journal
from ui.service import JOURNAL
from ui.settings import ServerSettings as Settings

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], encoder: Encoder) -> Run:
    monkeypatch.setenv("QUOTH_DATA", str(tmp_path))
    monkeypatch.setattr(commands, "load_encoder", lambda name: encoder)

    def run(*argv: object) -> tuple[int, str, str]:
        code = cli.main([str(arg) for arg in argv])
        return code, *capsys.readouterr()

    return run


def test_a_key_is_made_listed_and_revoked(run: Run, tmp_path: Path) -> None:
    code, secret, told = run("token", "new", "ada", "--group", "board", "--scope", "ask", "--days", 7)
    assert (code, secret.startswith("quoth_")) == (0, True)
    assert "shown this once" in told
    with closing(Keyring.open(tmp_path)) as keyring:
        person = keyring.person(secret.strip())
    assert person is not None
    assert (person.user, person.groups, person.scopes) == ("ada", {"board"}, {"ask"})
    (listed,) = json.loads(run("token", "list", "--json")[1])
    assert "ada in board: ask, until 20" in run("token", "list")[1]
    assert secret.strip().split("_", 2)[2] not in json.dumps(listed)
    assert run("token", "revoke", listed["id"])[0] == 0
    code, out, err = run("token", "revoke", listed["id"])
    assert (code, out) == (4, "")
    assert f"there is no key '{listed['id']}'" in err
    assert "Make one with" in run("token", "list")[1]


@pytest.mark.parametrize(
    "argv", [["a,b"], [" "], ["ada", "--group", ""], ["ada", "--days", 0], ["ada", "--days", 9999]]
)
def test_a_key_that_cannot_be(run: Run, argv: list[object]) -> None:
    code, out, err = run("token", "new", *argv)
    assert (code, out, err.count("\n")) == (4, "", 1)


def test_gaps_are_grouped_and_exported(run: Run, tmp_path: Path) -> None:
    with closing(Journal.open(tmp_path / JOURNAL, days=30, named=False)) as journal:
        for n, question in enumerate(("How many days of leave do I have?", "How much leave do I get?", "Who is Ada?")):
            journal.asked(f"id{n}", question, False, 0.1, "edition", None)
        journal.asked("id9", "Is it open on Sundays?", True, 0.9, "edition", None)
        journal.feedback("id9", "down", "that was \x1b[31mlast year", None)
    code, out, _ = run("gaps")
    assert code == 0
    assert "asked 2 times" in out
    assert "1 answered badly" in out
    assert "\x1b" not in out
    assert run("gaps", "--export", tmp_path / "gaps.jsonl")[0] == 0
    exported = [json.loads(line)["question"] for line in (tmp_path / "gaps.jsonl").read_text().splitlines()]
    assert {"Who is Ada?", "Is it open on Sundays?"} < set(exported)
    assert len(json.loads(run("gaps", "--json")[1])) == 3


def test_there_is_no_journal(run: Run) -> None:
    code, out, err = run("gaps")
    assert (code, out) == (4, "")
    assert "there is no journal" in err


def found_of(settings: dict[str, Any]) -> dict[str, Finding]:
    """What the doctor finds up to what takes long, which is not asked for."""
    findings = takewhile(lambda one: one.subject != "network", examine(Settings(**settings), {}))
    return {one.subject: one for one in findings}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "whoever is on this machine"),
        ({"hosts": ("localhost:8080", "127.0.0.1")}, "whoever is on this machine"),
        ({"hosts": ("localhost", "ask.example")}, "WARNING: hosts names ask.example, as behind a proxy, and access is"),
        ({"hosts": ("a.example",), "base": "/ask"}, "WARNING: hosts names a.example and base is /ask, as behind"),
        ({"base": "/ask"}, "WARNING: base is /ask, as behind a proxy, and access is none: nothing asks who is asking"),
        ({"base": "/ask", "access": "proxy", "proxies": ("10.0.0.7",)}, "whom the proxy at 10.0.0.7 names"),
        ({"base": "/ask", "hosts": ("ask.example",), "access": "token"}, "who has an API key"),
    ],
)
def test_the_doctor_says_who_may_ask(settings: dict[str, Any], said: str) -> None:
    finding = found_of(settings)["access"]
    assert finding.good
    assert finding.detail.startswith(said)
    assert ("WARNING" in finding.detail) == ("WARNING" in said)


PROXY: dict[str, Any] = {"access": "proxy", "proxies": ("10.0.0.7",)}


@pytest.mark.parametrize("name", ["proxy_secret", "embed_secret"])
def test_the_doctor_finds_a_secret_that_cannot_be_used(tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    settings = PROXY | {name: file, "origins": ("https://wiki.example",)}
    missing = found_of(settings)[name]
    assert (missing.good, str(file) in missing.detail) == (False, True)
    file.write_text("short")
    assert not found_of(settings)[name].good
    file.write_text("s" * 32)
    assert found_of(settings)[name].good
    assert not {"proxy_secret", "embed_secret"} & set(found_of(PROXY))


@pytest.mark.parametrize("networks", [("10.0.0.0/24",), ("10.0.0.7", "fd00::/64")])
def test_the_doctor_warns_of_a_network_whose_word_is_taken(tmp_path: Path, networks: tuple[str, ...]) -> None:
    settings = PROXY | {"proxies": networks}
    finding = found_of(settings)["proxies"]
    assert finding.good
    assert finding.detail.startswith(f"WARNING: {networks[-1]} is more than one address")
    assert "names themselves" in finding.detail
    file = tmp_path / "secret"
    file.write_text("s" * 32)
    assert "proxies" not in found_of(settings | {"proxy_secret": file})
    assert "proxies" not in found_of(settings | {"proxies": ("10.0.0.7", "10.0.0.8/32", "fd00::1")})


@pytest.mark.parametrize(
    ("settings", "idle"),
    [
        (PROXY, set()),
        (PROXY | {"proxy_secret": "secret"}, set()),
        (PROXY | {"access": "token"}, {"proxies"}),
        ({"proxies": ("10.0.0.7",), "proxy_secret": "secret"}, {"proxies", "proxy_secret"}),
        ({"access": "token", "embed_secret": "secret"}, {"embed_secret"}),
        ({"embed_secret": "secret", "origins": ("https://wiki.example",)}, set()),
    ],
)
def test_the_doctor_warns_of_what_does_nothing(tmp_path: Path, settings: dict[str, Any], idle: set[str]) -> None:
    file = tmp_path / "secret"
    file.write_text("s" * 32)
    found = found_of({name: file if value == "secret" else value for name, value in settings.items()})
    warned = {subject for subject, one in found.items() if subject.startswith("use of ")}
    assert warned == {f"use of {name}" for name in idle}
    assert all("does nothing" in found[one].detail and found[one].good for one in warned)


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701])
def test_the_doctor_warns_of_data_that_others_may_look_into(tmp_path: Path, mode: int) -> None:
    data = tmp_path / "data"
    assert "data" not in found_of({"data": data})
    data.mkdir(mode=0o700)
    assert "data" not in found_of({"data": data})
    data.chmod(mode)
    finding = found_of({"data": data})["data"]
    assert finding.good
    assert finding.detail.startswith(f"WARNING: {data} is open to others")
    # whose group was chosen on purpose keeps it
    make_private(data)
    assert data.stat().st_mode & 0o777 == mode


def test_the_doctor_finds_that_with_access_there_must_be_a_corpus(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for access, good in (("none", True), ("token", False)):
        monkeypatch.setenv("QUOTH_ACCESS", access)
        code, out, _ = run("doctor", "--json", "--corpus", tmp_path / "mistyped")
        (finding,) = (one for one in json.loads(out) if one["subject"] == "corpus")
        assert (finding["good"], code) == (good, 0 if good else 1)
        assert "quoth index" in finding["detail"]


@pytest.mark.parametrize("command", ["serve", "ask"])
def test_with_access_no_corpus_is_made_up(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("QUOTH_ACCESS", "token")
    given = {"serve": ["--port", 0], "ask": ["Who is Ada?"]}[command]
    code, out, err = run(command, *given, "--corpus", tmp_path / "mistyped")
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert f"{tmp_path / 'mistyped'}: there is no corpus. Make one with quoth index" in err
    assert not (tmp_path / "mistyped").exists()
