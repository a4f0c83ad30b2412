"""Loading readers by name."""

from index.encoders.encoder import Encoder
from index.errors import SettingsError
from index.text.words import Words
from rag.readers.names import READERS, TRANSFORMERS
from rag.types import Reader


def load_reader(name: str, encoder: Encoder, words: Words) -> Reader:
    """The reader with this name: one of READERS, or `transformers:` and a model. `words` stems words for matching.

    Raises SettingsError if there is no such reader, and ModelError if its weights are missing or damaged.
    """
    # imported here, since each brings libraries that the others do not need
    if name in READERS:
        from rag.readers.similarity import SentenceMatcher, SimilarityReader

        matcher = SentenceMatcher(encoder)
        if name == "similarity":
            return SimilarityReader(matcher, words)
        from rag.readers.trained import TrainedReader

        return TrainedReader.load(matcher)
    if name.startswith(TRANSFORMERS):
        from rag.readers.transformers import ExtractiveReader

        return ExtractiveReader.load(name.removeprefix(TRANSFORMERS))
    raise SettingsError(
        f"there is no reader {name!r}", f"Choose one of {', '.join(READERS)}, {TRANSFORMERS}NAME_OR_PATH"
    )
