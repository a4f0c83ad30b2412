"""`python -m eval.run.beir`: measures only the search, on a retrieval set in BEIR's format."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from eval.measures.bootstrap import Estimate, Values, estimate, mean
from eval.questions.lines import read_lines, read_rows
from eval.run.asking import progress
from eval.run.evaluation import aligned
from eval.run.paths import input_path
from index.embedded.dense import DenseIndex
from index.embedded.fusion import fuse
from index.embedded.lexical import LexicalIndex
from index.encoders.encoder import Encoder
from index.encoders.load import load_encoder
from index.errors import QuestionSetError
from index.exit_codes import GOOD, print_json, run_command
from index.publish import encode_all
from index.sources.jsonl import read_jsonl

DEPTH = 100
MEASURES = ("nDCG@10", "recall@100")

Ranking = Sequence[tuple[str, float]]
"""(doc_id, score) of the DEPTH best, best first."""


@dataclass(frozen=True, slots=True)
class RetrievalSet:
    """Texts, queries, and the texts that are relevant to each query."""

    texts: Mapping[str, str]
    """doc_id -> title and text, joined by a space."""
    queries: Mapping[str, str]
    """Query id -> query, only for judged queries."""
    relevance: Mapping[str, Mapping[str, int]]
    """Query id -> doc_id -> grade."""


def read_beir(folder: Path) -> RetrievalSet:
    """Reads corpus.jsonl, queries.jsonl and qrels/test.tsv (Thakur et al., "BEIR", NeurIPS 2021).

    Raises SourceError or QuestionSetError, naming the file and the line.
    """
    texts = {
        doc_id: document.text if document.title == doc_id else f"{document.title} {document.text}"
        for doc_id, document in read_jsonl(folder / "corpus.jsonl")
    }
    relevance: dict[str, dict[str, int]] = {}
    for place, line in read_lines(folder / "qrels" / "test.tsv")[1:]:
        fields = line.split("\t")
        if len(fields) != 3 or not fields[2].isdecimal():
            raise QuestionSetError(f"{place} is {line!r}, expected query id, text id and grade", "Part them by tabs")
        relevance.setdefault(fields[0], {})[fields[1]] = int(fields[2])
    path = folder / "queries.jsonl"
    queries = {row["_id"]: row["text"] for row in read_rows(path, "_id", "text") if row["_id"] in relevance}
    if not queries or queries.keys() != relevance.keys():
        raise QuestionSetError(
            f"{len(relevance)} queries are judged in {folder}, and {len(queries)} of them are in {path.name}",
            "Give the files of one set",
        )
    return RetrievalSet(texts, queries, relevance)


def score(rankings: Mapping[str, Ranking], relevance: Mapping[str, Mapping[str, int]]) -> dict[str, Values]:
    """Measure -> its values, (queries,), in the order of `relevance`. A query without results scores 0."""
    from ir_measures import Qrel, R, ScoredDoc, iter_calc, nDCG

    qrels = [Qrel(query, doc_id, grade) for query, grades in relevance.items() for doc_id, grade in grades.items()]
    run = [ScoredDoc(query, doc_id, score) for query, ranking in rankings.items() for doc_id, score in ranking]
    measures = (nDCG @ 10, R @ 100)
    values = {(value.measure, value.query_id): value.value for value in iter_calc(measures, qrels, run)}
    return {
        name: np.array([values.get((measure, query), 0.0) for query in relevance])
        for name, measure in zip(MEASURES, measures, strict=True)
    }


def rank(retrieval: RetrievalSet, encoder: Encoder, depth: int = DEPTH) -> dict[str, dict[str, Ranking]]:
    """System -> query id -> ranking: by the encoder only, by BM25 only, and by both, fused as in quoth."""
    ids, texts = list(retrieval.texts), list(retrieval.texts.values())
    lexical = LexicalIndex.build(texts)
    dense = DenseIndex.build(encode_all(encoder, texts, progress("Encoding")))
    systems: dict[str, dict[str, Ranking]] = {"dense": {}, "BM25": {}, "hybrid": {}}
    nearest = zip(*dense.search(encoder.encode(list(retrieval.queries.values())), depth), strict=True)
    for (query, text), by_meaning in zip(retrieval.queries.items(), nearest, strict=True):
        by_words = lexical.search(text, depth)
        alone = {"dense": zip(*by_meaning, strict=True), "BM25": zip(*by_words, strict=True)}
        for system, pairs in {**alone, "hybrid": fuse([by_meaning, by_words])[:depth]}.items():
            systems[system][query] = [(ids[row], float(score)) for score, row in pairs]
    return systems


def compare(rankings: Mapping[str, Mapping[str, Ranking]], retrieval: RetrievalSet) -> dict[str, dict[str, Estimate]]:
    """System -> measure -> estimate; also "hybrid − dense" and "hybrid − BM25", the paired differences."""
    values = {system: score(ranking, retrieval.relevance) for system, ranking in rankings.items()}
    for part in ("dense", "BM25"):
        values[f"hybrid − {part}"] = {name: values["hybrid"][name] - values[part][name] for name in MEASURES}
    return {
        system: {name: one for name, scores in own.items() if (one := estimate(mean, scores))}
        for system, own in values.items()
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code. A wrong usage raises SystemExit(2)."""
    return run_command("eval.run.beir", lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m eval.run.beir",
        description="Measures search by meaning, by words and by both on a retrieval set, with 95% intervals.",
    )
    parser.add_argument("folder", type=input_path, help="holds corpus.jsonl, queries.jsonl and qrels/test.tsv")
    parser.add_argument("--json", action="store_true", help="write the figures as JSON instead of a table")
    args = parser.parse_args(argv)
    retrieval = read_beir(args.folder)
    systems = compare(rank(retrieval, load_encoder()), retrieval)
    if args.json:
        plain = {system: {name: asdict(estimate) for name, estimate in own.items()} for system, own in systems.items()}
        print_json(plain, indent=2)
    else:
        rows = [
            [system, *(f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})" for one in own.values())]
            for system, own in systems.items()
        ]
        sys.stdout.write(aligned([["", *MEASURES], *rows]))
    return GOOD


if __name__ == "__main__":
    sys.exit(main())
