"""The house stands as it is drawn: imports go down, libraries stay in their rooms, and importing does nothing else."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# a package may import from itself and from these
BELOW = {"index": set[str](), "rag": {"index"}, "ui": {"rag", "index"}, "eval": {"rag", "index"}}
# a library may be imported only in modules whose names begin so
# eval.bench measures ours against the libraries themselves
MODELS = ("index.encoders.", "rag.readers.", "eval.training.", "eval.bench.")
ROOMS = {
    "faiss": ("index.",),
    "bm25s": ("index.",),
    "torch": MODELS,
    "transformers": MODELS,
    "sentence_transformers": MODELS,
    "tokenizers": MODELS,
    "safetensors": MODELS,
    "gradio": ("ui.",),
    "fastapi": ("ui.",),
}


def modules() -> dict[str, Path]:
    """Every module of ours, by its dotted name; a package's own is named PACKAGE.__init__."""
    return {
        ".".join(file.relative_to(ROOT).with_suffix("").parts): file
        for package in BELOW
        for file in sorted((ROOT / package).rglob("*.py"))
    }


def broken_rules(module: str, source: str) -> list[str]:
    """What `source` breaks of the rules, as the module of this name, one line each."""
    package = module.partition(".")[0]
    broken = []
    for line, imported, whole in _imports(module, ast.parse(source)):
        top = imported.partition(".")[0]
        where = f"{module}:{line}"
        if top in BELOW and top != package and top not in BELOW[package]:
            broken.append(f"{where}: {package} may not import from {top}")
        if whole and imported in BELOW:
            broken.append(f"{where}: write from {imported}.… import …, not import {imported}")
        if top in ROOMS and not module.startswith(ROOMS[top]):
            broken.append(f"{where}: {top} belongs in {', '.join(ROOMS[top])}")
    return broken


def _imports(module: str, tree: ast.Module) -> Iterator[tuple[int, str, bool]]:
    """(line, the module imported, whether as a whole), wherever in the source: in functions and TYPE_CHECKING too."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from ((node.lineno, alias.name, True) for alias in node.names)
            case ast.ImportFrom(level=0, module=str(name)):
                yield node.lineno, name, False
            case ast.ImportFrom(level=level, module=name):
                base = module.split(".")[:-level]
                yield node.lineno, ".".join([*base, *([name] if name else [])]), False
            case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
                # importlib.import_module("…") imports as well
                if ast.unparse(function) in ("importlib.import_module", "import_module", "__import__"):
                    yield node.lineno, name, False


# the command line names eval to hand its arguments over, and knows nothing else of it
HANDED_OVER = "ui may not import from eval"


@pytest.mark.parametrize("module", modules())
def test_imports_go_down_and_libraries_stay_in_their_rooms(module: str) -> None:
    broken = broken_rules(module, modules()[module].read_text(encoding="utf-8"))
    if module == "ui.command.cli":
        assert len(broken) == 1
        assert broken.pop().endswith(HANDED_OVER)
    assert broken == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("index.embedded.corpus", "from rag.answer import Answerer"),
        ("index.embedded.corpus", "from ui.command.cli import main"),
        ("index.sources.text", "def read():\n    from eval.questions.data import Question"),
        ("rag.answer", "from ui.page.chat import chat"),
        ("rag.answer", "import eval.run.evaluate"),
        ("rag.answer", "if TYPE_CHECKING:\n    from ui.page.chat import chat"),
        ("ui.app", "from eval.run.evaluate import main"),
        ("ui.app", "import importlib\nimportlib.import_module('eval.run.evaluate')"),
        ("eval.run.evaluate", "from ui.command.cli import main"),
        ("eval.run.evaluate", "from ui import cli"),
        ("ui.command.commands", "import index"),
        ("eval.run.evaluate", "import eval"),
        ("index.embedded.fusion", "import faiss"),
        ("index.embedded.fusion", "from faiss import IndexFlat"),
        ("eval.run.baselines", "import bm25s"),
        ("index.embedded.corpus", "import torch"),
        ("index.text.chunk", "from tokenizers import Tokenizer"),
        ("index.embedded.dense", "import safetensors.torch as weights"),
        ("rag.answer", "from transformers import AutoModel"),
        ("ui.command.doctor", "import sentence_transformers"),
        ("eval.run.report", "import gradio as gr"),
        ("rag.row", "from fastapi.responses import JSONResponse"),
        ("index.sources.text", "from ...rag import answer"),
    ],
)
def test_a_breach_is_seen(module: str, source: str) -> None:
    assert len(broken_rules(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("rag.answer", "from index.embedded.corpus import Corpus"),
        ("ui.app", "from rag.answer import Answerer\nimport gradio as gr\nfrom ui.page.chat import chat"),
        ("eval.run.evaluate", "from rag.answer import Answerer\nfrom eval.questions.data import Question"),
        ("index.encoders.encoder", "import torch\nfrom tokenizers import Tokenizer"),
        ("rag.readers.similarity", "import torch"),
        ("index.sources.text", "from ..types import Document\nfrom index.errors import SourceError"),
        ("index.embedded.corpus", "from index import edition"),
    ],
)
def test_what_is_allowed_is_let_pass(module: str, source: str) -> None:
    assert broken_rules(module, source) == []


IMPORT_ALL = """
import importlib, json, logging, os, sys

PACKAGES = ("index", "rag", "ui", "eval")
now, seen = None, []

def watch(event, arguments):
    if now and event in ("socket.__new__", "socket.connect", "socket.getaddrinfo", "subprocess.Popen"):
        seen.append([now, event])
    if now and event == "open" and str(arguments[0]).endswith((".safetensors", "tokenizer.json", ".onnx")):
        seen.append([now, f"opens {arguments[0]}"])

def ours(name):
    return name == "root" or name.partition(".")[0] in (*PACKAGES, "quoth")

def handlers():
    known = {"root": logging.root, **logging.root.manager.loggerDict}
    return {name: len(getattr(logger, "handlers", ())) for name, logger in known.items() if ours(name)}

sys.addaudithook(watch)
for module in sys.argv[1:]:
    environment, before = dict(os.environ), handlers()
    now = module
    importlib.import_module(module)
    now = None
    if dict(os.environ) != environment:
        seen.append([module, "sets an environment variable"])
    if any(count > before.get(name, 0) for name, count in handlers().items()):
        seen.append([module, "adds a logging handler"])
print(json.dumps(seen))
"""


def seen_on_import(*names: str, path: Path = ROOT) -> list[list[str]]:
    """[module, what it did besides] of modules imported one after another in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *names],
        env=os.environ | {"PYTHONPATH": f"{path}"},
        cwd=path,
        capture_output=True,
        text=True,
        check=True,
    )
    seen: list[list[str]] = json.loads(done.stdout.splitlines()[-1])
    return seen


def test_importing_any_module_of_ours_does_nothing_else() -> None:
    assert seen_on_import(*(name.removesuffix(".__init__") for name in modules())) == []


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("import socket; socket.socket().close()", "socket.__new__"),
        ("import os; os.environ['X'] = '1'", "sets an environment variable"),
        ("import logging; logging.basicConfig()", "adds a logging handler"),
        ("import logging; logging.getLogger('index').addHandler(logging.StreamHandler())", "adds a logging handler"),
        ("open('model.safetensors').close()", "opens model.safetensors"),
    ],
)
def test_what_an_import_does_besides_is_seen(tmp_path: Path, source: str, seen: str) -> None:
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "intruder.py").write_text(source)
    assert ["intruder", seen] in seen_on_import("intruder", path=tmp_path)
