"""Which variant somebody gets: by a hash, so that no process needs to ask another."""

import hashlib
from collections.abc import Sequence

from llmchat.experiments.base import Variant

_BITS = 64


def assigned(experiment: str, unit: str, variants: Sequence[Variant]) -> Variant:
    """The variant of this unit (a conversation, a session, a user): always the same for the same
    weights, in proportion to them over many units, and independent of any other experiment."""
    key = f"{experiment}\0{unit}".encode()
    point = int.from_bytes(hashlib.sha256(key).digest()[: _BITS // 8])
    weights = sum(variant.weight for variant in variants)
    # In integers: a weight of 0 gets nothing at all, which a rounded fraction could not promise.
    place = point * weights >> _BITS
    for variant in variants:
        if place < variant.weight:
            return variant
        place -= variant.weight
    raise ValueError("no variant has a weight")
