"""Re-ranking: a sentence-transformers CrossEncoder reads question and passage together and sorts the passages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from index.encoders.local_models import check_modules, check_vocabulary, load_offline, loading
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
        """Loads the model at this path, or with this name in the local cache. Raises ModelError if there is none."""
        load_offline()
        from sentence_transformers import CrossEncoder
        from transformers import AutoConfig

        wanted = "a folder with a sentence-transformers CrossEncoder in safetensors"
        with loading(f"the re-ranker {name!r}", wanted, name):
            check_modules(name)
            config = AutoConfig.from_pretrained(name, local_files_only=True, trust_remote_code=False)
            model = CrossEncoder(
                name,
                device="cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        if not any(kind.endswith("ForSequenceClassification") for kind in config.architectures or ()):
            # transformers gives such a model a head of random numbers
            raise ModelError(
                f"the re-ranker {name!r} has no head that scores a passage", "Choose a CrossEncoder for ranking"
            )
        if model.num_labels != 1:
            raise ModelError(
                f"the re-ranker {name!r} gives {model.num_labels} scores for a passage, expected 1",
                "Choose a CrossEncoder for ranking",
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
