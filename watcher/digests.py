"""Digests that are the same on every machine and in every version."""

from __future__ import annotations

from hashlib import blake2b


def digest(*parts: str) -> str:
    """Return a digest of strings that is stable across machines and versions."""
    hasher = blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        hasher.update(len(encoded).to_bytes(8) + encoded)
    return hasher.hexdigest()
