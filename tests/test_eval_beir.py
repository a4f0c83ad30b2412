"""Retrieval sets in BEIR's shape: read, ranked, and scored as a slow reference scores them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from eval_support import WordEncoder
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.run import beir
from eval.run.beir import compare, main, rank, read_beir, score
from index.errors import ModelError, QuestionSetError, SourceError

CORPUS = [
    {"_id": "d1", "title": "Harbour", "text": "Three ships lie there."},
    {"_id": "d2", "title": "", "text": "A chapel on a hill."},
    {"_id": "d3", "title": "Storm", "text": "The harbour froze."},
]
QUERIES = [{"_id": "q1", "text": "three ships"}, {"_id": "q2", "text": "chapel"}, {"_id": "q3", "text": "not judged"}]
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td3\t2\nq2\td2\t1\nq2\td1\t0\n"


def write(folder: Path, *, qrels: str = QRELS, queries: str | None = None) -> Path:
    (folder / "qrels").mkdir()
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in CORPUS))
    (folder / "queries.jsonl").write_text(queries or "".join(json.dumps(row) + "\n" for row in QUERIES))
    (folder / "qrels" / "test.tsv").write_text(qrels)
    return folder


def slow_ndcg(found: list[int], every: list[int]) -> float:
    """Järvelin & Kekäläinen 2002 with linear gain, cut at 10."""
    gain = sum(grade / math.log2(rank + 2) for rank, grade in enumerate(found[:10]))
    best = sum(grade / math.log2(rank + 2) for rank, grade in enumerate(sorted(every, reverse=True)[:10]))
    return gain / best if best else 0.0


def test_a_set_is_read_with_its_titles_and_its_judged_queries(tmp_path: Path) -> None:
    found = read_beir(write(tmp_path))
    assert found.texts == {
        "d1": "Harbour Three ships lie there.",
        "d2": "A chapel on a hill.",
        "d3": "Storm The harbour froze.",
    }
    assert found.queries == {"q1": "three ships", "q2": "chapel"}
    assert found.relevance == {"q1": {"d1": 1, "d3": 2}, "q2": {"d2": 1, "d1": 0}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"qrels": "head\nq1\td1\n"}, "test.tsv:2 is 'q1.+td1', expected"),
        ({"qrels": "head\nq1\td1\tyes\n"}, "test.tsv:2"),
        ({"qrels": "head\n"}, "0 queries are judged"),
        ({"qrels": QRELS + "q9\td1\t1\n"}, "3 queries are judged in .*, and 2 of them"),
        ({"qrels": "head\n\n\nq1\td1\n"}, "test.tsv:4 is 'q1"),
        ({"queries": "{\n"}, "queries.jsonl:1 is not JSON"),
        ({"queries": "\n \n{\n"}, "queries.jsonl:3 is not JSON"),
        ({"queries": '{"_id": "q1", "text": "\\ud800"}'}, "queries.jsonl:1 is no text"),
        ({"queries": "[" * 100_000}, "queries.jsonl:1 is not JSON"),
        ({"queries": '{"_id": ["q1"], "text": "three"}'}, "queries.jsonl:1 is no object"),
        ({"queries": '{"_id": "q1", "text": null}'}, "queries.jsonl:1 is no object"),
        ({"queries": '{"_id": "q1"}\n'}, "queries.jsonl:1 is no object"),
        ({"queries": "[]\n"}, "queries.jsonl:1 is no object"),
    ],
)
def test_a_malformed_set_is_refused(tmp_path: Path, changes: dict[str, str], said: str) -> None:
    with pytest.raises(QuestionSetError, match=said):
        read_beir(write(tmp_path, **changes))


def test_a_set_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        read_beir(tmp_path)
    write(tmp_path)
    (tmp_path / "qrels" / "test.tsv").unlink()
    with pytest.raises(SourceError, match=r"test.tsv: No such file"):
        read_beir(tmp_path)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 3), min_size=1, max_size=15).filter(any), st.integers(0, 15), st.randoms()),
        min_size=1,
        max_size=4,
    )
)
def test_scores_by_hand(queries: list[tuple[list[int], int, object]]) -> None:
    relevance, rankings, ndcg, recall = {}, {}, [], []
    for number, (grades, found, random) in enumerate(queries):
        order = list(range(len(grades)))
        random.shuffle(order)  # type: ignore[attr-defined]
        taken = order[:found]
        relevance[f"q{number}"] = {f"d{doc}": grade for doc, grade in enumerate(grades)}
        rankings[f"q{number}"] = [(f"d{doc}", 1 / (rank + 1)) for rank, doc in enumerate(taken)]
        ndcg.append(slow_ndcg([grades[doc] for doc in taken], grades))
        recall.append(sum(grades[doc] > 0 for doc in taken) / sum(grade > 0 for grade in grades))
    values = score(rankings, relevance)
    assert values["nDCG@10"] == pytest.approx(ndcg)
    assert values["recall@100"] == pytest.approx(recall)


def test_every_system_ranks_every_query_and_the_best_text_is_first(tmp_path: Path) -> None:
    rankings = rank(read_beir(write(tmp_path)), WordEncoder())
    assert list(rankings) == ["dense", "BM25", "hybrid"]
    for its in rankings.values():
        assert {query: ranking[0][0] for query, ranking in its.items()} == {"q1": "d1", "q2": "d2"}
        assert all(
            [score for _, score in ranking] == sorted((score for _, score in ranking), reverse=True)
            for ranking in its.values()
        )


def test_rankings_are_cut_at_the_depth(tmp_path: Path) -> None:
    write(tmp_path, queries="".join(json.dumps(row | {"text": "harbour hill"}) + "\n" for row in QUERIES))
    rankings = rank(read_beir(tmp_path), WordEncoder(), depth=1)
    assert {len(ranking) for its in rankings.values() for ranking in its.values()} == {1}


def test_differences_are_paired(tmp_path: Path) -> None:
    found = read_beir(write(tmp_path))
    right, wrong = [("d3", 2.0), ("d1", 1.0)], [("d2", 1.0)]
    rankings = {
        "dense": {"q1": wrong, "q2": wrong},
        "BM25": {"q1": right, "q2": right},
        "hybrid": {"q1": right, "q2": wrong},
    }
    systems = compare(rankings, found)
    assert [systems[name]["recall@100"].value for name in ("dense", "BM25", "hybrid")] == [0.5, 0.5, 1]
    # At q1 the two are the same, so the interval reaches from no difference to that of q2 alone.
    difference = systems["hybrid − BM25"]["recall@100"]
    assert (difference.value, difference.low, difference.high, difference.n) == (0.5, 0, 1, 2)
    assert systems["hybrid − dense"]["nDCG@10"].value == pytest.approx(np.mean([1, 0]))


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(beir, "load_encoder", WordEncoder)
    write(tmp_path)
    assert main([str(tmp_path), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert list(values) == ["dense", "BM25", "hybrid", "hybrid − dense", "hybrid − BM25"]
    assert values["hybrid"]["recall@100"]["n"] == 2
    assert main([str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["nDCG@10", "recall@100"]
    assert [line[:14].strip() for line in lines[1:]] == list(values)
    assert main([str(tmp_path / "none")]) == 3
    assert capsys.readouterr().err.count("\n") == 1

    def missing() -> None:
        raise ModelError("the weights are missing", "Install them")

    monkeypatch.setattr(beir, "load_encoder", missing)
    assert main([str(tmp_path)]) == 4
    assert capsys.readouterr().err == "eval.run.beir: the weights are missing. Install them.\n"
