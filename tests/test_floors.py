"""The house stands as it is drawn: imports go down, libraries stay in their rooms, and importing does nothing else."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# a package may import from itself and from these
BELOW = {"index": set[str](), "rag": {"index"}, "ui": {"rag", "index"}, "eval": {"rag", "index"}}
# the rooms of each floor, lowest first: a room imports from itself and from the rooms before it
ORDER = {
    "index": "errors types files strict_json exit_codes text encoders sources embedded publish corpus",
    "rag": "types settings likelihood english text_fragment forms decide cite receipt readers calibration judge row "
    "answer",
    "ui": "settings http access journal service page api widget app command",
    "eval": "questions measures run training fitting bench",
}
# a library may be imported only in modules whose names begin so; eval.bench times the libraries themselves
MODELS = ("index.encoders.", "rag.readers.", "eval.training.", "eval.bench.")
ROOMS = {
    "faiss": ("index.embedded.",),
    "bm25s": ("index.embedded.", "index.text.words"),
    "sqlite3": ("index.embedded.", "ui.access.private_files"),
    "torch": MODELS,
    "transformers": MODELS,
    "sentence_transformers": MODELS,
    "tokenizers": MODELS,
    "safetensors": MODELS,
    "gradio": ("ui.page.",),
    "fastapi": ("ui.",),
}
# the engine is behind index.corpus; above floor 1 only these name it
ENGINE = {
    "ui.command.index": "index.embedded.edition",
    "ui.command.bundle": "index.embedded.edition",
    # rankings of single sentences and of whole abstracts, over indexes of their own
    "eval.run.baselines": "index.embedded",
    "eval.run.beir": "index.embedded",
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
        if top == package and _room(imported) and _rank(imported) > _rank(module):
            broken.append(f"{where}: {_room(module)} stands below {_room(imported)}")
        named = imported.startswith("index.embedded") and not imported.startswith(ENGINE.get(module, "nothing"))
        if named and package != "index":
            broken.append(f"{where}: search through index.corpus, not {imported}")
    return broken


def _room(module: str) -> str:
    """The room of a module: the second part of its name; empty for a package itself."""
    return module.partition(".")[2].partition(".")[0].replace("__init__", "")


def _rank(module: str) -> int:
    return ORDER[module.partition(".")[0]].split().index(_room(module)) if _room(module) else -1


def circles(imports: Mapping[str, set[str]]) -> list[str]:
    """Modules that import each other, directly or through others; empty if there are none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def imports_of(module: str, source: str, known: Collection[str]) -> set[str]:
    """The modules of ours that `source` imports, for typing alone as well."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return (found & set(known)) - {module}


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


def test_no_modules_import_each_other_in_a_circle() -> None:
    known = modules()
    sources = {module: file.read_text(encoding="utf-8") for module, file in known.items()}
    assert circles({module: imports_of(module, source, known) for module, source in sources.items()}) == []


def test_a_circle_is_seen() -> None:
    sources = {
        "rag.a": "from rag.b import B",
        "rag.b": "def late():\n    from rag import c",
        "rag.c": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import rag.a",
    }
    assert set(circles({module: imports_of(module, source, sources) for module, source in sources.items()})) == {
        *sources
    }
    assert circles({"rag.a": {"rag.b"}, "rag.b": set()}) == []


def test_every_room_has_its_place() -> None:
    for floor, rooms in ORDER.items():
        assert {_room(module) for module in modules() if module.startswith(f"{floor}.")} - {""} == set(rooms.split())


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
        ("eval.run.evaluate", "from ui import app"),
        ("ui.command.ask", "import index"),
        ("eval.run.evaluate", "import eval"),
        ("index.text.chunk", "import faiss"),
        ("rag.judge", "from faiss import IndexFlat"),
        ("rag.judge", "import sqlite3"),
        ("ui.api.routes", "import gradio"),
        ("index.text.chunk", "from index.embedded.dense import DenseIndex"),
        ("rag.types", "if TYPE_CHECKING:\n    from rag.judge import Judge"),
        ("ui.http.metrics", "from ui.service import Service"),
        ("eval.measures.types", "from eval.run.report import render"),
        ("rag.answer", "from index.embedded.corpus import EmbeddedCorpus"),
        ("eval.training.examples", "from index.embedded.dense import DenseIndex"),
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
        ("rag.answer", "from index.corpus import Corpus"),
        ("ui.app", "from rag.answer import Answerer\nfrom ui.page.chat import chat"),
        ("ui.page.chat", "import gradio as gr\nfrom ui.service import Service"),
        ("ui.command.index", "from index.embedded.edition import Manifest"),
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
