"""The network is never touched: everything is done in a process that has none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Replaces what reaches out before anything of ours or of the libraries is imported, and says so.
GUARD = """
import ipaddress, socket, sys

class Reached(BaseException):
    "Not an Exception: no library may catch it and go on."

def local(host):
    try:
        return host in ("localhost", None, "") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

def guarded(name, of, host_of):
    original = getattr(of, name)
    def call(*arguments, **named):
        host = host_of(arguments)
        if not local(host):
            print(f"REACHED {name} {host}", file=sys.stderr, flush=True)
            raise Reached(host)
        return original(*arguments, **named)
    setattr(of, name, call)

def address(arguments):
    return arguments[1][0] if isinstance(arguments[1], tuple) else "localhost"

for name in ("connect", "connect_ex"):
    guarded(name, socket.socket, address)
guarded("sendto", socket.socket, lambda arguments: address(arguments[-2:]))
for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "create_connection"):
    guarded(name, socket, lambda arguments: arguments[0][0] if isinstance(arguments[0], tuple) else arguments[0])
print("GUARDED", file=sys.stderr, flush=True)
"""

ALL = """
import contextlib, io, json, sys
from pathlib import Path
from ui.command.cli import main

folder = Path(sys.argv[1])

def run(*argv):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = main([str(argument) for argument in argv])
    assert code in (0, 1), (argv, code)
    return printed.getvalue()

corpus = ("--corpus", folder / "corpus")
run("index", folder / "article.txt", *corpus, "--json")
asked = run("ask", "Who built the lighthouse?", *corpus, "--json", "--risk", 1)
(folder / "asked.json").write_text(asked)
verdict = run("verify", folder / "asked.json", *corpus, "--json")
run("doctor", *corpus)
summary = run("eval", "--documents", folder / "corpus.jsonl", "--questions", folder / "questions.jsonl", "--json")
print(json.dumps([json.loads(asked), json.loads(verdict.splitlines()[0]), json.loads(summary)]))
"""

TEXT = (
    "The lighthouse was built in 1854 by Alan Stevenson. It is 30 metres tall.\n\nNobody has lived there since 1972.\n"
)


def evidence_of(answer: str) -> dict[str, int | str]:
    start = TEXT.index(answer)
    return {"start": start, "end": start + len(answer), "kind": "answer"}


def run_guarded(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    # QUOTH_ settings and offline switches of this machine must not do the guard's work
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("QUOTH_", "HF_", "TRANSFORMERS_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", GUARD + script, *map(str, arguments)],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert "GUARDED" in done.stderr
    return done


@pytest.mark.parametrize(
    "reach",
    [
        "socket.create_connection(('192.0.2.1', 443), timeout=1)",
        "socket.getaddrinfo('example.invalid', 443)",
        "socket.socket().connect(('192.0.2.1', 443))",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
        "import urllib.request; urllib.request.urlopen('http://example.invalid', timeout=1)",
        "import httpx; httpx.get('http://192.0.2.1', timeout=1)",
    ],
)
def test_the_guard_stops_what_reaches_out(reach: str) -> None:
    done = run_guarded(f"try:\n    {reach}\nexcept Exception:\n    pass\n")
    assert done.returncode != 0
    assert "REACHED" in done.stderr


def test_the_guard_lets_this_machine_be() -> None:
    done = run_guarded(
        "with socket.create_server(('127.0.0.1', 0)) as server:\n"
        "    socket.create_connection(server.getsockname()).close()\n"
        "print(socket.getaddrinfo('localhost', 80) != [])\n"
    )
    assert (done.returncode, done.stdout) == (0, "True\n")
    assert "REACHED" not in done.stderr


def test_index_ask_verify_and_eval_reach_nothing(tmp_path: Path) -> None:
    (tmp_path / "article.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "corpus.jsonl").write_text(json.dumps({"doc_id": "a", "title": "The lighthouse", "text": TEXT}) + "\n")
    answers = {"Who built the lighthouse?": "Alan Stevenson", "How tall is it?": "30 metres", "Who is the king?": None}
    rows = [
        {
            "id": f"q{n}",
            "question": question,
            "answerable": answer is not None,
            "answers": [answer] if answer else [],
            "doc_id": "a",
            "evidence": [evidence_of(answer)] if answer else [],
            "history": [],
        }
        for n, (question, answer) in enumerate(answers.items())
    ]
    (tmp_path / "questions.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    done = run_guarded(ALL, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "REACHED" not in done.stderr
    asked, verified, evaluated = json.loads(done.stdout.splitlines()[-1])
    assert asked["citations"][0]["text"] in TEXT
    assert verified["verdict"]["status"] == "valid"
    assert evaluated["summary"]


def test_an_encoder_that_is_not_there_is_not_looked_for_outside(tmp_path: Path) -> None:
    done = run_guarded(
        "from ui.command.cli import main\nimport sys\n"
        "sys.exit(main(['ask', 'What?', '--encoder', 'nobody/has-this', '--corpus', sys.argv[1]]))",
        tmp_path,
    )
    assert done.returncode == 4
    assert "REACHED" not in done.stderr
    assert "encoder 'nobody/has-this'" in done.stderr
