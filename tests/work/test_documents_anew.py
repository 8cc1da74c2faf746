"""A new embedding model for documents: beside the old one, then in its place."""

from __future__ import annotations

import asyncio
import json

import endpoint as fake
import httpx
from workplace import all_done, client, idle, number, remote, running, until, worker_of, working

from recollect.core.embeddings import Models
from recollect.store import Store
from recollect.work.models import switch

WIDTHS = {"fake": 8, "wider": 12}
TEXTS = [f"text number {n}" for n in range(150)]


async def of_the_models_width(request: fake.Json, writer: asyncio.StreamWriter) -> None:
    """Answer for the one model and the other."""
    content = json.dumps(fake.answer(request, width=WIDTHS[request["model"]]))
    writer.write(fake.raw(content.encode()))
    await writer.drain()


async def add(api: httpx.AsyncClient) -> None:
    """Create a collection whose vectors the model makes, and one whose vectors are given; fill both."""
    for name, auto in (("automatic", True), ("given", False)):
        body = {"name": name, "embedding_dimensions": 8, "is_auto_embedded": auto}
        assert (await api.post(f"collection/{name}", json=body)).text == "OK"
    assert (await api.post("collection/automatic/document", json=[{"content": text} for text in TEXTS])).is_success
    assert (await api.post("collection/given/document", json=[{"embedding": [1] * 8}])).is_success


async def nearest(api: httpx.AsyncClient, text: str) -> tuple[str, int]:
    """Return the content of the nearest document, and the width of its vector."""
    answer = await api.post("collection/automatic/search?limit=1", json={"text": text})
    assert answer.status_code == 200, answer.text
    (result,) = answer.json()["results"]
    return result["content"], len(result["embedding"])


async def test_documents_change_models_without_a_gap(store: Store, endpoint: fake.Endpoint) -> None:
    """While the vectors of a wider model are made, search reads the old ones; then all are the new model's."""
    async with working(store, remote(endpoint.url)) as app, client(app) as api:
        await add(api)
        await until(lambda: all_done(store))
        assert await nearest(api, TEXTS[7]) == (TEXTS[7], 8)

    wider = remote(endpoint.url, embedding_model="wider", embedding_width=12)
    endpoint.behave = of_the_models_width
    async with idle(store, wider) as app, client(app) as api:
        assert app.services
        models: Models = app.services.models
        assert not await switch(store, models)
        assert (await api.get("collection/automatic")).json()["document_embedded_count"] == len(TEXTS)
        async with running(worker_of(app).run()):
            await until(lambda: switch(store, models))
        assert await nearest(api, TEXTS[7]) == (TEXTS[7], 12)
        assert (await api.get("collection/automatic")).json()["document_embedded_count"] == len(TEXTS)
        assert (await api.post("collection/given/search", json={"embedding": [1] * 8})).json()["result_count"] == 1
    assert await number(store, "SELECT count(*) FROM document_embeddings WHERE model = 2") == len(TEXTS)
