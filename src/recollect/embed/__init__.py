from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from recollect.models import EmbeddingModel

if TYPE_CHECKING:  # numpy takes 0.1 s to import; who only names a model does not need it
    import numpy as np
    from numpy.typing import NDArray


__all__ = ["Embedder", "EmbeddingModel"]


class Embedder(Protocol):
    """Turns texts into vectors."""

    model: EmbeddingModel

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row of unit length per text, in the order of the texts: (len(texts), model.width).

        Raises ModelUnavailable when the model does not answer, ModelMisbehaved when its answer is not usable.
        """
        ...

    async def aclose(self) -> None:
        """Let go of threads and connections."""
        ...
