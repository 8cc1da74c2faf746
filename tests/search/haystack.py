"""What the tests of search share: users with sessions and messages, over HTTP or by the store's functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
from numpy.typing import NDArray

from recollect.core.embeddings import InUse
from recollect.core.recall import Wanted
from recollect.store import Store, embeddings, messages, sessions, users
from recollect.store.messages import NewMessage
from recollect.store.search import Bounds
from recollect.store.vectors import halfvec

PROJECT = "default"


async def add_user(api: httpx.AsyncClient, user_id: str, **fields: Any) -> None:
    answer = await api.post("user", json={"user_id": user_id, **fields})
    assert answer.status_code == 201, answer.text


async def add_session(api: httpx.AsyncClient, session_id: str, user_id: str | None) -> None:
    answer = await api.post("sessions", json={"session_id": session_id, "user_id": user_id})
    assert answer.status_code == 201, answer.text


async def say(api: httpx.AsyncClient, session_id: str, *said: str | dict[str, Any], wait: int = 30) -> None:
    """Add messages, a text being one of the user, and wait until they can be found by meaning."""
    bodies = [{"role": "user", "content": body} if isinstance(body, str) else body for body in said]
    answer = await api.post(f"sessions/{session_id}/memory?wait={wait}", json={"messages": bodies})
    assert answer.status_code == 200, answer.text


async def find(api: httpx.AsyncClient, path: str, text: str = "", query: str = "", **body: Any) -> list[Any]:
    """Return the results of a search below `path` (user/<id> or sessions/<id>)."""
    answer = await api.post(f"{path}/search?{query}", json={"text": text, **body})
    assert answer.status_code == 200, answer.text
    results: list[Any] = answer.json()
    return results


async def contents(api: httpx.AsyncClient, path: str, text: str = "", query: str = "", **body: Any) -> list[str]:
    return [result["message"]["content"] for result in await find(api, path, text, query, **body)]


async def store_user(store: Store, project: str, user_id: str, first_name: str = "") -> None:
    await users.create(store, project, user_id, email="", first_name=first_name, last_name="", metadata=None)


async def store_talk(
    store: Store, project: str, session_id: str, user_id: str | None, texts: Sequence[str], model: InUse | None = None
) -> None:
    """Store a session without any job; with the vectors of a model, if one is given."""
    await sessions.create(store, project, session_id, user_id=user_id)
    new = [NewMessage(uuid4(), "user", text, None, 1, None) for text in texts]
    place = await messages.add(store, project, session_id, new, jobs=[], language="english")
    if model is not None:
        await embed(store, model, [(place.bucket, place.key, message.uuid) for message in new])


async def embed(store: Store, model: InUse, named: Sequence[tuple[int, UUID, UUID]]) -> None:
    """Make and store the vectors of messages, by bucket, session and uuid, as a worker does."""
    columns = [list(column) for column in zip(*named, strict=True)] or [[], [], []]
    texts = [embeddings.Text(*row) for row in await store.database.fetch("embeddings.texts", *columns)]
    if texts:
        await embeddings.put(store, model.id, texts, await model.embedder.embed([text.content for text in texts]))


async def fill(store: Store, session_id: str, texts: Sequence[str], vectors: NDArray[np.float32], model: int) -> None:
    """Write many messages and their vectors (len(texts), width) into an existing, empty session by SQL."""
    place = await store.directory.look_up(PROJECT, session_id)
    assert place is not None
    async with store.database.connection() as connection:
        await connection.raw.execute(
            "INSERT INTO messages (bucket, session_key, seq, project_id, uuid, language, created_at, updated_at, role,"
            " content) SELECT $1, $2, n, $3, gen_random_uuid(), 'english', now(), now(), 'user', content"
            " FROM unnest($4::text[]) WITH ORDINALITY AS t (content, n)",
            *(*place, PROJECT, texts),
        )
        await connection.raw.execute(
            "INSERT INTO message_embeddings (bucket, session_key, seq, model, project_id, embedding)"
            " SELECT $1, $2, n, $3, $4, v FROM unnest($5::halfvec[]) WITH ORDINALITY AS t (v, n)",
            *(*place, model, PROJECT, [halfvec(vector) for vector in vectors]),
        )
        await connection.raw.execute(
            "UPDATE sessions SET last_seq = $3 WHERE bucket = $1 AND key = $2", *place, len(texts)
        )


def wanted(text: str, kind: str = "hybrid") -> Wanted:
    return Wanted(text, kind, 1000, Bounds(None, None, None))
