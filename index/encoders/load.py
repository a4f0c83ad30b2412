"""Loading an encoder by name."""

from index.encoders.encoder import PACKAGED, Encoder


def load_encoder(name: str = PACKAGED) -> Encoder:
    """The packaged encoder, or a sentence-transformers model by path or by name in the local cache.

    Nothing is downloaded. Raises ModelError if the weights are missing or have the wrong checksum.
    """
    # imported here, since each brings libraries that the other does not need
    if name == PACKAGED:
        from index.encoders.packaged import PackagedEncoder

        return PackagedEncoder.load()
    from index.encoders.sentence_transformers import SentenceTransformersEncoder

    return SentenceTransformersEncoder.load(name)
