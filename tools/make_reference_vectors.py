"""Write tests/embed/reference.json: texts, and the vectors sentence-transformers makes of them.

Usage: python tools/make_reference_vectors.py MODEL_FOLDER (needs sentence-transformers, which Recollect does not).
The vectors are one float32 array, little-endian, in base64: (texts, 384).
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

from sentence_transformers import SentenceTransformer

TARGET = Path(__file__).parents[1] / "tests/embed/reference.json"
TEXTS = [
    "",
    " ",
    "\n\t  \n",
    "\x00",
    "before\x00after",
    "a",
    "?",
    "hi",
    "hello world",
    "Hello, World!",
    "What did Anna say about the trip to Lisbon last spring?",
    "user: I moved to Berlin in March and started to work at a bakery.",
    "assistant: That sounds lovely! What do you bake most often?",
    "My sister's birthday is on 2023-05-08, don't let me forget it.",
    "The meeting moved from 14:30 to 16:00; room 5B, third floor.",
    "I'm allergic to peanuts, shellfish and, oddly enough, kiwis.",
    "naïve café résumé coöperate Ångström",
    "ALL CAPITALS ARE LOWERED",
    "mixed    white \u00a0 space\u2028and\u2029separators\u200bhere",
    "😀",
    "Great news 🎉🎉 we won the match ⚽🏆!!!",
    "family: 👩‍👩‍👧‍👦 flag: 🇵🇹 skin: 👍🏽",
    "Привет, как дела? Я живу в Москве.",
    "私は昨日東京で寿司を食べました。",
    "我喜欢在周末去爬山。然后喝茶。",
    "오늘 날씨가 정말 좋네요.",
    "مرحبا، كيف حالك اليوم؟",
    "नमस्ते, आप कैसे हैं?",
    "Ελληνικά: η γρήγορη αλεπού",
    "def add(a: int, b: int) -> int:\n    return a + b  # sums",
    '{"role": "user", "content": "hi", "metadata": {"tags": ["a", "b"], "n": 1.5e-3}}',
    "SELECT uuid FROM message WHERE session_id = $1 ORDER BY seq DESC LIMIT 12;",
    "https://example.test/path?q=1&r=two#part and mail@example.test",
    "[CLS] literal [SEP] special [MASK] tokens [PAD] [UNK]",
    "x" * 100,
    "x" * 101,
    "z" * 500 + " after a long word",
    "un" * 40,
    "!?.,;:" * 20,
    " ".join(f"turn {number}: we talked about the garden" for number in range(20)),
    "The quick brown fox jumps over the lazy dog. " * 25,
    "one two three four five six seven eight nine ten " * 26,
    "Sentence number one is here, and it goes on for quite a while. " * 60,
]


def main(folder: str) -> None:
    """Embed the texts on the CPU and write the table."""
    model = SentenceTransformer(folder, device="cpu")
    vectors = model.encode(TEXTS, batch_size=1, convert_to_numpy=True)
    table = {"texts": TEXTS, "vectors": base64.b64encode(vectors.astype("<f4").tobytes()).decode()}
    TARGET.write_text(json.dumps(table, indent=1) + "\n", "ascii")
    print(f"{TARGET}: {len(TEXTS)} texts, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
