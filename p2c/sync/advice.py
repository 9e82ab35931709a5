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
    "Retried automatically at growing intervals, since its cause can pass there; at once when the record changes at "
    "the source, or with `p2c dead-letters replay`."
)


def advice(kind: OutcomeKind, *, temporary: bool = False) -> str:
    """The sentence for a parked, rejected or failed document; "" for other outcomes.

    `temporary`: the cause of the rejection can pass without a change of the document. The sentence names no key:
    reports put documents with the same reason together.
    """
    if kind is OutcomeKind.PARKED:
        return _WITH_ITS_KEY
    if kind is OutcomeKind.FAILED:
        return _EVERY_RUN
    if kind is OutcomeKind.REJECTED:
        return _WITH_TIME if temporary else _AFTER_A_PERSON
    return ""
