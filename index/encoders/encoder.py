"""The encoder interface."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.types import Encoding

PACKAGED = "all-MiniLM-L6-v2"
"""The name of the packaged encoder."""


class Encoder(Protocol):
    """Turns texts into unit vectors whose inner product is their similarity."""

    @property
    def name(self) -> str: ...

    @property
    def checksum(self) -> str:
        """sha256 of the weights."""

    @property
    def dimension(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """The most word pieces of a text that the encoder reads, without the special ones. It ignores the rest."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, (len(texts), dimension), float32."""

    def encode_pieces(self, texts: Sequence[str]) -> list[Encoding]:
        """The vector of each text and of its word pieces, from one forward pass."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The number of word pieces of each text, without the special ones."""
