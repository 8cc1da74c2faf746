"""The PostgreSQL that comes along."""

from __future__ import annotations

from .folder import default_data_dir
from .lock import Owner, owner
from .supervisor import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "Owner", "default_data_dir", "owner"]
