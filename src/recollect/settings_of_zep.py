"""The settings of a Zep server, in our words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from recollect.errors import SettingsError


class Given(NamedTuple):
    """A value as somebody wrote it, not yet checked."""

    value: object
    origin: str
    strict: bool = False
    """Whether the source has types of its own, so that a number in quotes is a mistake."""


EMBEDDINGS = ("extractors.messages.embeddings", "extractors.documents.embeddings")
ZEP_KEYS = {
    "server.host": "host",
    "server.port": "port",
    "server.max_request_size": "max_request_size",
    "auth.required": "auth_required",
    "auth.secret": "auth_secret",
    "log.level": "log_level",
    "store.postgres.dsn": "database_url",
    "memory.message_window": "message_window",
    "data.purge_every": "purge_every",
    "extractors.messages.embeddings.enabled": "embed_messages",
    "extractors.documents.embeddings.enabled": "embed_documents",
    "extractors.messages.summarizer.enabled": "summaries",
    "extractors.messages.entities.enabled": "entities",
    "extractors.messages.intent.enabled": "intents",
}
"""Zep's settings that mean the same here."""
ZEP_MODEL_KEYS = (
    "llm.service",
    "llm.model",
    "llm.openai_api_key",
    "llm.anthropic_api_key",
    "llm.openai_endpoint",
    "llm.azure_openai_endpoint",
    "llm.azure_openai.llm_deployment",
    "llm.azure_openai.embedding_deployment",
    "custom_prompts.summarizer_prompts.openai",
    "custom_prompts.summarizer_prompts.anthropic",
    *(f"{extractor}.{key}" for extractor in EMBEDDINGS for key in ("service", "dimensions")),
)
"""Zep's settings that together say which models to ask."""
ZEP_SHORT_NAMES = {"ZEP_LLM_OPENAI_API_KEY": "ZEP_OPENAI_API_KEY", "ZEP_LLM_ANTHROPIC_API_KEY": "ZEP_ANTHROPIC_API_KEY"}
ZEP_LEVELS = {"trace": "debug", "warn": "warning", "fatal": "error", "panic": "error"}
ZEP_PLACEHOLDER_DSN = "postgres://postgres:postgres@localhost:5432/?sslmode=disable"


def from_zep(environ: Mapping[str, str], file: Path | None) -> dict[str, Given]:
    """Translate what a Zep server was given: ZEP_* over its `config.yaml`."""
    tree = _zep_file(file) if file else {}
    keys: dict[str, Given] = {}
    for key in (*ZEP_KEYS, *ZEP_MODEL_KEYS, "development"):
        name = f"ZEP_{key.upper().replace('.', '_')}"
        name = ZEP_SHORT_NAMES.get(name, name)
        if environ.get(name):
            keys[key] = Given(environ[name], name)
        elif (value := _zep_value(tree, key)) and value != ZEP_PLACEHOLDER_DSN:
            keys[key] = Given(value, f"{file}: {key}")
    found = {setting: keys[key] for key, setting in ZEP_KEYS.items() if key in keys}
    if level := keys.get("log.level"):
        text = str(level.value).lower()
        known = text if text in {"debug", "info", "warning", "error"} else ZEP_LEVELS.get(text, "info")
        found["log_level"] = level._replace(value=known)
    if (development := keys.get("development")) and str(development.value).lower() in {"1", "t", "true"}:
        found["log_level"] = development._replace(value="debug")
    return found | _zep_language_model(keys) | _zep_embedding_model(keys)


def _zep_file(file: Path) -> object:
    import yaml  # noqa: PLC0415 -- only those who come from Zep wait for it

    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:  # its own text would quote the line, and with it perhaps a secret
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise SettingsError(f"cannot read the settings file {file}: {error.problem} in line {line}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"cannot read the settings file {file}: {error}") from error
    if not isinstance(tree, dict | None):
        raise SettingsError(f"cannot read the settings file {file}: no settings on its top level")
    return tree


def _zep_value(tree: object, key: str) -> str:
    """Return what stands at `a.b.c`, as text; empty when nothing does."""
    for part in key.split("."):
        tree = tree.get(part) if isinstance(tree, dict) else None
    return "" if tree is None or isinstance(tree, dict | list) else str(tree)


def _zep_language_model(keys: Mapping[str, Given]) -> dict[str, Given]:
    """Work out which language model Zep was told to ask, and where; it never asked one without a key."""
    service, azure = keys.get("llm.service"), keys.get("llm.azure_openai_endpoint")
    there: dict[str, Given | None] = {}
    if service and str(service.value).lower() == "anthropic":
        if key := keys.get("llm.anthropic_api_key"):
            there = {"llm_provider": service._replace(value="anthropic"), "llm_api_key": key}
        prompt = keys.get("custom_prompts.summarizer_prompts.anthropic")
    else:
        if (key := keys.get("llm.openai_api_key")) and azure:
            there = {"llm_provider": azure._replace(value="azure"), "llm_base_url": azure, "llm_api_key": key}
            there["llm_model"] = keys.get("llm.azure_openai.llm_deployment")
        elif not azure:
            there = {"llm_base_url": keys.get("llm.openai_endpoint"), "llm_api_key": key}
        prompt = keys.get("custom_prompts.summarizer_prompts.openai")
    there["llm_model"] = there.get("llm_model") or keys.get("llm.model")
    there["summary_prompt"] = prompt
    return {setting: given for setting, given in there.items() if given}


def _zep_embedding_model(keys: Mapping[str, Given]) -> dict[str, Given]:
    """Work out what Zep embedded with; without a key or an address, the local model stays."""
    extractor = next((extractor for extractor in EMBEDDINGS if f"{extractor}.service" in keys), None)
    base_url, key = _azure(keys) or keys.get("llm.openai_endpoint"), keys.get("llm.openai_api_key")
    if extractor is None or keys[f"{extractor}.service"].value != "openai" or not (base_url or key):
        return {}
    there = {
        "embedding_provider": keys[f"{extractor}.service"],
        "embedding_base_url": base_url,
        "embedding_api_key": key,
        "embedding_width": keys.get(f"{extractor}.dimensions"),
        "embedding_model": (_azure(keys) and keys.get("llm.azure_openai.embedding_deployment"))
        or keys[f"{extractor}.service"]._replace(value="text-embedding-ada-002"),
    }
    return {setting: given for setting, given in there.items() if given}


def _azure(keys: Mapping[str, Given]) -> Given | None:
    """Return the OpenAI-compatible base of an Azure resource."""
    endpoint = keys.get("llm.azure_openai_endpoint")
    return endpoint and endpoint._replace(value=str(endpoint.value).rstrip("/") + "/openai/v1/")
