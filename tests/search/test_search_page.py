from __future__ import annotations

import re
from pathlib import Path

from recollect.core.rank import WEIGHTS

PAGE = Path(__file__).parents[2] / "docs" / "search.md"


def test_weights_are_documented() -> None:
    """The table of features in search.md is that of the code, in its order."""
    rows = re.findall(r"^\| `(\w+)` \| (-?\d+\.\d+) \|", PAGE.read_text(), re.MULTILINE)
    assert [(name, float(weight)) for name, weight in rows] == list(WEIGHTS.items())
