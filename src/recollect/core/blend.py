"""The order of a hybrid search of documents: by words and by meaning."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recollect.core import query, rank
from recollect.core.corpus import Corpus, Entry
from recollect.core.text import stemmer


def blend(
    question: str, contents: Sequence[str], similarities: NDArray[np.float32], *, limit: int, language: str
) -> list[int]:
    """Return the places of the best contents, best first.

    Shape of `similarities`, cosines with the question: (n,); 0 for contents without a vector.

    Statistics of words are those of the contents given: the candidates that PostgreSQL drew.
    """
    try:
        stemmer(language)
    except ValueError:
        language = "simple"
    # A vector of one number per document, and [1] for the question: their product is the cosine as it was given.
    corpus = Corpus(1, language=language)
    corpus.add(
        [Entry(place, 0, "", content, 0.0) for place, content in enumerate(contents)], similarities.reshape(-1, 1)
    )
    asked = query.read(question, corpus, now=time.time())
    ranking = rank.rank(corpus, asked, np.ones(1, np.float32), limit=limit, weights=rank.DOCUMENT_WEIGHTS)
    return [int(row) for row in ranking.rows]
