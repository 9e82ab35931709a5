"""Queries to Finance and Operations: always across companies, by key range, or by chains of keys.

F&O has no `in`, and how long a filter may be is not documented: chains are short, and are halved when one is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from p2c.documents import Value
from p2c.errors import ConfigError, MissingRow, Validation
from p2c.systems.odata import literals
from p2c.systems.odata.transport import ODataClient
from p2c.systems.parallel import together
from p2c.templates import paths
from p2c.templates.catalog import FinopsEntity
from p2c.templates.paths import Column

RawRow = dict[str, Any]

COMPANY = "dataAreaId"
CHAIN_KEYS = 20
CHAIN_LENGTH = 2_000
"""Keys and characters of an OR chain."""

REFUSED = (Validation, ConfigError, MissingRow)
"""What a query is answered with that the service does not like: 400, 404 or 414, whatever the reason."""


class Queries:
    """Reads rows as F&O gives them."""

    def __init__(self, client: ODataClient) -> None:
        self._client = client

    async def all(self, entity: FinopsEntity, options: Mapping[str, str]) -> list[RawRow]:
        """All rows of a query, over as many pages as the service makes; `options` are not encoded."""
        query = literals.query({"cross-company": "true", **options})
        return [row async for rows, _ in self._client.pages(f"{entity.name}?{query}") for row in rows]

    async def having(
        self, entity: FinopsEntity, column: str, values: Iterable[Value], options: Mapping[str, str]
    ) -> list[RawRow]:
        """All rows whose column holds one of the values, in no order; many requests at the same time."""
        wanted = list(dict.fromkeys(values))

        def chain(chunk: Iterable[Value]) -> str:
            return literals.any_of(literals.equals(column, one, kind=kind(entity, column)) for one in chunk)

        async def ask(chunk: Sequence[Value]) -> list[RawRow]:
            clause = literals.all_of([options.get("$filter", ""), chain(chunk)])
            try:
                return await self.all(entity, {**options, "$filter": clause})
            except REFUSED:
                if len(chunk) == 1:
                    raise
            middle = len(chunk) // 2
            return [*await ask(chunk[:middle]), *await ask(chunk[middle:])]

        chunks = literals.chunk_by_length(wanted, chain, CHAIN_LENGTH, count=CHAIN_KEYS)
        answers = await together(ask(chunk) for chunk in chunks)
        return [row for rows in answers for row in rows]


def kind(entity: FinopsEntity, column: str) -> str:
    """The kind of a column for a literal; "" for one that the catalog does not have."""
    known = entity.find(column)
    if known is None or known.type == "Unknown":
        return ""
    return f"enum {known.enum}" if known.enum else known.type


def in_company(entity: FinopsEntity, legal_entity: str) -> str:
    """The filter for the rows of a legal entity; blank for an entity that is shared by all."""
    return literals.equals(COMPANY, legal_entity.lower()) if entity.find(COMPANY) is not None else ""


def without_company(columns: Iterable[str]) -> tuple[str, ...]:
    """Key columns but for the legal entity, which goes without saying."""
    return tuple(column for column in columns if column != COMPANY)


def columns_of(names: Iterable[str]) -> list[str]:
    """The columns, each once. Raises ConfigError for a path that follows a lookup: F&O has none."""
    for name in names:
        if not isinstance(paths.parse(name), Column):
            raise ConfigError(f"{name} follows a lookup: entities of Finance and Operations have none")
    return list(dict.fromkeys(names))


def flat(entity: FinopsEntity, raw: RawRow, columns: Iterable[str]) -> dict[str, Value]:
    """The row by column: enums as symbols, amounts always as Decimal, which JSON's `10` would not be."""
    return {name: _value(entity, name, raw.get(name)) for name in columns}


def _value(entity: FinopsEntity, column: str, value: Any) -> Value:
    known = entity.find(column)
    if known is not None and known.type == "Decimal" and value is not None:
        return Decimal(value)
    plain: Value = value
    return plain
