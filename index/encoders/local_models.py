"""A model of a person's own, whatever it is for: loaded without a network and without pickles, or refused in a line."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from index.errors import ModelError


@contextmanager
def loading(what: str, wanted: str, name: str) -> Iterator[None]:
    """While a model of a person's own is loaded: raises ModelError where it is not what is `wanted`, whatever happens.

    Also where its name is that of a file, which transformers would unpickle.
    """
    remedy = "Name one of these; nothing is downloaded"
    if os.path.isfile(name):
        raise ModelError(
            f"{what} is a file, expected a folder with a model or a name in this machine's model cache", remedy
        )
    try:
        yield
    # whatever a stranger's files make of the libraries: it is raised again as what it means here
    except Exception as error:
        problem = f"{what} is neither {wanted} nor in this machine's model cache{_reason(name, error)}"
        raise ModelError(problem, remedy) from error


def check_modules(name: str, organization: str = "") -> None:
    """Raises OSError where a module beside the transformer of a sentence-transformers model has its weights pickled.

    The library reads such ones whatever it is told of safetensors. Under `organization` it looks for bare names.
    """
    from sentence_transformers.util import load_file_path

    if organization and "/" not in name and not os.path.isdir(name):
        name = f"{organization}/{name}"
    listed = load_file_path(name, "modules.json", local_files_only=True)
    for module in json.loads(Path(listed).read_text(encoding="utf-8")) if listed else ():
        kept = {
            file: load_file_path(name, file, subfolder=module["path"], local_files_only=True)
            for file in ("model.safetensors", "pytorch_model.bin")
        }
        # to the transformer, which may be in several files, use_safetensors is passed
        if not module["type"].endswith(".Transformer") and kept["pytorch_model.bin"] and not kept["model.safetensors"]:
            raise OSError(f"no file model.safetensors in {module['path'] or 'it'}, only pytorch_model.bin")


def check_vocabulary(what: str, model: torch.nn.Module, tokenizer: Any) -> None:
    """Raises ModelError where the tokenizer knows less than half of the word pieces that the model has vectors for.

    Without its files a tokenizer is made that knows the special word pieces alone, and whatever is read is unknown to
    it. What models have besides for the sake of round numbers, or for word pieces to come, is far less than half.
    """
    from transformers import PreTrainedModel

    inner = next((module for module in model.modules() if isinstance(module, PreTrainedModel)), None)
    try:
        table = None if inner is None else inner.get_input_embeddings()
    except NotImplementedError:
        return
    if isinstance(table, torch.nn.Embedding) and 2 * len(tokenizer) < table.num_embeddings:
        raise ModelError(
            f"the tokenizer of {what} knows {len(tokenizer)} word pieces, expected about the {table.num_embeddings} "
            "that the model has",
            "Put the tokenizer's files (tokenizer.json) into the model's folder, or name another model",
        )


def _reason(name: str, error: Exception) -> str:
    """What a library says of a folder that it cannot load, to stand behind our own words.

    Of a name that is in no cache it says that it could not connect, which nothing here is meant to do.
    """
    said = textwrap.shorten(str(error), 200, placeholder="…").rstrip(".")
    return f" ({type(error).__name__}: {said})" if os.path.isdir(name) else ""
