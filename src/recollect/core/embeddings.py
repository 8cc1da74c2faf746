"""Which embedding models are in use: the one search reads, and the one that is going to take its place."""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple

from recollect.embed import Embedder, EmbeddingModel
from recollect.embed.query import QueryVectors
from recollect.errors import ModelUnavailable
from recollect.settings import Settings
from recollect.store import Store, embeddings

log = logging.getLogger(__name__)

OPENAI = "https://api.openai.com/v1"


class InUse(NamedTuple):
    """A model that vectors are made with."""

    id: int
    embedder: Embedder
    queries: QueryVectors


class Models:
    """The models in use. `refresh` follows what any process has made of them.

    `active` is None when no model could be found: then search is lexical. `filling` is there while a new model's
    vectors are being made beside the old one's.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._opened: dict[EmbeddingModel, tuple[Embedder, QueryVectors]] = {}
        self._refused: set[EmbeddingModel] = set()
        self._refreshing = asyncio.Lock()
        self.configured: EmbeddingModel | None = None
        self.active: InUse | None = None
        self.filling: InUse | None = None

    async def open(self) -> None:
        """Load the configured model and make it known to the database; say so once when there is none."""
        if self._settings.embedding_provider != "none":
            try:
                embedder = await asyncio.to_thread(configured_embedder, self._settings)
            except ModelUnavailable as error:
                log.warning("no embedding model: search is lexical", extra={"reason": error.message})
            else:
                self.configured = embedder.model
                self._opened[embedder.model] = (embedder, QueryVectors(embedder))
                await embeddings.register(self._store, embedder.model)
        await self.refresh()

    async def refresh(self) -> None:
        """Read which model is active and which is being filled."""
        async with self._refreshing:  # else a model could be opened twice
            active = filling = None
            for known in await embeddings.models(self._store):
                if known.state == "retired":
                    continue
                opened = self._opened.get(known.model) or await self._open(known.model)
                if opened is None:
                    continue
                if known.state == "active":
                    active = InUse(known.id, *opened)
                elif known.model == self.configured:
                    filling = InUse(known.id, *opened)
            self.active, self.filling = active, filling

    async def close(self) -> None:
        """Let go of all models."""
        for embedder, _ in self._opened.values():
            await embedder.aclose()

    async def _open(self, model: EmbeddingModel) -> tuple[Embedder, QueryVectors] | None:
        """Open a model that vectors were made with before the settings changed, so that search goes on."""
        try:
            embedder = await asyncio.to_thread(embedder_of, model, self._settings)
        except ModelUnavailable as error:
            if model not in self._refused:
                log.warning("a former model cannot be asked", extra={"model": model.name, "reason": error.message})
                self._refused.add(model)
            return None
        self._opened[model] = (embedder, QueryVectors(embedder))
        return self._opened[model]


def configured_embedder(settings: Settings) -> Embedder:
    """Return the embedder the settings name. Raises ModelUnavailable."""
    if settings.embedding_provider == "local":
        return _local(settings)
    return _openai(settings, settings.embedding_model or "text-embedding-3-small", settings.embedding_width or 1536)


def embedder_of(model: EmbeddingModel, settings: Settings) -> Embedder:
    """Return an embedder for a model the database knows. Raises ModelUnavailable."""
    if model.provider == "local":
        embedder = _local(settings)
        if embedder.model != model:
            raise ModelUnavailable(f"The local model is {embedder.model.name}, not {model.name}.")
        return embedder
    return _openai(settings, model.name, model.width)


def _local(settings: Settings) -> Embedder:
    from recollect.embed.local import LocalEmbedder  # noqa: PLC0415 -- loads onnxruntime, which not everybody needs

    return LocalEmbedder(settings.embedding_folder, threads=settings.embedding_threads)


def _openai(settings: Settings, name: str, width: int) -> Embedder:
    if not (settings.embedding_base_url or settings.embedding_api_key):
        raise ModelUnavailable("No endpoint for embeddings is configured.", hint="Set RECOLLECT_EMBEDDING_BASE_URL.")
    from recollect.embed.openai import OpenAIEmbedder  # noqa: PLC0415 -- loads the openai package

    return OpenAIEmbedder(
        base_url=settings.embedding_base_url or OPENAI, api_key=settings.embedding_api_key, model=name, width=width
    )
