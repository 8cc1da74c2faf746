from __future__ import annotations


def encodable(text: str) -> str:
    """Join the halves of surrogate pairs and replace lone ones: no tokenizer or encoding takes them."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
