"""Loading a user's own models: offline, without pickles, with one-line errors."""

import json
import os
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from index.errors import ModelError

LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


@contextmanager
def loading(what: str, wanted: str, name: str) -> Iterator[None]:
    """Turns every error while loading a model into a ModelError: "{what} is neither {wanted} nor in the … cache".

    `name` is the model's folder or its name in the cache; a file is refused, since transformers would unpickle it.
    Keeps Hugging Face libraries offline and silent for the whole process: import them inside the with block.
    """
    remedy = "Name a model that is on this machine; quoth downloads none"
    if os.path.isfile(name):
        raise ModelError(
            f"{what} is a file, expected a folder with a model or a name in this machine's model cache", remedy
        )
    # huggingface_hub reads the variable at import; if it is not set, names missing from the cache are looked up online
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    # for unknown files the libraries raise errors of any kind; each becomes a ModelError here
    except Exception as error:
        problem = f"{what} is neither {wanted} nor in this machine's model cache"
        # for a name, the library's reason only says that it could not connect
        if os.path.isdir(name):
            problem += f" ({type(error).__name__}: {textwrap.shorten(str(error), 200, placeholder='…').rstrip('.')})"
        raise ModelError(problem, remedy) from error


def check_modules(name: str, organization: str = "") -> None:
    """Raises OSError if a module of a sentence-transformers model, besides its transformer, has only pickled weights.

    The library loads those even when asked for safetensors. A name without a slash, unless it is a folder, is looked
    up under `organization`, as the library does.
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
        # the transformer itself, which may have several files, is loaded with use_safetensors
        if not module["type"].endswith(".Transformer") and kept["pytorch_model.bin"] and not kept["model.safetensors"]:
            raise OSError(f"no file model.safetensors in {module['path'] or 'its folder'}, only pytorch_model.bin")


def check_offsets(what: str, tokenizer: object) -> None:
    """Raises ModelError unless the tokenizer is a fast one, which gives the offsets of its word pieces."""
    from transformers import PreTrainedTokenizerFast

    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise ModelError(
            f"the tokenizer of {what} does not say where in the text its pieces stand",
            "Name a model with a fast tokenizer (tokenizer.json)",
        )


def check_vocabulary(what: str, model: torch.nn.Module, tokenizer: Any) -> None:
    """Raises ModelError if the tokenizer knows less than half of the word pieces that the model has vectors for.

    If its files are missing, the libraries make a tokenizer that knows only the special word pieces, and every word
    counts as unknown. Intact models may also have spare vectors, but far fewer than half.
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
