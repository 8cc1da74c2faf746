from __future__ import annotations

from recollect.cli import main

main()
