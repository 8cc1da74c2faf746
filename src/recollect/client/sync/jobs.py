# Made by tools/unasync.py of src/recollect/client/aio/jobs.py: change that.
from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias
from uuid import UUID

from recollect.client.connections import Api
from recollect.client.models import Job, JobStatus
from recollect.client.wire import Call, path

# Below the method `list`, `list[...]` is not the type any more.
Jobs: TypeAlias = list[Job]


class SyncJobs(Api):
    """The server's work in the background, for operators."""

    def list(
        self,
        state: JobStatus | None = None,
        kind: str | None = None,
        limit: int | None = None,
        cursor: UUID | None = None,
    ) -> Jobs:
        """Return at most `limit` jobs (100 unless said otherwise) in the order they were enqueued.

        Only those in a state, of a kind, after the one whose id is `cursor`.
        """
        query = {"state": state, "kind": kind, "limit": limit, "cursor": cursor}
        return self._connections.sync.send(Call(Jobs, "GET", "/jobs", query=query))

    def list_all(
        self, state: JobStatus | None = None, kind: str | None = None, chunk_size: int = 100
    ) -> Iterator[Jobs]:
        """Yield all jobs, `chunk_size` at a time."""
        cursor: UUID | None = None
        while jobs := self.list(state, kind, chunk_size, cursor):
            yield jobs
            cursor = jobs[-1].id

    def retry(self, job_id: UUID | str) -> None:
        """Run a failed job again, with all its attempts before it. Raises NotFoundError if none such has failed."""
        self._connections.sync.send(Call(str, "POST", path("/jobs/{job_id}/retry", job_id=job_id)))
