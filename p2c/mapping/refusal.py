"""Why a value cannot be mapped, raised by transforms and conversions and collected by the mapper."""

from __future__ import annotations


class Unmappable(ValueError):
    """A value that cannot go to the other side.

    `reason` reads as the end of a sentence that begins with the field's name. `source` is the position of the source
    that is to blame where a field has several.
    """

    def __init__(self, reason: str, *, source: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.source = source
