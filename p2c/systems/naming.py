"""How a row is called that an event names by its id or a part of its key: the few columns that its key is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from p2c.documents import Row
from p2c.systems.finops.queries import Queries, flat, in_company, kind
from p2c.systems.odata import literals
from p2c.systems.odata.transport import ODataClient
from p2c.systems.sales.tables import Tables
from p2c.templates.catalog import FinopsEntity, SalesTable

OWNING_UNIT = "owningbusinessunit"


async def sales_rows(
    client: ODataClient, table: SalesTable, ids: Sequence[str], columns: Sequence[str]
) -> dict[str, dict[str, str]]:
    """The columns of these rows as text, by id in lower case; rows that are not there are left out.

    Lookups are the id that they hold.
    """
    stored = {name: f"_{name}_value" if _is_lookup(table, name) else name for name in columns}
    rows = await Tables(client).having(table, table.id, ids, {"$select": ",".join(stored.values())})
    return {
        str(row[table.id]).lower(): {
            name: "" if row.get(column) is None else str(row[column]) for name, column in stored.items()
        }
        for row in rows
    }


async def finops_rows(
    client: ODataClient, entity: FinopsEntity, legal_entity: str, known: Mapping[str, str], columns: Sequence[str]
) -> list[Row]:
    """The columns of the rows of a legal entity that have these values."""
    clauses = [literals.equals(name, value, kind=kind(entity, name)) for name, value in known.items()]
    options = {
        "$select": ",".join(columns),
        "$filter": literals.all_of([in_company(entity, legal_entity), *clauses]),
    }
    return [flat(entity, row, columns) for row in await Queries(client).all(entity, options)]


def _is_lookup(table: SalesTable, name: str) -> bool:
    column = table.find(name)
    return column is not None and column.sort == "lookup"
