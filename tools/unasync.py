"""Make the blocking half of the client, and of its tests, of the asynchronous half.

`python tools/unasync.py` writes it; with `--check` it only says whether what is there is what it would write.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HALVES = {
    ROOT / "src/recollect/client/aio": ROOT / "src/recollect/client/sync",
    ROOT / "tests/client/aio": ROOT / "tests/client/sync",
}
NOTE = "# Made by tools/unasync.py of {source}: change that.\n"
WORDS = {
    "aio": "sync",
    "asyncio": "time",
    "anext": "next",
    "aiter": "iter",
    "aclient": "client",
    "aclose": "close",
    "acheck": "check",
}
WAITING = re.compile(r"\bawait |\basync (?=def |with |for )")


def awaited(trees: list[ast.Module]) -> dict[str, str]:
    """Return the names of asynchronous functions that begin with an a, and what they are called in the other half."""
    names = {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)}
    return {name: name[1:] for name in names if name.startswith("a")}


def unasync(text: str, words: dict[str, str]) -> str:
    """Return the blocking half of a module, its docstrings included."""
    made = re.sub(r"\b\w+\b", lambda word: words.get(word[0]) or _renamed(word[0]), WAITING.sub("", text))
    return _ruff("format", text=_ruff("check", "--select", "I", "--fix", "--quiet", text=made))


def _renamed(word: str) -> str:
    return re.sub(r"^Async(?=[A-Z])", "Sync" if word not in {"AsyncIterator", "AsyncClient"} else "", word)


def _ruff(*arguments: str, text: str) -> str:
    ruff = [Path(sys.executable).with_name("ruff"), *arguments, "--stdin-filename", ROOT / "src/recollect/made.py", "-"]
    return subprocess.run(ruff, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def made() -> dict[Path, str]:
    """Return all files of the made half, with what belongs in them."""
    sources = [source for folder in HALVES for source in sorted(folder.glob("*.py"))]
    words = (
        WORDS
        | {"aclient": "client", "aclose": "close", "acheck": "check"}
        | awaited([ast.parse(source.read_text()) for source in sources])
    )
    files = {}
    for source in sources:
        target = HALVES[source.parent] / source.name.replace("aio", "sync")
        note = NOTE.format(source=source.relative_to(ROOT))
        text = source.read_text()
        files[target] = note if source.name == "__init__.py" else note + unasync(text, words)
    return files


def main() -> None:
    """Write the made half, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail if something would change")
    check = parser.parse_args().check
    files = made()
    there = {file: file.read_text() for folder in HALVES.values() for file in folder.glob("*.py")}
    stale = sorted(file for file in files.keys() | there.keys() if files.get(file) != there.get(file))
    if check and stale:
        sys.exit(f"not as tools/unasync.py makes them: {', '.join(str(file.relative_to(ROOT)) for file in stale)}")
    for file in stale:
        if file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(files[file])
        else:
            file.unlink()


if __name__ == "__main__":
    main()
