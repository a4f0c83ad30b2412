"""Dense search: FAISS, exact, over half-precision vectors."""

from __future__ import annotations

import errno
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

FILE = "dense.faiss"


class DenseIndex:
    """Vectors searched by inner product, exactly; a row is a passage's number."""

    def __init__(self, index: faiss.Index) -> None:
        self._index = index

    @classmethod
    def build(cls, vectors: NDArray[np.float32]) -> DenseIndex:
        """An index over unit vectors, float32 (n, d), stored as fp16."""
        index = faiss.IndexScalarQuantizer(vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        index.add(np.ascontiguousarray(vectors, np.float32))
        return cls(index)

    @classmethod
    def open(cls, folder: Path) -> DenseIndex:
        return cls(faiss.read_index(str(folder / FILE)))

    def save(self, folder: Path) -> None:
        """Raises OSError where it cannot be written."""
        try:
            faiss.write_index(self._index, str(folder / FILE))
        except RuntimeError as error:
            raise OSError(errno.EIO, "FAISS could not write its index", str(folder / FILE)) from error

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, vectors: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """(inner products float32, rows int64), each (queries, min(k, n)), best first, of vectors (queries, d)."""
        scores, rows = self._index.search(np.ascontiguousarray(vectors, np.float32), min(k, len(self)))
        return scores, rows
