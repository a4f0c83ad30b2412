"""What loading a model of a person's own takes: no network, and nothing said but in our own words."""

from __future__ import annotations

import os


def load_offline() -> None:
    """To be called before transformers or sentence-transformers are imported; counts for the whole process."""
    # read by huggingface_hub when it is imported: without it a name that is not in the cache is looked up outside
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
