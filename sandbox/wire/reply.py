"""One HTTP answer, before it is put on a socket or into a batch body."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Reply:
    """An answer: status, headers and the body's bytes.

    `content_id` is set on answers to operations of a change set, so that the batch body can repeat it.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_id: str | None = None

    @property
    def ok(self) -> bool:
        """True below 400."""
        return self.status < 400
