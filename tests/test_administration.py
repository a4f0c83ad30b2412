"""What an administrator does from the command line: API keys, and what was left unanswered."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from index.encoder import Encoder
from rag.settings import Settings
from ui import cli, commands
from ui.doctor import examine
from ui.journal import Journal
from ui.keyring import Keyring
from ui.service import JOURNAL

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
    assert secret.strip().rpartition("_")[2] not in json.dumps(listed)
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
    # what comes after it takes long, and is not asked for
    (finding,) = islice((one for one in examine(Settings(**settings), {}) if one.subject == "access"), 1)
    assert finding.good
    assert finding.detail.startswith(said)
    assert ("WARNING" in finding.detail) == ("WARNING" in said)
