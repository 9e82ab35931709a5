"""Which of many keys were not met, in memory that does not grow with their number.

Every key is entered twice: when it is expected, and when it is met. Both times its hash is added (exclusive or) to the
sum of the bucket that it falls into, so that a bucket whose keys have all been met is back at zero. The keys of the
other buckets, a few for each one that is missing, are in doubt: they are to be asked for.
"""

from __future__ import annotations

from array import array
from hashlib import blake2b

BUCKETS = 1 << 16


class RollCall:
    """A set of keys, expected and met; it holds 8 bytes per bucket."""

    def __init__(self, buckets: int = BUCKETS) -> None:
        self._sums = array("Q", bytes(8 * buckets))

    def enter(self, key: str) -> None:
        """Expects the key; the second time, it is met."""
        bucket, value = self._place(key)
        self._sums[bucket] ^= value

    def in_doubt(self, key: str) -> bool:
        """Whether the key may have been expected and not met; never False for one that was."""
        bucket, _ = self._place(key)
        return self._sums[bucket] != 0

    def complete(self) -> bool:
        """Whether all were met."""
        return not any(self._sums)

    def _place(self, key: str) -> tuple[int, int]:
        digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        return int.from_bytes(digest[:8], "big") % len(self._sums), int.from_bytes(digest[8:], "big")
