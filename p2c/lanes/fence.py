"""The fence: what a slice may do, told from the checkpoint alone. Pure, so that every order of deliveries can be tried.

Service Bus delivers at least once, and a host may die at any moment; still no slice may run twice, and no run may come
to a halt because a message was lost in the handing on.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from p2c.lanes.messages import SliceMessage
from p2c.state.checkpoint import Checkpoint
from p2c.state.runs import RunRecord
from p2c.sync.slicing import CANCELLED


class Step(Enum):
    """What to do with a slice message."""

    RUN = "run"
    """Run this slice."""
    REVIVE = "revive"
    """The lane's earlier run was broken off: go on with that one instead."""
    AGAIN = "send the next one again"
    """This slice is done, and its successor may never have been sent."""
    GIVE_WAY = "give way"
    """The template is under way, or has run since: a tick of the timer is not needed."""
    WAIT = "wait"
    """The template is under way, and somebody wants this run: it comes after."""
    NOTHING = "nothing"
    """Delivered before, and done."""
    DONE = "done"
    """The run is complete, and its record does not say so: somebody who had lost the lane wrote it last."""
    LOST = "lost"
    """The lane has gone on without this run: its record must say so, or it would be under way for ever."""


ENDED = frozenset({"Completed", "Warning", "Error", "Cancelled"})


def step(
    message: SliceMessage, point: Checkpoint | None, record: RunRecord | None, template_hash: str, now: datetime
) -> Step:
    """What to do with the message, given the lane's checkpoint and the record of the message's run (None: none yet)."""
    if record is not None and record.status in ENDED:
        return Step.NOTHING
    if point is None or point.mode == CANCELLED:
        return Step.RUN if message.number == 0 else Step.LOST
    if point.completed is not None:
        return _after(message, point, record)
    if point.run_id == message.run_id:
        return _own(message, point)
    if message.number > 0:
        return Step.LOST
    alive = point.due is not None and now <= point.due
    if alive:
        return Step.GIVE_WAY if message.trigger == "timer" else Step.WAIT
    takes_up = message.trigger == "timer" and point.cursor is not None and point.template_hash == template_hash
    return Step.REVIVE if takes_up else Step.RUN


def _after(message: SliceMessage, point: Checkpoint, record: RunRecord | None) -> Step:
    """What is left to do behind a run that is complete."""
    if point.run_id == message.run_id:
        return Step.NOTHING if record is None else Step.DONE
    if message.number > 0:
        return Step.LOST
    # Ticks that had to wait need no run each: the one that began after them has read what they are about.
    late = message.trigger == "timer" and point.started is not None and message.requested < point.started
    return Step.GIVE_WAY if late else Step.RUN


def _own(message: SliceMessage, point: Checkpoint) -> Step:
    if point.slice == message.number:
        return Step.RUN
    return Step.AGAIN if point.slice == message.number + 1 else Step.NOTHING
