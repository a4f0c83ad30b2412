"""The command: for bad input it prints one line, returns the documented exit code, and leaves the corpus unchanged."""

import hashlib
import io
import json
import os
import pty
import select
import shutil
import socket
import subprocess
import sys
import termios
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from corpus_support import HashEncoder, make_corpus

from index.embedded.edition import open_current
from index.encoders.encoder import Encoder
from index.encoders.packaged import PackagedEncoder
from index.types import Document
from rag.receipt import Receipt
from ui.command import cli
from ui.journal.journal import FILE, Journal
from ui.settings import ServerSettings

# as the help documents them: programs rely on the numbers
GOOD, NEGATIVE, USAGE, INPUT, UNFIT, INTERRUPTED = 0, 1, 2, 3, 4, 130

ROOT = Path(__file__).parent.parent
TEXT = "The river Dee rises in the hills above Ballater.\n\nThe lighthouse was built in 1854 by Alan Stevenson.\n"
QUESTION = "Who built the lighthouse?"


@pytest.fixture(autouse=True)
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder: Encoder) -> Path:
    """The corpus that the command is set to: a folder that is not there yet. Nothing else is set."""
    for name in list(os.environ):
        if name.startswith("QUOTH_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "corpus"
    monkeypatch.setenv("QUOTH_CORPUS", str(folder))
    # the weights are loaded once for all tests; the tests in a process of their own load them
    monkeypatch.setattr(PackagedEncoder, "load", lambda: encoder)
    return folder


@pytest.fixture
def document(tmp_path: Path) -> Path:
    file = tmp_path / "lighthouse.txt"
    file.write_text(TEXT, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Path:
    folder = tmp_path_factory.mktemp("published")
    make_corpus(folder, TEXT, encoder=encoder).close()
    return folder


@pytest.fixture
def indexed(corpus: Path, published: Path) -> Path:
    """The corpus, with one document in it."""
    return Path(shutil.copytree(published, corpus))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command in this process: (exit code, standard output, standard error)."""

    def run(*argv: object) -> tuple[int, str, str]:
        try:
            code = cli.main([str(argument) for argument in argv])
        except SystemExit as left:
            code = int(left.code or 0)
        return code, *capsys.readouterr()

    return run


Run = Callable[..., tuple[int, str, str]]


def refusal(result: tuple[int, str, str], code: int) -> str:
    """The one line with which something is refused."""
    got, out, err = result
    assert got == code, err
    assert out == ""
    assert err.startswith("quoth: ")
    assert err.count("\n") == 1
    line = err.removesuffix("\n")
    assert line.isprintable()
    assert "Traceback" not in line
    # what is wrong, and then what to do
    assert ". " in line
    assert line.endswith(".")
    return line.removeprefix("quoth: ")


def snapshot(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }


def give_standard_input(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))


# documents


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone.txt", None, "gone.txt: No such file"),
        ("empty.txt", b"", "empty.txt: it is empty"),
        ("blank.md", b"\r\n \t\n", "blank.md: it is empty"),
        ("binary.txt", b"\x7fELF\x02\x01\x01\x00", "binary.txt: byte 7 is 0x00"),
        ("latin.txt", b"Caf\xe9 au lait", "latin.txt: byte 3 is 0xe9"),
        ("long.txt", b"x" * 50_000_000, "long.txt: line 1 is 50,000,000 characters"),
        ("corpus.jsonl", b'{"doc_id": "a"}', "corpus.jsonl: line 1: text is missing"),
        ("corpus.jsonl", b"{", "corpus.jsonl: line 1: not JSON"),
        ("new\nline\x1b[31m.txt", b"", "new\\nline\\x1b[31m.txt: it is empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_unreadable_document_is_named_and_the_corpus_stays(
    run: Run, tmp_path: Path, indexed: Path, name: str, content: bytes | None, said: str
) -> None:
    before = snapshot(indexed)
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    assert said in refusal(run("index", file), INPUT)
    assert snapshot(indexed) == before


def test_a_folder_without_documents_is_refused(run: Run, tmp_path: Path, indexed: Path) -> None:
    before = snapshot(indexed)
    folder = tmp_path / "nothing"
    folder.mkdir()
    assert f"{folder}: nothing readable" in refusal(run("index", folder), INPUT)
    assert snapshot(indexed) == before


def test_an_unknown_language_is_refused_and_the_corpus_stays(run: Run, indexed: Path, document: Path) -> None:
    before = snapshot(indexed)
    assert "'xx'" in refusal(run("index", document, "--language", "xx"), UNFIT)
    assert snapshot(indexed) == before


def test_a_corpus_that_cannot_be_written_is_named(run: Run, document: Path) -> None:
    assert "/dev/null/corpus: the corpus cannot be written" in refusal(
        run("index", document, "--corpus", "/dev/null/corpus"), UNFIT
    )


# questions


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("", "the question is empty"),
        ("  ", "the question is empty"),
        ("x" * 100_000, "100,000 characters"),
        ("What\x1b[31m?", "U+001B at place 4"),
        ("What\x00?", "U+0000"),
        ("What\udce9?", "U+DCE9"),
    ],
    ids=["empty", "blank", "long", "escape", "nul", "not utf-8"],
)
@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_an_invalid_question_is_refused(
    run: Run, indexed: Path, question: str, said: str, as_json: Sequence[str]
) -> None:
    before = snapshot(indexed)
    assert said in refusal(run("ask", *as_json, "--", question), INPUT)
    assert snapshot(indexed) == before


def test_a_refused_question_indexes_nothing(run: Run, corpus: Path) -> None:
    refusal(run("ask", " "), INPUT)
    assert not corpus.exists()


def test_a_question_with_too_many_tokens_is_refused(run: Run, indexed: Path) -> None:
    assert "tokens" in refusal(run("ask", "river " * 300), INPUT)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "the question is empty"), (b"Caf\xe9?", "byte 3 is 0xe9"), (b"What\0?", "byte 4 is 0x00")],
)
def test_an_invalid_question_from_standard_input_is_refused(
    run: Run, indexed: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, said: str
) -> None:
    give_standard_input(monkeypatch, content)
    assert said in refusal(run("ask", "-"), INPUT)


def test_a_question_is_read_from_standard_input(run: Run, indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_standard_input(monkeypatch, f"{QUESTION}\r\n".encode())
    code, out, _ = run("ask", "-", "--json", "--risk", 1)
    assert code == GOOD
    assert json.loads(out)["searched_for"] == [QUESTION]


@pytest.mark.parametrize("command", ["ask", "verify"])
def test_a_closed_standard_input_is_refused(
    run: Run, indexed: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert "standard input is closed" in refusal(run(command, "-"), INPUT)


def test_markup_is_printed_as_text(run: Run, tmp_path: Path, indexed: Path) -> None:
    markup = "The <b>lighthouse</b> [red]was[/red] **built** by [Alan](http://example.invalid) :smile: in 1854."
    (tmp_path / "markup.md").write_text(markup, encoding="utf-8")
    assert run("index", tmp_path / "markup.md")[0] == GOOD
    code, out, err = run("ask", "Who **built** the <b>lighthouse</b> [bold]?", "--risk", 1)
    assert (code, err) == (GOOD, "")
    assert markup in out


def test_control_characters_of_a_document_are_never_printed_raw(run: Run, tmp_path: Path, corpus: Path) -> None:
    hostile = "The lighthouse\x1b[31m\x1b]0;title\x07 was\x9b2J built\x08 by \u202enaltS\u202c in 1854.\x7f"
    file = tmp_path / "hostile.txt"
    file.write_text(hostile, encoding="utf-8")
    (tmp_path / "hostile.txt.meta.json").write_text(json.dumps({"title": "Title \x1b[2J\u2066\r\nforged: line"}))
    assert run("index", file)[0] == GOOD
    code, out, _ = run("ask", QUESTION, "--risk", 1)
    assert code == GOOD
    answered = json.loads(run("ask", QUESTION, "--risk", 1, "--json")[1])
    receipt = tmp_path / "receipt.json"
    receipt.write_text(json.dumps(answered))
    for printed in (out, run("verify", receipt)[1], run("doctor")[1]):
        assert all(c.isprintable() or c == "\n" for c in printed), printed
        assert "\nforged" not in printed
    assert "lighthouse␛[31m" in out
    assert answered["citations"][0]["text"] == hostile


# corpora


def test_a_corpus_of_another_version_is_refused(run: Run, indexed: Path) -> None:
    path, manifest = open_current(indexed)
    file = path / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_bytes()) | {"format": 3}))
    (indexed / "current").write_text(f"{manifest.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n")
    before = snapshot(indexed)
    assert "format 3, this quoth reads format 2" in refusal(run("ask", QUESTION), UNFIT)
    assert snapshot(indexed) == before


def test_a_corpus_of_another_encoder_is_refused(run: Run, corpus: Path) -> None:
    make_corpus(corpus, TEXT, encoder=HashEncoder()).close()
    before = snapshot(corpus)
    assert "indexed with the encoder 'hash'" in refusal(run("ask", QUESTION), UNFIT)
    assert snapshot(corpus) == before


@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing"])
@pytest.mark.parametrize("command", ["ask", "verify", "serve", "doctor"])
def test_a_damaged_edition_is_named(run: Run, indexed: Path, tmp_path: Path, damage: str, command: str) -> None:
    path, _ = open_current(indexed)
    file = path / "dense.faiss"
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(content[:-1] if damage == "truncated" else content[:-1] + bytes([content[-1] ^ 1]))
    before = snapshot(indexed)
    (tmp_path / "receipt.json").write_text(json.dumps(receipt()))
    given = {"ask": [QUESTION], "verify": [tmp_path / "receipt.json"], "serve": ["--port", 0], "doctor": []}[command]
    if command == "doctor":
        code, out, err = run("doctor")
        assert (code, err) == (NEGATIVE, "")
        assert f"{file}: " in out
        assert "BAD" in out
    else:
        assert refusal(run(command, *given), UNFIT).startswith(f"{file}: ")
    assert snapshot(indexed) == before


def test_without_a_corpus_the_article_is_indexed(run: Run, corpus: Path) -> None:
    code, out, err = run("ask", "What did Putin give Kim Jong Un?", "--json", "--risk", 1)
    assert code == GOOD
    assert "Putin" in json.loads(out)["citations"][0]["text"]
    assert f"no corpus at {corpus} yet" in err
    assert err.count("\n") == 1
    assert (corpus / "current").exists()


def test_an_answer_exits_0_and_none_exits_1(run: Run, indexed: Path) -> None:
    code, out, _ = run("ask", QUESTION, "--risk", 1)
    assert code == GOOD
    assert "Alan Stevenson" in out
    assert "paragraph 2" in out
    code, out, _ = run("ask", QUESTION, "--risk", 0)
    assert code == NEGATIVE
    assert "do not answer" in out
    assert "not answers" in out


@pytest.mark.parametrize("risk", [1, 0.3, 0])
def test_why_is_shown_of_an_answer_and_of_none(run: Run, indexed: Path, risk: float) -> None:
    plain = run("ask", QUESTION, "--risk", risk)[1]
    code, out, err = run("ask", QUESTION, "--risk", risk, "--why")
    assert err == ""
    assert out.startswith(plain)
    assert ("Why it is answered" if code == GOOD else "Why it is not answered") in out
    for said in (f"“{QUESTION}”", f"wrong answers to {100 * risk:g}%", "reader_score", "logit", "dense", "lexical"):
        assert said in out.removeprefix(plain)
    assert "built in [1854] by" in out or "[Alan Stevenson]" in out
    why = json.loads(run("ask", QUESTION, "--risk", risk, "--why", "--json")[1])["why"]
    assert (why["risk"], why["threshold"] is None) == (risk, risk == 0)
    assert "why" not in json.loads(run("ask", QUESTION, "--json")[1])


def test_why_fits_a_narrow_terminal(indexed: Path) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 80))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")}
    command = [sys.executable, "-m", "ui.command.cli", "ask", QUESTION, "--why"]
    environment |= {"NO_COLOR": "1", "TERM": "dumb"}
    with subprocess.Popen(command, cwd=ROOT, stdout=theirs, stderr=theirs, stdin=theirs, env=environment) as process:
        os.close(theirs)
        lines = read_all(ours).splitlines()
    os.close(ours)
    assert process.returncode in (GOOD, NEGATIVE)
    assert max(map(len, lines)) <= 80
    table = lines[lines.index("Passages found") + 1 :]
    assert table[0].split() == ["rank", "score", "dense", "lexical", "characters", "passage"]
    assert float(table[2].split()[1]) > 0


# settings


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("QUOTH_CORPSE", "x", "QUOTH_CORPSE: there is no setting 'corpse'"),
        ("QUOTH_PORT", "many", "port is 'many': it should be a valid integer"),
        ("QUOTH_PORT", "70000", "port is '70000': it should be less than or equal to 65535"),
        ("QUOTH_RISK", "1.5", "risk is '1.5'"),
        ("QUOTH_RISK", "nan", "risk is 'nan'"),
        ("QUOTH_PASSAGE_TOKENS", "8", "passage_tokens is '8'"),
        ("QUOTH_PASSAGE_TOKENS", "9" * 5000, "passage_tokens"),
        ("QUOTH_HOST", "0.0.0.0", "host is '0.0.0.0': it should be one of 127.0.0.1"),
        ("QUOTH_CORPUS", "", "corpus is ''"),
        ("QUOTH_CORPUS", "~nobody-of-this-name/corpus", "a home folder that exists"),
        ("QUOTH_ENCODER", "", "encoder is ''"),
        ("QUOTH_READER", "oracle", "there is no reader 'oracle'"),
        ("QUOTH_READER", "transformers:nobody/has-this", "'nobody/has-this' is neither a folder"),
        ("QUOTH_RERANKER", "nobody/has-this", "the re-ranker 'nobody/has-this' is neither a folder"),
        ("QUOTH_CALIBRATION", "/nowhere/it.json", "/nowhere/it.json: No such file"),
        ("QUOTH_CALIBRATION", "", "calibration is ''"),
    ],
)
def test_an_invalid_setting_is_refused(
    run: Run, indexed: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv(name, value)
    given = [] if name == "QUOTH_CORPUS" else ["--corpus", indexed]
    before = snapshot(indexed)
    assert said in refusal(run("ask", QUESTION, *given), UNFIT)
    assert snapshot(indexed) == before


def test_a_flag_overrides_the_environment(run: Run, indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUOTH_RISK", "0")
    assert run("ask", QUESTION)[0] == NEGATIVE
    assert run("ask", QUESTION, "--risk", 1)[0] == GOOD


@pytest.mark.parametrize(
    "argv",
    [[], ["fly"], ["ask"], ["index"], ["ask", "a", "b"], ["ask", "a", "--risk", "x"], ["serve", "--port", ""]],
)
def test_a_wrong_command_line_exits_2(run: Run, argv: Sequence[str]) -> None:
    code, out, err = run(*argv)
    assert (code, out) == (USAGE, "")
    assert err.startswith("usage: quoth")


@pytest.mark.parametrize(
    ("port", "bound"), [(70_000, "less than or equal to 65535"), (-1, "greater than or equal to 0")]
)
def test_a_port_out_of_range_is_refused(run: Run, indexed: Path, port: int, bound: str) -> None:
    line = refusal(run("serve", "--port", port), UNFIT)
    remedy = "Change QUOTH_PORT, port in the settings file, or its flag if it was given."
    assert f"port is {port}: it should be {bound}. {remedy}" in line


def test_a_taken_port_is_named(run: Run, indexed: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}: " in refusal(run("serve", "--port", port), UNFIT)


# receipts


def receipt(**changes: Any) -> dict[str, Any]:
    quote = "The lighthouse was built in 1854 by Alan Stevenson."
    start = TEXT.index(quote)
    whole = Receipt(
        Document.of(TEXT, title="").id, start, start + len(quote), quote, TEXT[:start][-32:], "\n", "edition"
    )
    return whole.to_json() | changes


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it holds no receipt"),
        (b"{", "not JSON"),
        (b"\xff", "byte 0 is 0xff"),
        (b"7", "a receipt is a JSON object, not int"),
        (b"{}", "document_sha256 is None"),
        (b"[]", "it holds no receipt"),
        (b"[7]", "not int"),
        (b"[" * 100_000, "not JSON"),
        (b'{"citations": 7}', "citations"),
        (b'{"citations": [7]}', "citations"),
        (b'{"citations": null}', "citations"),
        (b'{"citations": [], "closest": 7}', "citations"),
        (b'{"citations": [{}]}', "not NoneType"),
        (b'{"citations": [], "closest": []}', "it holds no receipt"),
        (json.dumps(receipt(start="1")).encode(), "start is '1', expected int"),
        (json.dumps(receipt(quote="\ud800")).encode(), "surrogate"),
        (json.dumps(receipt(quote="other")).encode(), "5 characters"),
    ],
)
def test_an_invalid_receipt_is_refused(run: Run, tmp_path: Path, indexed: Path, content: bytes, said: str) -> None:
    before = snapshot(indexed)
    file = tmp_path / "receipt.json"
    file.write_bytes(content)
    assert said in refusal(run("verify", file), INPUT)
    assert snapshot(indexed) == before


def test_a_missing_receipt_is_named(run: Run, tmp_path: Path, indexed: Path) -> None:
    assert "nothing.json: No such file" in refusal(run("verify", tmp_path / "nothing.json"), INPUT)


def test_the_output_of_ask_is_valid_until_the_words_change(
    run: Run, tmp_path: Path, indexed: Path, document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for risk in (1, 0):
        _, printed, _ = run("ask", QUESTION, "--json", "--risk", risk)
        give_standard_input(monkeypatch, printed.encode())
        code, out, _ = run("verify", "-", "--json")
        verdicts = [json.loads(line) for line in out.splitlines()]
        row = json.loads(printed)
        assert code == GOOD
        assert {verdict["verdict"]["status"] for verdict in verdicts} == {"valid"}
        assert len(verdicts) == len(row["citations"] + row["closest"]) > 0
    document.write_text(TEXT.replace("1854", "1855"), encoding="utf-8")
    assert run("index", document)[0] == GOOD
    file = tmp_path / "receipt.json"
    file.write_text(json.dumps(receipt()))
    code, out, _ = run("verify", file)
    assert code == NEGATIVE
    assert out.startswith("changed: ")
    assert "[-1854-]{+1855+}" in out


# what is printed


def test_the_json_of_every_command_parses(run: Run, indexed: Path, document: Path, tmp_path: Path) -> None:
    (tmp_path / "receipt.json").write_text(json.dumps(receipt()))
    about = json.loads(run("index", document, "--json")[1])
    assert about["documents"] == 1
    row = json.loads(run("ask", QUESTION, "--json")[1])
    assert row["version"] == 1
    assert row["edition"] == about["name"]
    for shown in row["citations"] + row["closest"]:
        assert TEXT[shown["start"] : shown["end"]] == shown["text"] == shown["receipt"]["quote"]
    assert json.loads(run("verify", tmp_path / "receipt.json", "--json")[1])["verdict"]["status"] == "valid"
    findings = json.loads(run("doctor", "--json")[1])
    assert all(finding["good"] for finding in findings)


def test_the_doctor_finds_all_in_order(run: Run, indexed: Path) -> None:
    code, out, err = run("doctor")
    assert (code, err) == (GOOD, "")
    for subject in ("version", "setting corpus", "weights", "corpus", "answering"):
        assert f"good  {subject} " in out
    assert "from QUOTH_CORPUS" in out


def test_the_doctor_accepts_a_missing_corpus(run: Run, corpus: Path) -> None:
    code, out, _ = run("doctor")
    assert code == GOOD
    assert "none yet" in out
    assert not corpus.exists()


def test_the_doctor_names_missing_weights(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code, out, _ = run("doctor", "--encoder", tmp_path / "nothing")
    assert code == NEGATIVE
    assert "BAD   weights" in out


# the command itself, in a process of its own


def quoth(*argv: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "ui.command.cli", *map(str, argv)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=120, **options)


def test_output_to_a_pipe_has_no_colour(corpus: Path, document: Path) -> None:
    done = quoth("index", document)
    assert (done.returncode, done.stderr) == (GOOD, b"")
    assert done.stdout.startswith(b"Indexed 1 document")
    assert b"\x1b" not in done.stdout


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_the_reader_of_the_output_may_stop(indexed: Path, as_json: Sequence[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "ui.command.cli", "ask", QUESTION, "--risk", "1", *as_json]
    with subprocess.Popen(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (GOOD, b"")


def test_closed_standard_input_and_output_end_in_a_line(indexed: Path) -> None:
    script = f'exec "{sys.executable}" -m ui.command.cli ask - <&- >&-'
    done = subprocess.run(["sh", "-c", script], cwd=ROOT, stderr=subprocess.PIPE, check=False, timeout=120)
    assert done.returncode == INPUT
    assert done.stderr.startswith(b"quoth: -: standard input is closed")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(("variable", "coloured"), [("NO_COLOR", False), ("UNRELATED", True)])
def test_a_terminal_has_colour_unless_NO_COLOR_is_set(indexed: Path, variable: str, coloured: bool) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "CI")}
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "ui.command.cli", "ask", QUESTION, "--risk", "1"]
    environment |= {variable: "1", "TERM": "xterm-256color"}
    with subprocess.Popen(command, cwd=ROOT, stdout=theirs, stderr=theirs, stdin=theirs, env=environment) as process:
        os.close(theirs)
        printed = read_all(ours)
    os.close(ours)
    assert process.returncode == GOOD
    assert "Alan Stevenson" in printed
    # bold is no colour
    assert any(f"\x1b[{code}" in printed for code in ("36", "1;36")) == coloured


def read_all(terminal: int) -> str:
    """What is written to a terminal until its other side is closed."""
    chunks = []
    while select.select([terminal], [], [], 120)[0]:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:
            # Linux's way of saying that nobody writes there any more
            break
        if not chunk:
            break
        chunks.append(chunk)
    return b"".join(chunks).decode()


LOADED = """
import contextlib, sys
from ui.command.cli import main
with contextlib.suppress(SystemExit):
    main(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
"""


def loaded_by(*argv: str) -> tuple[str, set[str]]:
    """(what the command prints, the modules that it loads) in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *argv], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    printed, _, modules = done.stderr.rstrip("\n").rpartition("\n")
    return done.stdout + printed, set(modules.split())


@pytest.mark.parametrize("argv", [["--help"], ["ask", "--help"], ["gaps", "--help"], ["fly"]])
def test_the_help_loads_no_library(argv: Sequence[str]) -> None:
    printed, modules = loaded_by(*argv)
    assert "usage: quoth" in printed
    assert modules & {"torch", "numpy", "rich", "gradio", "fastapi", "faiss", "transformers", "sklearn"} == set()


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["token", "new", "ada"], "quoth_"),
        (["token", "list"], "no keys yet"),
        (["token", "list", "--json"], "[]"),
        (["token", "revoke", "none"], "there is no key"),
        (["gaps", "--json"], "[]"),
    ],
)
def test_a_command_that_needs_no_model_loads_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: Sequence[str], expected: str
) -> None:
    monkeypatch.setenv("QUOTH_DATA", str(tmp_path))
    Journal(tmp_path / FILE, days=1, named=False).close()
    printed, modules = loaded_by(*argv)
    assert expected in printed
    assert modules & {"torch", "faiss", "gradio", "fastapi", "transformers", "sklearn"} == set()


def test_a_command_that_needs_models_loads_them(indexed: Path) -> None:
    # so that the tests above could fail
    assert {"torch", "faiss"} <= loaded_by("ask", QUESTION)[1]


def test_the_help_of_a_flag_describes_the_setting_and_its_default(run: Run) -> None:
    words = " ".join(run("serve", "--help")[1].split())
    for name in ("risk", "reader", "port"):
        field = ServerSettings.model_fields[name]
        assert f"--{name} {name.upper()} {field.description} Default: {field.default}." in words


def test_eval_has_its_own_help(run: Run) -> None:
    code, out, _ = run("eval", "--help")
    assert code == GOOD
    assert out.startswith("usage: quoth eval")


def test_every_exit_code_is_in_the_help(run: Run) -> None:
    _, out, _ = run("--help")
    for code in (GOOD, NEGATIVE, USAGE, INPUT, UNFIT, INTERRUPTED):
        assert f"\n  {code} " in out


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_in_another_encoding_shows_escapes(
    published: Path, encoding: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("QUOTH_CORPUS", str(published))
    for more in ([], ["--json"]):
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
        assert cli.main(["ask", "Who built the “lighthouse” 😀?", *more]) in (GOOD, NEGATIVE)
        shown = written.getvalue().decode(encoding)
        assert "1854" in shown
        if more:
            assert json.loads(shown)["question"] == "Who built the “lighthouse” 😀?"


def test_a_full_disk_ends_in_a_line(published: Path) -> None:
    environment = {**os.environ, "QUOTH_CORPUS": str(published)}
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ui.command.cli", "ask", QUESTION],
            cwd=ROOT, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == UNFIT
    assert done.stderr == "quoth: output: No space left on device. Make room or choose another place.\n"


def test_an_empty_path_is_not_the_current_folder(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["index", ""])
    assert left.value.code == USAGE
    assert "expected a path" in capsys.readouterr().err


def test_several_answers_one_a_line_are_verified(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QUOTH_CORPUS", str(published))
    for question in (QUESTION, "Where does the river rise?"):
        cli.main(["ask", question, "--json"])
    file = tmp_path / "answers.jsonl"
    file.write_text(capsys.readouterr().out, encoding="utf-8")
    assert cli.main(["verify", str(file), "--json"]) == GOOD
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["verdict"]["status"] for line in lines] == ["valid"] * len(lines)
    assert len(lines) >= 2


def test_files_of_other_kinds_in_a_folder_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "a.txt").write_text(TEXT, encoding="utf-8")
    (folder / "b.pdf").write_text("no text", encoding="utf-8")
    assert cli.main(["index", str(folder)]) == GOOD
    assert "b.pdf" in capsys.readouterr().err
