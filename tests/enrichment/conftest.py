from __future__ import annotations

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parents[1] / "work"), str(Path(__file__).parents[1] / "embed")]
