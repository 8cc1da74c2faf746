"""The PostgreSQL that comes along."""

from __future__ import annotations

from recollect.data_folder import Owner, default_data_dir, owner

from .supervisor import EmbeddedPostgres
from .tools import TOOLS, run_tool

__all__ = ["TOOLS", "EmbeddedPostgres", "Owner", "default_data_dir", "owner", "run_tool"]
