"""The asynchronous half, which is written; `tools/unasync.py` makes the other half of it."""
