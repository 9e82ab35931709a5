"""Reading rows of Sales tables in bulk: by filter, and by thousands of numbers or ids with the In function."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from p2c.documents import Value
from p2c.errors import Transient
from p2c.systems.odata import literals
from p2c.systems.odata.transport import ODataClient
from p2c.systems.parallel import together
from p2c.templates.catalog import SalesTable

RawRow = dict[str, Any]

URL_LENGTH = 30_000
"""Characters for path and query of one GET; Dataverse takes 32,768 with its own address before them."""
MOST_VALUES = 2_000
"""Values of one In; the service once refused more."""
LARGEST_PAGE = 5_000


class Tables:
    """Reads rows as the Web API gives them."""

    def __init__(self, client: ODataClient, *, url_length: int = URL_LENGTH) -> None:
        self._client = client
        self._url_length = url_length

    async def pages(
        self, table: SalesTable, options: Mapping[str, str], *, page_size: int = LARGEST_PAGE
    ) -> AsyncIterator[list[RawRow]]:
        """The service's pages of a query; `options` are `$filter` and its like, not encoded."""
        headers = {"Prefer": f"odata.maxpagesize={min(page_size, LARGEST_PAGE)}"}
        async for rows, _ in self._client.pages(_url(table, options), headers=headers):
            yield rows

    async def tracked(
        self, table: SalesTable, *, select: str = "", link: str = ""
    ) -> AsyncIterator[tuple[list[RawRow], str]]:
        """Change tracking's pages, each with the next delta link or "": of all rows, or of what changed since `link`.

        The columns of a link are those that its first read selected. Raises Transient when the last page has no link.
        """
        # On every page: a page asked for without it ends without a link. Annotations would make it vanish, too.
        headers = {"Prefer": f"odata.track-changes,odata.maxpagesize={LARGEST_PAGE}"}
        following = ""
        async for rows, envelope in self._client.pages(link or _url(table, {"$select": select}), headers=headers):
            following = str(envelope.get("@odata.deltaLink") or "")
            yield rows, following
        if not following:
            raise Transient(f"Sales ended the changes of {table.name} without a delta link.", system="sales")

    async def all(self, table: SalesTable, options: Mapping[str, str]) -> list[RawRow]:
        """All rows of a query."""
        return [row async for page in self.pages(table, options) for row in page]

    async def having(
        self, table: SalesTable, column: str, values: Iterable[Value], options: Mapping[str, str]
    ) -> list[RawRow]:
        """All rows whose column holds one of the values, as the service compares them (ignoring case), in no order.

        As many requests as the length of a URL demands, at the same time. `column` is the logical name, of a lookup
        too.
        """
        wanted = list(dict.fromkeys(values))
        base = options.get("$filter", "")

        def query(chunk: Iterable[Value]) -> dict[str, str]:
            clause, parameters = literals.in_values(column, chunk)
            return {**options, "$filter": literals.all_of([clause, base]), **parameters}

        chunks = literals.chunk_by_length(
            wanted, lambda chunk: _url(table, query(chunk)), self._url_length, count=MOST_VALUES
        )
        answers = await together(self.all(table, query(chunk)) for chunk in chunks)
        return [row for rows in answers for row in rows]


def _url(table: SalesTable, options: Mapping[str, str]) -> str:
    query = literals.query(options)
    return f"{table.entity_set}?{query}" if query else table.entity_set
