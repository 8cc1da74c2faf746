# Made by tools/unasync.py of src/recollect/client/aio/__init__.py: change that.
