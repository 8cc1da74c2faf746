"""The PostgreSQL that comes along."""

from __future__ import annotations

from .folder import default_data_dir
from .lock import Owner, owner
from .supervisor import EmbeddedPostgres
from .tools import TOOLS, run_tool

__all__ = ["TOOLS", "EmbeddedPostgres", "Owner", "default_data_dir", "owner", "run_tool"]
