"""The headers of Finance and Operations in the order of their numbers, page by page.

The service's own pages are counted from the start, so that a row written meanwhile moves the others: some would come
twice, some never. Pages are therefore cut by key: `number gt 'last'`. Should a service not compare text that way, its
own pages have to do.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from p2c.documents import Value
from p2c.errors import StateError
from p2c.systems import keys
from p2c.systems.finops.queries import REFUSED, Queries, RawRow, kind
from p2c.systems.odata import literals
from p2c.templates.catalog import FinopsEntity


@dataclass(frozen=True, slots=True)
class HeaderQuery:
    """Which headers: `order` are the key columns (the first one pages), `clause` the filter, `select` the columns."""

    entity: FinopsEntity
    order: tuple[str, ...]
    clause: str
    select: str


@dataclass(frozen=True, slots=True)
class Cut:
    """Headers that make a page, all with numbers after `after` (None: from the first), and where the next page begins.

    `last`: there are no further ones.
    """

    rows: list[RawRow]
    after: Value
    cursor: str
    last: bool


class Ranges:
    """Whether the service takes `gt` and `le` on text: yes, until it refuses."""

    def __init__(self) -> None:
        self.taken = True


class _RangeRefused(Exception):
    """The service did not take a filter by range."""


class HeaderPages:
    """Cuts headers into pages that end between two numbers."""

    def __init__(self, queries: Queries, ranges: Ranges) -> None:
        self._queries = queries
        self._ranges = ranges

    async def cuts(self, query: HeaderQuery, page_size: int, cursor: str | None) -> AsyncGenerator[Cut]:
        """Pages from the cursor on; at least one, which may be empty."""
        place = _place(cursor)
        done = int(place.get("done", 0))
        # A cursor without a number was made where ranges are refused.
        if self._ranges.taken and place.get("after", "") is not None:
            try:
                async with aclosing(self._by_range(query, page_size, place.get("after"), done)) as cuts:
                    async for cut in cuts:
                        done += len(cut.rows)
                        yield cut
                return
            except _RangeRefused:
                self._ranges.taken = False
        async with aclosing(self._by_position(query, page_size, done)) as cuts:
            async for cut in cuts:
                yield cut

    async def _by_range(self, query: HeaderQuery, page_size: int, after: Value, done: int) -> AsyncGenerator[Cut]:
        key, size = query.order[0], page_size
        while True:
            rows = await self._after(query, size, after)
            full = len(rows) >= size
            # Where the number alone does not make the key, the last one may go on behind the page.
            end = keys.last_group(rows, key) if full and len(query.order) > 1 else len(rows)
            if full and not end:
                size *= 2
                continue
            done += end
            reached = rows[end - 1][key] if end else after
            yield Cut(rows[:end], after, _cursor(reached, done), last=not full)
            if not full:
                return
            after, size = reached, page_size

    async def _after(self, query: HeaderQuery, size: int, after: Value) -> list[RawRow]:
        key = query.order[0]
        options = {**_options(query), "$top": str(size)}
        if after is None:
            return await self._queries.all(query.entity, options)
        clause = f"{key} gt {literals.literal(after, kind=kind(query.entity, key))}"
        try:
            return await self._queries.all(
                query.entity, {**options, "$filter": literals.all_of([query.clause, clause])}
            )
        except REFUSED as error:
            raise _RangeRefused from error

    async def _by_position(self, query: HeaderQuery, page_size: int, start: int) -> AsyncGenerator[Cut]:
        key, position, after, size = query.order[0], start, None, page_size
        while True:
            options = {**_options(query), "$top": str(size), "$skip": str(position) if position else ""}
            rows = await self._queries.all(query.entity, options)
            full = len(rows) >= size
            end = keys.last_group(rows, key) if full else len(rows)
            if full and not end:
                size *= 2
                continue
            position += end
            yield Cut(rows[:end], after, _cursor(None, position), last=not full)
            if not full:
                return
            after, size = rows[end - 1][key], page_size


def _options(query: HeaderQuery) -> dict[str, str]:
    return {"$select": query.select, "$filter": query.clause, "$orderby": ",".join(query.order)}


def _cursor(after: Value, done: int) -> str:
    """Behind which number, and how many headers came before; without a number only the latter counts."""
    return json.dumps({"after": after, "done": done}, ensure_ascii=False)


def _place(cursor: str | None) -> dict[str, Any]:
    if cursor is None:
        return {}
    try:
        place = json.loads(cursor)
    except ValueError:
        place = None
    if not isinstance(place, dict) or place.keys() != {"after", "done"}:
        raise StateError("The cursor of an earlier page cannot be read.", hint="Start a full comparison.")
    return place
