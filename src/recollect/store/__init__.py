"""PostgreSQL and nothing else."""

from __future__ import annotations

from recollect.store.database import Database
from recollect.store.directory import Directory


class Store:
    """What the statements run on: the database, and the directory of sessions in front of it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.directory = Directory(database)
