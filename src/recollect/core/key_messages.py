"""Key messages: which of many turns say most, without a language model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recollect.core.embeddings import InUse
from recollect.models import Message
from recollect.store import Store, key_messages, recall
from recollect.store.vectors import from_halfvec

DAMPING = 0.85
ROUNDS = 50
ENOUGH = 1e-6

LONGEST = 1000
"""Characters beyond which a turn gains nothing more: a pasted page is not what was said."""

LOOKED_AT = 1000
"""Turns to choose from, the newest."""


async def quoted(
    store: Store, project: str, session_id: str, *, before: UUID | None, number: int, model: InUse | None
) -> list[Message]:
    """Return the most informative messages before another one (None: of all), in their order."""
    found = await key_messages.candidates(
        store,
        project,
        session_id,
        before=before,
        model=model.id if model else 0,
        most=LOOKED_AT,
        longest=LONGEST,
    )
    lengths = [message.characters for message in found.messages]
    vectors = _matrix([message.vector for message in found.messages], model.embedder.model.width if model else 1)
    places = await asyncio.to_thread(choose, lengths, vectors, number)
    chosen = [(found.messages[place].session_key, found.messages[place].seq) for place in places]
    return [message for message, _, _ in await recall.messages(store, found.bucket, chosen)]


def _matrix(rows: Sequence[bytes | None], width: int) -> NDArray[np.float32]:
    matrix = np.zeros((len(rows), width), dtype=np.float32)
    for place, row in enumerate(rows):
        if row is not None:
            matrix[place] = from_halfvec(row)
    return matrix


def choose(lengths: ArrayLike, vectors: NDArray[np.float32], number: int) -> list[int]:
    """Return the places of the most informative turns, in their order.

    `lengths`: characters of each turn, shape (turns,). `vectors`: of unit length, shape (turns, width); zeros for a
    turn without one, which counts as of middling centrality, so that without any vector length decides. A turn
    without content is never chosen; of equal ones the newest is.
    Source: continuous LexRank of Erkan and Radev, JAIR 22 (2004), 457-479, times the length: plain centrality picks
    "same here, that's great".
    """
    characters = np.minimum(np.asarray(lengths, dtype=np.float64), LONGEST)
    score = characters * centrality(vectors)
    best = len(score) - 1 - np.argsort(-score[::-1], kind="stable")[:number]
    return sorted(int(place) for place in best if score[place] > 0)


def centrality(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how much each turn has in common with the others, on average 1; shape (turns,)."""
    known = np.flatnonzero(np.any(vectors != 0, axis=1))
    scores = np.ones(len(vectors))
    if len(known) > 1:
        alike = np.maximum(vectors[known] @ vectors[known].T, 0).astype(np.float64)
        moves = alike / alike.sum(axis=1, keepdims=True)
        rank = np.full(len(known), 1 / len(known))
        for _ in range(ROUNDS):
            before, rank = rank, (1 - DAMPING) / len(known) + DAMPING * (rank @ moves)
            if np.abs(rank - before).sum() < ENOUGH:
                break
        scores[known] = rank * len(known)
    return scores
