"""Keeps what is opened with `async with` open for the life of the process, and closes it in good order at its end."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

T = TypeVar("T")


class Keeper:
    """Each context is entered and left in a task of its own, which the end of the event loop cancels.

    Left to the loop alone, their generators would be closed all at once, the inner ones under the outer ones' feet.
    """

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    async def keep(self, context: AbstractAsyncContextManager[T]) -> T:
        """What the context gives, open from now on. Raises what entering it raises."""
        opened: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(_hold(context, opened))
        value = await opened
        self._tasks.append(task)
        return value

    async def close(self) -> None:
        """Leaves all of them, the last one first."""
        while self._tasks:
            task = self._tasks.pop()
            task.cancel()
            await asyncio.wait([task])


async def _hold(context: AbstractAsyncContextManager[T], opened: asyncio.Future[T]) -> None:
    try:
        async with context as value:
            opened.set_result(value)
            await asyncio.get_running_loop().create_future()
    except Exception as error:
        if opened.done():
            raise
        opened.set_exception(error)
