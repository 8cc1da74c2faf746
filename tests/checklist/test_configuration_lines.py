from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest_asyncio
from talk import add_session

from recollect.http.auth import make_token
from recollect.store import Store

RECOLLECT = Path(sys.executable).with_name("recollect")

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


@contextlib.contextmanager
def started(folder: Path, **environ: str) -> Iterator[str]:
    """Run `recollect serve` in a folder until it is ready; give its address, and stop it in the end."""
    process = subprocess.Popen(
        [RECOLLECT, "serve"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "RECOLLECT_EMBEDDING_PROVIDER": "none", **environ},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        events = (json.loads(line) for line in process.stderr)
        ready = next(event for event in events if event["event"] == "ready")
        yield f"{ready['address']}/api/v1/"
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def shown(folder: Path, **environ: str) -> str:
    """Return what `recollect config` prints."""
    command = [RECOLLECT, "config"]
    env = {"PATH": os.environ["PATH"], **environ}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout


@pytest_asyncio.fixture
async def deleted(api: httpx.AsyncClient, store: Store) -> Store:
    """A store with nothing in it but a deleted session."""
    await add_session(api, "deleted")
    await api.delete("sessions/deleted/memory")
    return store


async def test_068_the_first_purge_is_at_the_start(deleted: Store, tmp_path: Path) -> None:
    """A server with an interval for the purge removes what was deleted as soon as it runs."""
    with started(tmp_path, RECOLLECT_DATABASE_URL=deleted.database.dsn, RECOLLECT_PORT="0", RECOLLECT_PURGE_EVERY="60"):
        async with asyncio.timeout(30):
            while await _sessions(deleted):  # noqa: ASYNC110 -- another process's doing
                await asyncio.sleep(0.05)


async def test_070_no_interval_no_purge(deleted: Store, tmp_path: Path) -> None:
    """A server whose interval is 0 ran, answered and stopped, and what was deleted is still there."""
    settings = {"RECOLLECT_PORT": "0", "RECOLLECT_PURGE_EVERY": "0"}
    with started(tmp_path, RECOLLECT_DATABASE_URL=deleted.database.dsn, **settings) as address:
        for n in range(10):
            await asyncio.to_thread(httpx.post, f"{address}sessions", json={"session_id": f"s{n}"})
    assert await _sessions(deleted) == 11


async def test_141_142_145_the_settings_of_zep(database_url: str, tmp_path: Path) -> None:
    """A server starts from Zep's own file, without a key for a model, and the ZEP_ variables go before the file."""
    (tmp_path / "config.yaml").write_text(CONFIG_OF_ZEP)
    secret = "a secret that stands in the environment only"
    environ = {"RECOLLECT_DATABASE_URL": database_url, "ZEP_SERVER_PORT": "0", "ZEP_AUTH_SECRET": secret}
    with started(tmp_path, **environ) as address:
        headers = {"Authorization": f"Bearer {make_token(secret)}"}
        async with httpx.AsyncClient(base_url=address, headers=headers) as api:
            assert (await api.get("sessions", headers={"Authorization": ""})).status_code == 401
            messages = [{"role": "human", "content": str(n)} for n in range(5)]
            assert (await api.post("sessions/one/memory", json={"messages": messages})).status_code == 200
            assert len((await api.get("sessions/one/memory")).json()["messages"]) == 3


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
    with started(tmp_path, **environ) as address:
        for path in ("/admin", "/admin/sessions", "/admin/settings"):
            answer = await asyncio.to_thread(httpx.get, httpx.URL(address).join(path))
            assert answer.status_code == 404


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


async def _sessions(store: Store) -> int:
    connection = await asyncpg.connect(store.database.dsn)
    try:
        count = await connection.fetchval("SELECT count(*) FROM sessions")
    finally:
        await connection.close()
    assert isinstance(count, int)
    return count
