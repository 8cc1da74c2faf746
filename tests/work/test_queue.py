"""The queue itself: leases, turns, giving back. The jobs do nothing but say that they ran."""

from __future__ import annotations

import asyncio
from collections import Counter
from uuid import UUID, uuid4

import workplace
from workplace import number, rows, running, until

from recollect.store import Store, jobs
from recollect.store.database import Database
from recollect.store.jobs import Job
from recollect.work.worker import Kind, Worker

JOBS = """
INSERT INTO jobs (bucket, id, project_id, kind, about, items, run_at, created_at)
SELECT n % 4096, new_key((n % 4096)::smallint), 'default', $2, gen_random_uuid(), '{}',
    now() + (n - $1) * interval '1 s', now()
FROM generate_series(1, $1::integer) AS n
"""


async def enqueue(store: Store, count: int, kind: str = "note") -> None:
    await rows(store, JOBS, count, kind)


class Notes:
    """Who runs which job: `twice` are those that two had in hand at the same time."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self.in_hand: set[UUID] = set()
        self.twice: set[UUID] = set()
        self.runs: Counter[UUID] = Counter()
        self.order: list[UUID] = []

    async def run(self, taken: list[Job]) -> None:
        ids = {job.id for job in taken}
        self.twice |= ids & self.in_hand
        self.in_hand |= ids
        self.runs.update(ids)
        self.order += ids
        await asyncio.sleep(self.seconds)
        self.in_hand -= ids


async def test_16_workers_on_20_000_jobs(store: Store) -> None:
    """Each of 20,000 jobs is run once, by one of 16 workers, all of which get their share."""
    await enqueue(store, 20_000)
    notes = [Notes() for _ in range(16)]
    together = Notes()

    def kind(own: Notes) -> Kind:
        async def run(taken: list[Job]) -> None:
            await own.run(taken)
            await together.run(taken)

        return Kind("note", run)

    database = Database(store.database.dsn, size=32)
    workers = [Worker(Store(database), [kind(own)]) for own in notes]
    async with running(*(worker.run() for worker in workers)):
        await until(lambda: workplace.all_done(store))
    await database.close()
    assert together.twice == set()
    assert len(together.runs) == 20_000
    assert set(together.runs.values()) == {1}
    assert all(own.runs for own in notes)


async def test_the_oldest_first(store: Store) -> None:
    """No job starves: those due longest are taken first, whatever was added meanwhile."""
    await enqueue(store, 500)
    expected = [row[0] for row in await rows(store, "SELECT id FROM jobs ORDER BY run_at")]
    worker, seen = uuid4(), []
    while taken := await jobs.claim(store, "note", worker, most=64, items=256, lease=60):
        seen.append({job.id for job in taken})
        if len(seen) == 1:
            await enqueue(store, 1)
        await jobs.finish(store, taken, worker)
    assert seen[0] == set(expected[:64])
    assert set(expected[64:128]) <= seen[1] | seen[2]


async def test_no_more_items_than_fit(store: Store) -> None:
    """Jobs are taken together up to a number of items, and one that is larger than that alone."""
    sizes = [3, 4, 4, 20, 1]
    for place, size in enumerate(sizes):
        await rows(
            store,
            "INSERT INTO jobs (bucket, id, project_id, kind, about, items, run_at, created_at) SELECT 1, "
            "gen_random_uuid(), 'default', 'note', gen_random_uuid(), array_agg(gen_random_uuid()), "
            "now() - interval '1 hour' + $2 * interval '1 s', now() FROM generate_series(1, $1::integer)",
            size,
            place,
        )
    worker, taken = uuid4(), []
    while batch := await jobs.claim(store, "note", worker, most=64, items=8, lease=60):
        taken.append(sorted(len(job.items) for job in batch))
    assert taken == [[3, 4], [4], [20], [1]]


async def test_a_lease_runs_out(store: Store) -> None:
    """A job whose worker vanished goes to the next one when the lease is over, and not before."""
    await enqueue(store, 1)
    lost, heir = uuid4(), uuid4()
    first = await jobs.claim(store, "note", lost, most=64, items=256, lease=60)
    assert await jobs.claim(store, "note", heir, most=64, items=256, lease=60) == []
    await rows(store, "UPDATE jobs SET run_at = now() - interval '1 s'")
    second = await jobs.claim(store, "note", heir, most=64, items=256, lease=60)
    assert [job.id for job in second] == [job.id for job in first]
    await jobs.finish(store, first, lost)
    assert await number(store, "SELECT count(*) FROM jobs") == 1
    await jobs.finish(store, second, heir)
    assert await number(store, "SELECT count(*) FROM jobs") == 0


async def test_a_lane_that_lost_its_lease_changes_nothing(store: Store) -> None:
    """When a job outlasts its lease and another lane takes it over, its outcome is the second one's."""
    await enqueue(store, 1)
    hold, runs = asyncio.Event(), 0

    async def run(_: list[Job]) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            await hold.wait()
            raise ValueError("the first one fails, too late")
        hold.set()
        await asyncio.sleep(0.2)

    async def was_run_twice() -> bool:
        await rows(store, "UPDATE jobs SET run_at = now() WHERE attempts = 1")
        return runs == 2

    worker = Worker(store, [Kind("note", run, pause_seconds=60)], lanes=2)
    async with running(worker.run()):
        await until(was_run_twice)
        await until(lambda: workplace.all_done(store))
    assert runs == 2


async def test_a_run_that_never_ends(store: Store) -> None:
    """A job that hangs is given up at the end of its lease, and in the end kept with its error."""
    await enqueue(store, 1)

    async def run(_: list[Job]) -> None:
        await asyncio.Event().wait()

    async def failed() -> bool:
        return await number(store, "SELECT count(*) FROM jobs WHERE failed_at IS NOT NULL") == 1

    worker = Worker(store, [Kind("note", run, lease_seconds=0.2, attempts=2, pause_seconds=0.01)])
    async with running(worker.run()):
        await until(failed)
    assert "lease" in (await rows(store, "SELECT error FROM jobs"))[0][0]


async def test_a_job_that_kills_its_workers(store: Store) -> None:
    """A job whose workers die again and again is kept as failed in the end; those beside it are run."""
    await enqueue(store, 3)
    poison = (await rows(store, "SELECT id FROM jobs ORDER BY run_at LIMIT 1"))[0][0]
    notes = Notes()
    kind = Kind("note", notes.run, attempts=3, lease_seconds=60)
    for _ in range(40):
        worker = Dying(store, kind, poison)
        await worker.run_until_it_dies()
        await rows(store, "UPDATE jobs SET run_at = now() WHERE leased_by IS NOT NULL")
        if worker.survived:
            break
    left = await rows(store, "SELECT id, failed_at, error FROM jobs")
    assert [row["id"] for row in left] == [poison]
    assert left[0]["failed_at"] is not None
    assert "lease" in left[0]["error"]
    assert len(notes.runs) == 2


class Dying(Worker):
    """A worker that vanishes, leaving its leases, when it runs the poisoned job."""

    def __init__(self, store: Store, kind: Kind, poison: UUID) -> None:
        self.survived = False
        self._dead = asyncio.Event()

        async def run(taken: list[Job]) -> None:
            if any(job.id == poison for job in taken):
                self._dead.set()
                await asyncio.Event().wait()
            await kind.run(taken)

        super().__init__(store, [kind._replace(run=run)])

    async def run_until_it_dies(self) -> None:
        lane = asyncio.create_task(self._run(*next(iter(self._lanes.items()))))
        dead = asyncio.create_task(self._dead.wait())
        done, _ = await asyncio.wait({dead}, timeout=0.5)
        self.survived = not done
        for task in (lane, dead):
            task.cancel()
        await asyncio.gather(lane, dead, return_exceptions=True)


async def test_a_worker_that_stops_gives_back(store: Store) -> None:
    """What a worker had in hand when it was stopped is due again at once, with no attempt lost."""
    await enqueue(store, 100)
    notes = Notes(seconds=3600)
    worker = Worker(store, [Kind("note", notes.run)])
    async with running(worker.run()):
        await until(lambda: _has(notes))
    due = await rows(store, "SELECT count(*), max(attempts) FROM jobs WHERE leased_by IS NULL AND run_at <= now()")
    assert tuple(due[0]) == (100, 0)


async def _has(notes: Notes) -> bool:
    return bool(notes.in_hand)


async def test_a_slow_job_delays_nobody_elses(store: Store) -> None:
    """While one lane is busy with a slow job, another lane runs what is due."""
    slow = asyncio.Event()
    await enqueue(store, 1)
    first = (await rows(store, "SELECT id FROM jobs"))[0][0]

    async def run(taken: list[Job]) -> None:
        if any(job.id == first for job in taken):
            await slow.wait()

    async def only_the_slow_one_is_left() -> bool:
        return [row[0] for row in await rows(store, "SELECT id FROM jobs")] == [first]

    worker = Worker(store, [Kind("note", run)], lanes=2)
    async with running(worker.run()):
        await until(lambda: _leased(store))
        await enqueue(store, 100)
        worker.wake("note")
        await until(only_the_slow_one_is_left)
        slow.set()
        await until(lambda: workplace.all_done(store))


async def _leased(store: Store) -> bool:
    return await number(store, "SELECT count(*) FROM jobs WHERE leased_by IS NOT NULL") == 1


async def test_kinds_do_not_wait_for_each_other(store: Store) -> None:
    """A kind whose jobs hang does not keep those of another kind."""
    await enqueue(store, 10, "stuck")
    await enqueue(store, 10, "note")
    stuck, notes = Notes(seconds=3600), Notes()
    async with running(Worker(store, [Kind("stuck", stuck.run), Kind("note", notes.run)]).run()):
        await until(lambda: _left(store, "note", 0))
    assert len(notes.runs) == 10


async def _left(store: Store, kind: str, count: int) -> bool:
    return await number(store, "SELECT count(*) FROM jobs WHERE kind = $1", kind) == count


async def test_only_the_one_at_fault_suffers(store: Store) -> None:
    """Of jobs taken together, the one that raises is tried again and kept with its error; the rest is done."""
    await enqueue(store, 50)
    poison = (await rows(store, "SELECT id FROM jobs LIMIT 1"))[0][0]
    done: Counter[UUID] = Counter()

    async def run(taken: list[Job]) -> None:
        if any(job.id == poison for job in taken):
            raise ZeroDivisionError("nobody thought of this")
        done.update(job.id for job in taken)

    async def failed() -> bool:
        return await number(store, "SELECT count(*) FROM jobs WHERE failed_at IS NOT NULL") == 1

    async with running(Worker(store, [Kind("note", run, attempts=3, pause_seconds=0.01)]).run()):
        await until(failed)
    left = await rows(store, "SELECT id, attempts, error FROM jobs")
    assert [tuple(row) for row in left] == [(poison, 3, "ZeroDivisionError: nobody thought of this")]
    assert len(done) == 49
    assert set(done.values()) == {1}


async def test_pauses_grow() -> None:
    """Each pause is about twice the one before, never the same for all, and five minutes at the most."""
    from recollect.work.worker import MAX_PAUSE_SECONDS, _pause  # noqa: PLC0415 -- nobody else looks inside

    for attempt in (1, 2, 5):
        drawn = {_pause(1.0, attempt) for _ in range(200)}
        assert len(drawn) > 100
        assert all(0.5 * 2 ** (attempt - 1) <= pause <= 1.5 * 2 ** (attempt - 1) for pause in drawn)
    assert _pause(1.0, 10_000) <= MAX_PAUSE_SECONDS * 1.5
