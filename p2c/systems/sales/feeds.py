"""What changed in one table of Sales since a token: by change tracking, or by the time of modification.

A token is a delta link, sent back as it came, or `modifiedon` with the latest time that the table's rows had. Deleted
rows are known by change tracking only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from p2c.errors import ConfigError, ExpiredToken, MissingRow, Validation
from p2c.systems.sales.metadata import Metadata
from p2c.systems.sales.tables import RawRow, Tables
from p2c.templates.catalog import SalesTable

OVERLAP = timedelta(minutes=10)
"""How far before the latest modification it is read again: a transaction that took long shows up late."""

_LOG = logging.getLogger(__name__)
_BY_TIME = "modifiedon "
_BEGINNING = "1900-01-01T00:00:00Z"

Take = Callable[[Sequence[RawRow], Sequence[str]], None]
"""Gets each page of a feed: changed rows, as far as they were selected, and ids of deleted ones."""


class Feeds:
    """Reads what changed in tables."""

    def __init__(self, tables: Tables, metadata: Metadata, now: Callable[[], datetime]) -> None:
        self._tables = tables
        self._metadata = metadata
        self._now = now
        self._tracked: dict[str, bool] = {}

    async def mark(self, table: SalesTable, select: str) -> str:
        """A token for the state of now. With change tracking all rows come by for it, with these columns."""
        if await self._is_tracked(table):
            try:
                links = [link async for _, link in self._tables.tracked(table, select=select)]
            except ConfigError as error:
                # The definition was not to be seen, or promises too much.
                _LOG.info("sales: %s is read by modifiedon: %s", table.name, error.message)
                self._tracked[table.name] = False
            else:
                return links[-1]
        query = {"$select": f"{table.id},modifiedon", "$orderby": "modifiedon desc", "$top": "1"}
        rows = await self._tables.all(table, query)
        return _BY_TIME + (self._past(str(rows[0]["modifiedon"])) if rows else _BEGINNING)

    async def since(self, table: SalesTable, select: str, token: str, take: Take) -> str:
        """Hands over what changed since the token, page by page; gives the next token. Raises ExpiredToken."""
        if token.startswith(_BY_TIME):
            return await self._modified(table, select, token.removeprefix(_BY_TIME), take)
        following = ""
        try:
            async for rows, link in self._tables.tracked(table, link=token):
                following = link
                take(
                    [row for row in rows if not _is_deleted(row)], [str(row["id"]) for row in rows if _is_deleted(row)]
                )
        except (ConfigError, Validation, MissingRow) as error:
            message = f"Sales does not take the change-tracking token of {table.name}: {error.message}"
            raise ExpiredToken(message, system="sales") from error
        except ExpiredToken as error:
            message = f"The change-tracking token of {table.name} has expired: {error.message}"
            raise ExpiredToken(message, system="sales", correlation=error.correlation) from error
        return following

    async def _modified(self, table: SalesTable, select: str, last: str, take: Take) -> str:
        try:
            start = datetime.fromisoformat(last) - OVERLAP
        except ValueError as error:
            raise ExpiredToken(f"The time up to which {table.name} was read cannot be read.", system="sales") from error
        options = {
            "$select": f"{select},modifiedon",
            "$filter": f"modifiedon ge {start:%Y-%m-%dT%H:%M:%SZ}",
            # Rows of the same second keep their order from page to page; one that changes meanwhile comes once more.
            "$orderby": f"modifiedon,{table.id}",
        }
        async for rows in self._tables.pages(table, options):
            take(rows, ())
            if rows and datetime.fromisoformat(rows[-1]["modifiedon"]) > datetime.fromisoformat(last):
                last = str(rows[-1]["modifiedon"])
        return _BY_TIME + self._past(last)

    def _past(self, moment: str) -> str:
        """The moment, but none that is still to come: of a row from an import, it would hide all others until then."""
        now = self._now()
        return moment if datetime.fromisoformat(moment) <= now else f"{now:%Y-%m-%dT%H:%M:%SZ}"

    async def _is_tracked(self, table: SalesTable) -> bool:
        if table.name not in self._tracked:
            # A definition that the user may not see says nothing: then the table itself is asked.
            self._tracked[table.name] = (await self._metadata.tracked([table.name])).get(table.name, True)
        return self._tracked[table.name]


def _is_deleted(row: RawRow) -> bool:
    return row.get("reason") == "deleted" or "/$deletedEntity" in str(row.get("@odata.context", ""))
