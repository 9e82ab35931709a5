"""What happens to a document that could not be written, and what a person can do: one sentence per kind of outcome.

A sentence promises only what `settling` and the runs do: parked and failed documents are read in every run, rejected
ones when their source changes, in a full comparison, or by a replay. Runs also try temporary rejections by themselves.
"""

from __future__ import annotations

from p2c.documents import OutcomeKind

_EVERY_RUN = "Retried in the next run."
_WITH_ITS_KEY = "Retried automatically when that is there."
_AFTER_A_PERSON = (
    "Correct the record, the mapping or the setting that it names. Retried when the record changes at the source, "
    "in the next full comparison, or at once with `p2c dead-letters replay`."
)
_WITH_TIME = (
    "Runs retry it automatically at growing intervals, since its cause can pass there; the next run does when the "
    "record changes at the source. At once with `p2c dead-letters replay`."
)
_USED_UP = "Its automatic retries are used up."


def advice(kind: OutcomeKind) -> str:
    """The sentence for a parked, rejected or failed document; "" for other outcomes.

    The sentence names no key: reports put documents with the same reason together.
    """
    if kind is OutcomeKind.PARKED:
        return _WITH_ITS_KEY
    if kind is OutcomeKind.FAILED:
        return _EVERY_RUN
    if kind is OutcomeKind.REJECTED:
        return _AFTER_A_PERSON
    return ""


def retry_advice(*, automatic: bool, used: int) -> str:
    """The sentence for a rejection whose cause can pass without a change of the document.

    `automatic`: a run retries it without such a change. `used`: how many automatic retries it has had.
    """
    if automatic:
        return _WITH_TIME
    return f"{_USED_UP} {_AFTER_A_PERSON}" if used else _AFTER_A_PERSON
