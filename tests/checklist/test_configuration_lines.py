from __future__ import annotations

from pathlib import Path

import httpx
import pytest_asyncio
from serving import shown, started
from talk import add_session, memory, say, sql, until

from recollect.http.auth import make_token
from recollect.store import Store

CONFIG_OF_ZEP = """\
llm:
  # openai or anthropic
  service: "openai"
  model: "gpt-4o-mini"
  azure_openai_endpoint:
  azure_openai:
    # llm_deployment: "custom"
  openai_endpoint:
  openai_org_id:
nlp:
  server_url: "http://localhost:5557"
memory:
  message_window: 3
extractors:
  documents:
    embeddings:
      enabled: true
      chunk_size: 200
      dimensions: 384
      service: "local"
  messages:
    summarizer:
      enabled: true
      entities:
        enabled: true
      embeddings:
        enabled: true
        dimensions: 384
        service: "local"
    entities:
      enabled: true
    intent:
      enabled: true
    embeddings:
      enabled: true
      dimensions: 384
      service: "local"
store:
  type: "postgres"
  postgres:
    dsn: "postgres://postgres:postgres@localhost:5432/?sslmode=disable"
server:
  host: 127.0.0.1
  port: 1
  web_enabled: true
  max_request_size: 5242880
auth:
  required: true
  secret: "do-not-use-this-secret-in-production"
data:
  purge_every: 60
log:
  level: "info"
opentelemetry:
  enabled: false
development: false
custom_prompts:
  summarizer_prompts:
    openai: |
    anthropic: |
a_key_of_tomorrow: [1, 2]
"""


@pytest_asyncio.fixture
async def deleted(api: httpx.AsyncClient, store: Store) -> Store:
    """A store with nothing in it but a deleted session."""
    await add_session(api, "deleted")
    await api.delete("sessions/deleted/memory")
    return store


async def test_068_the_first_purge_is_at_the_start(deleted: Store, tmp_path: Path) -> None:
    """A server with an interval for the purge removes what was deleted as soon as it runs."""
    async with started(
        tmp_path, RECOLLECT_DATABASE_URL=deleted.database.dsn, RECOLLECT_PORT="0", RECOLLECT_PURGE_EVERY="60"
    ):
        await until(lambda: sql(deleted, "SELECT count(*) = 0 FROM sessions"))


async def test_070_no_interval_no_purge(deleted: Store, tmp_path: Path) -> None:
    """A server whose interval is 0 ran, answered and stopped, and what was deleted is still there."""
    settings = {"RECOLLECT_PORT": "0", "RECOLLECT_PURGE_EVERY": "0"}
    async with started(tmp_path, RECOLLECT_DATABASE_URL=deleted.database.dsn, **settings) as api:
        for n in range(10):
            await add_session(api, f"s{n}")
    assert await sql(deleted, "SELECT count(*) FROM sessions") == 11


async def test_141_142_145_the_settings_of_zep(database_url: str, tmp_path: Path) -> None:
    """A server starts from Zep's own file, without a key for a model, and the ZEP_ variables go before the file."""
    (tmp_path / "config.yaml").write_text(CONFIG_OF_ZEP)
    secret = "a secret that stands in the environment only"
    environ = {"RECOLLECT_DATABASE_URL": database_url, "ZEP_SERVER_PORT": "0", "ZEP_AUTH_SECRET": secret}
    async with started(tmp_path, **environ) as api:
        assert (await api.get("sessions")).status_code == 401
        api.headers["Authorization"] = f"Bearer {make_token(secret)}"
        await say(api, "one", "a", "b", "c", "d", "e")
        assert len((await memory(api, "one"))["messages"]) == 3


def test_141_keys_that_the_file_lacks(tmp_path: Path) -> None:
    """A variable counts even if its key is nowhere in the file; a secret only shows that it is there."""
    (tmp_path / "config.yaml").write_text("server: {port: 9000}\n")
    environ = {"ZEP_SERVER_PORT": "9001", "ZEP_OPENAI_API_KEY": "sk-key", "ZEP_AUTH_SECRET": "a secret"}
    bare, given = shown(tmp_path), shown(tmp_path, **environ)
    for setting, before, after in [
        ("port", "9000", "9001"),
        ("llm_api_key", "", "redacted"),
        ("auth_secret", "", "redacted"),
    ]:
        (line,) = [line for line in bare.splitlines() if line.startswith(setting)]
        assert before in line
        assert after not in line
        (line,) = [line for line in given.splitlines() if line.startswith(setting)]
        assert after in line


async def test_143_no_admin_pages(database_url: str, tmp_path: Path) -> None:
    """Without the web interface there is nothing under /admin."""
    environ = {"RECOLLECT_DATABASE_URL": database_url, "RECOLLECT_PORT": "0", "ZEP_SERVER_WEB_ENABLED": "false"}
    async with started(tmp_path, **environ) as api:
        for path in ("admin", "admin/sessions", "admin/settings"):
            assert (await api.get(api.base_url.join(f"/{path}"))).status_code == 404


def test_144_no_secret_is_shown(tmp_path: Path) -> None:
    """What prints the settings prints no key, token secret or password, from wherever it came."""
    (tmp_path / "config.yaml").write_text("llm: {openai_api_key: s3cret-1}\nauth: {secret: s3cret-2}\n")
    environ = {
        "RECOLLECT_DATABASE_URL": "postgresql://me:s3cret-3@db.example:5432/memory?sslpassword=s3cret-4",
        "RECOLLECT_EMBEDDING_API_KEY": "s3cret-5",
    }
    printed = shown(tmp_path, **environ)
    assert "s3cret" not in printed
    assert "db.example" in printed
