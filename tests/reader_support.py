"""Shared by the tests of the trained reader: a toy question set, its examples and a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from corpus_support import HashEncoder

from eval.training.checkpoint import new_model
from eval.training.make_examples import make_examples
from index.encoders.bert import Bert, BertConfig
from rag.readers.model import ReaderModel

_PEOPLE = ("Ada Byron", "Grace Hopper", "Alan Turing", "Mary Shelley", "Isaac Newton")
_PLACES = ("London", "Boston", "Manchester", "Geneva", "Lincoln")


def write_set(folder: Path) -> Path:
    """Five short articles, four answerable questions about each and one that nothing answers."""
    folder.mkdir(parents=True)
    documents, questions = [], []
    for n, (person, place) in enumerate(zip(_PEOPLE, _PLACES, strict=True)):
        year, money = 1801 + 11 * n, f"${n + 1},200.50"
        text = (
            f"# Life of {person}\n\n{person} was born in {place} in {year}. The house had {n + 3} rooms.\n\n"
            f"# Work\n\nIn {year + 30} the academy paid {person} {money} for a machine. It was never finished, said "
            f"{_PEOPLE[n - 1]} of {_PLACES[n - 1]} in {year + 40}.\n"
        )
        documents.append({"doc_id": f"d{n}", "title": person, "text": text})
        asked = [
            (f"Where was {person} born?", place),
            (f"In which year was {person} born?", str(year)),
            (f"How much did {person} get in {year + 30}?", money),
            (f"What was the payment to {person} for?", "a machine"),
            (f"Which prize did {person} win?", None),
        ]
        for k, (question, answer) in enumerate(asked):
            start = text.index(answer) if answer else 0
            evidence = [{"start": start, "end": start + len(answer), "kind": "answer"}] if answer else []
            row = {"id": f"q{n}-{k}", "question": question, "doc_id": f"d{n}", "answerable": answer is not None}
            questions.append({**row, "answers": [answer] if answer else [], "evidence": evidence, "history": []})
    for name, rows in (("corpus", documents), ("questions", questions)):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return folder


def write_examples_of(data: Path, out: Path, held: float = 0.2) -> Path:
    """Makes examples of the question set `data` and gives their folder."""
    make_examples([data], out, HashEncoder(), held=held, held_limit=300)
    return out


def tiny_model(seed: int = 0) -> ReaderModel:
    """The reader's model over an untrained BERT of two small layers, which trains fast."""
    config = BertConfig(layers=2, heads=2, hidden=32, eps=1e-12)
    generator = torch.Generator().manual_seed(seed)
    shapes = {
        "embeddings.word_embeddings.weight": (30522, 32),
        "embeddings.position_embeddings.weight": (512, 32),
        "embeddings.token_type_embeddings.weight": (2, 32),
    }
    for n in range(config.layers):
        layer = f"encoder.layer.{n}"
        for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            shapes[f"{layer}.{part}.weight"] = (32, 32)
        shapes[f"{layer}.intermediate.dense.weight"] = (64, 32)
        shapes[f"{layer}.output.dense.weight"] = (32, 64)
    weights = {name: torch.randn(shape, generator=generator) / shape[1] ** 0.5 for name, shape in shapes.items()}
    for name in [name for name in weights if name.startswith("encoder")]:
        weights[name.replace("weight", "bias")] = torch.zeros(weights[name].shape[0])
    for norm in ("embeddings", *(f"encoder.layer.{n}.{of}" for n in range(2) for of in ("attention.output", "output"))):
        weights[f"{norm}.LayerNorm.weight"], weights[f"{norm}.LayerNorm.bias"] = torch.ones(32), torch.zeros(32)
    return new_model(Bert(config, weights), torch.device("cpu"), seed)
