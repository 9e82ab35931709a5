"""Lives shared out among processes, since each keeps little more than one core busy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TypeVar

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


def shared_out(
    work: Callable[[_Task], _Result], tasks: Sequence[_Task], workers: int
) -> Iterator[tuple[_Task, _Result | Exception]]:
    """Each task with what came of it, in the order in which they end; what the work raised is given, not raised.

    The work is done in so many processes of their own. When one of these dies (BrokenProcessPool), every task that had
    not ended is given with that.
    """
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        given = {pool.submit(work, task): task for task in tasks}
        try:
            for one in as_completed(given):
                error = one.exception()
                if error is not None and not isinstance(error, Exception):
                    raise error
                yield given[one], one.result() if error is None else error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
