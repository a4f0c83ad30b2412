"""Administration from the command line: API keys, unanswered questions, the doctor's warnings."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from index.encoders.encoder import Encoder
from index.encoders.packaged import PackagedEncoder
from ui.access.keyring import Keyring
from ui.access.private_files import make_private
from ui.command import cli
from ui.command.doctor import warnings
from ui.journal.journal import FILE, Journal
from ui.settings import ServerSettings as Settings

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], encoder: Encoder) -> Run:
    monkeypatch.setenv("QUOTH_DATA", str(tmp_path))
    monkeypatch.setattr(PackagedEncoder, "load", lambda: encoder)

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
def test_an_invalid_key_is_refused(run: Run, argv: list[object]) -> None:
    code, out, err = run("token", "new", *argv)
    assert (code, out, err.count("\n")) == (4, "", 1)


def test_gaps_are_grouped_and_exported(run: Run, tmp_path: Path) -> None:
    with closing(Journal(tmp_path / FILE, days=30, named=False)) as journal:
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


def test_without_gaps_there_are_no_groups(run: Run, tmp_path: Path) -> None:
    Journal(tmp_path / FILE, days=30, named=False).close()
    assert json.loads(run("gaps", "--json")[1]) == []
    assert "no unanswered questions" in run("gaps")[1]
    assert run("gaps", "--export", tmp_path / "gaps.jsonl")[0] == 0
    assert (tmp_path / "gaps.jsonl").read_text() == ""


def test_without_a_journal_gaps_is_refused(run: Run) -> None:
    code, out, err = run("gaps")
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert "there is no journal" in err


def test_a_question_set_that_cannot_be_written_is_named(run: Run, tmp_path: Path) -> None:
    Journal(tmp_path / FILE, days=30, named=False).close()
    code, out, err = run("gaps", "--export", tmp_path)
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert f"{tmp_path}: Is a directory" in err


def warned_of(**settings: Any) -> dict[str, str]:
    """The doctor's warnings: subject → detail."""
    findings = list(warnings(Settings(**settings)))
    assert all(finding.good and finding.detail.startswith("WARNING: ") for finding in findings)
    return {finding.subject: finding.detail for finding in findings}


@pytest.fixture
def private(tmp_path: Path) -> dict[str, Any]:
    """Settings with a data folder that nobody else may look into."""
    (tmp_path / "data").mkdir(mode=0o700)
    return {"data": tmp_path / "data"}


PROXY: dict[str, Any] = {"access": "proxy", "proxies": ("10.0.0.7",)}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, []),
        ({"hosts": ("localhost:8080", "127.0.0.1")}, []),
        ({"hosts": ("localhost", "ask.example")}, ["ask.example"]),
        ({"hosts": ("a.example",), "base": "/ask"}, ["a.example", "/ask"]),
        ({"base": "/ask"}, ["/ask"]),
        ({"base": "/ask", **PROXY}, []),
        ({"base": "/ask", "hosts": ("ask.example",), "access": "token"}, []),
    ],
)
def test_the_doctor_warns_if_everyone_behind_a_proxy_may_ask(
    private: dict[str, Any], settings: dict[str, Any], named: list[str]
) -> None:
    warned = warned_of(**private, **settings)
    assert set(warned) == ({"access"} if named else set())
    assert all(name in warned["access"] for name in named)


@pytest.mark.parametrize("networks", [("10.0.0.0/24",), ("10.0.0.7", "fd00::/64")])
def test_the_doctor_warns_if_a_whole_network_is_trusted(
    tmp_path: Path, private: dict[str, Any], networks: tuple[str, ...]
) -> None:
    settings = private | PROXY | {"proxies": networks}
    assert networks[-1] in warned_of(**settings)["proxies"]
    assert warned_of(**settings, proxy_secret=tmp_path / "secret") == {}
    assert warned_of(**(settings | {"proxies": ("10.0.0.7", "10.0.0.8/32", "fd00::1")})) == {}


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701])
def test_the_doctor_warns_if_others_may_look_into_the_data_folder(private: dict[str, Any], mode: int) -> None:
    data = private["data"]
    assert warned_of(**private) == {}
    data.chmod(mode)
    assert str(data) in warned_of(**private)["data"]
    # a group may have been given access on purpose, so the mode is not changed
    make_private(data)
    assert data.stat().st_mode & 0o777 == mode
    assert warned_of(data=data / "missing") == {}


@pytest.mark.parametrize("name", ["proxy_secret", "embed_secret"])
def test_the_doctor_finds_a_secret_that_cannot_be_used(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    file = tmp_path / "secret"
    monkeypatch.setenv(f"QUOTH_{name.upper()}", str(file))

    def bad() -> dict[str, str]:
        findings = json.loads(run("doctor", "--json", "--corpus", tmp_path / "none")[1])
        return {finding["subject"]: finding["detail"] for finding in findings if not finding["good"]}

    assert str(file) in bad()[name]
    file.write_text("short")
    assert "at least 32" in bad()[name]
    file.write_text("s" * 32)
    assert bad() == {}


def test_the_doctor_requires_a_corpus_unless_access_is_none(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for access, good in (("none", True), ("token", False)):
        monkeypatch.setenv("QUOTH_ACCESS", access)
        code, out, _ = run("doctor", "--json", "--corpus", tmp_path / "mistyped")
        (finding,) = (one for one in json.loads(out) if one["subject"] == "corpus")
        assert (finding["good"], code) == (good, 0 if good else 1)
        assert "quoth index" in finding["detail"]


@pytest.mark.parametrize("command", ["serve", "ask"])
def test_no_article_is_indexed_unless_access_is_none(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("QUOTH_ACCESS", "token")
    given = {"serve": ["--port", 0], "ask": ["Who is Ada?"]}[command]
    code, out, err = run(command, *given, "--corpus", tmp_path / "mistyped")
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert f"{tmp_path / 'mistyped'}: there is no corpus. Make one with quoth index" in err
    assert not (tmp_path / "mistyped").exists()
