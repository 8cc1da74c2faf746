"""Recollect: a self-hosted memory server for AI assistants."""

__version__ = "0.1.0"
