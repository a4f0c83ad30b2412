"""Re-ranking: a sentence-transformers CrossEncoder reads question and passage together and puts passages in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from index.encoders.local_models import LOCAL, check_modules, check_vocabulary, loading
from index.errors import ModelError
from index.text.chunk import searchable
from index.types import Hit, Query

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


class CrossEncoderReranker:
    """Scores each passage, under its title and heading, by the sigmoid of the model's one logit."""

    def __init__(self, model: CrossEncoder) -> None:
        self._model = model

    @classmethod
    def load(cls, name: str) -> CrossEncoderReranker:
        """The model of this path, or of this name in the local cache. Raises ModelError if there is none."""
        wanted = "a folder with a sentence-transformers CrossEncoder in safetensors"
        with loading(f"the re-ranker {name!r}", wanted, name):
            from sentence_transformers import CrossEncoder
            from transformers import AutoConfig

            check_modules(name)
            config = AutoConfig.from_pretrained(name, **LOCAL)
            model = CrossEncoder(name, device="cpu", model_kwargs={"use_safetensors": True}, **LOCAL)
        # the library puts a head of random numbers on a model that has none
        ranks = any(kind.endswith("ForSequenceClassification") for kind in config.architectures or ())
        if not ranks or model.num_labels != 1:
            given = f"gives {model.num_labels} scores for" if ranks else "has no head that scores"
            raise ModelError(
                f"the re-ranker {name!r} {given} a passage, expected 1 score", "Choose a CrossEncoder for ranking"
            )
        check_vocabulary(f"the re-ranker {name!r}", model, model.tokenizer)
        return cls(model)

    def rerank(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        if not hits:
            return []
        scores = self._model.predict(
            [(query.text, searchable(hit.passage)) for hit in hits],
            activation_fn=torch.nn.Sigmoid(),
            show_progress_bar=False,
        ).tolist()
        ordered = sorted(zip(scores, hits, strict=True), key=lambda scored: -scored[0])
        return [
            replace(hit, score=score, rank=rank, found_by={**hit.found_by, "reranker": score})
            for rank, (score, hit) in enumerate(ordered, start=1)
        ]
