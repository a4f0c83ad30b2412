"""Dense search: exact nearest neighbours with FAISS, over half-precision vectors."""

import errno
from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np
from numpy.typing import NDArray

FILE = "dense.faiss"


class DenseIndex:
    """Unit vectors searched by inner product. A row is a passage's number."""

    def __init__(self, index: faiss.Index, rows: NDArray[np.int64] | None = None) -> None:
        self._index = index
        self._size = index.ntotal if rows is None else len(rows)
        self._parameters = None
        if rows is not None:
            # makes FAISS skip all other rows, so that k results stay k; each object keeps the next one alive
            chosen = np.zeros(index.ntotal, bool)
            chosen[rows] = True
            # the stubs do not know the arguments that FAISS's Python layer adds
            untyped: Any = faiss
            selector = untyped.IDSelectorBitmap(np.packbits(chosen, bitorder="little"))
            self._parameters = untyped.SearchParameters(sel=selector)

    @classmethod
    def build(cls, vectors: NDArray[np.float32]) -> Self:
        """An index over unit vectors, float32 (n, d), stored as fp16."""
        index = faiss.IndexScalarQuantizer(vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        index.add(np.ascontiguousarray(vectors, np.float32))
        return cls(index)

    @classmethod
    def open(cls, edition: Path) -> Self:
        return cls(faiss.read_index(str(edition / FILE)))

    def save(self, edition: Path) -> None:
        """Raises OSError if it cannot be written."""
        try:
            faiss.write_index(self._index, str(edition / FILE))
        except RuntimeError as error:
            raise OSError(errno.EIO, "FAISS could not write its index", str(edition / FILE)) from error

    def only(self, rows: NDArray[np.int64]) -> Self:
        """The vectors at these rows."""
        return type(self)(self._index, rows)

    def search(self, vectors: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """(inner products float32, rows int64), each (queries, min(k, n)), best first, for vectors (queries, d)."""
        size = min(k, self._size)
        # FAISS does not take k = 0
        if not size:
            return np.empty((len(vectors), 0), np.float32), np.empty((len(vectors), 0), np.int64)
        return self._index.search(np.ascontiguousarray(vectors, np.float32), size, params=self._parameters)
