"""PostgreSQL and nothing else."""

from __future__ import annotations

from recollect.store.database import Database
from recollect.store.directory import Directory
from recollect.store.group_commit import GroupCommit


class Store:
    """What the statements run on: the database, the directory of sessions, and adds that commit together."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.directory = Directory(database)
        self.adds = GroupCommit(database, "messages.add")
