"""Queries: collections with filter, order and pages, single records, and expanded relations."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from sandbox.sales.address import Call
from sandbox.sales.changes import Row
from sandbox.sales.cookies import make_cookie, read_cookie, without_option
from sandbox.sales.engine import Engine
from sandbox.sales.errors import query_error
from sandbox.sales.expanding import Expand, expand_rows, parse_expand
from sandbox.sales.filters import clause_of, order_of
from sandbox.sales.model import Table
from sandbox.sales.rows import RowWriter, select_columns
from sandbox.wire.query import QueryError, QueryOptions, parse_options

MOST_ROWS = 5000


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query of a table."""

    options: QueryOptions
    expand: tuple[Expand, ...]


def read_query(engine: Engine, table: Table, text: str) -> Query:
    """Parse the query part of a URL. Raises 400."""
    try:
        options = parse_options(text)
    except QueryError as error:
        raise query_error(str(error)) from error
    if options.skip is not None:
        raise query_error("Skip Clause is not supported in CRM")
    return Query(options, parse_expand(engine, table, options.expand))


def single(engine: Engine, call: Call, table: Table, record_id: str, query: Query) -> str:
    """Give one record as JSON. Raises 404."""
    row = engine.need(table.name, record_id)
    writer = RowWriter(engine, table, select_columns(table, query.options.select), call.prefer.annotations)
    members = expand_rows(engine, call, table, [row], query.expand)[0]
    context = f'"@odata.context":{json.dumps(context_url(call, table, query.options.select, single=True))}'
    return "{" + context + "," + writer.text(row, members)[1:]


def context_url(call: Call, table: Table, select: Sequence[str] | None, *, single: bool = False) -> str:
    """Give the context of an answer."""
    chosen = f"({','.join(select)})" if select else ""
    return f"{call.root}$metadata#{table.entity_set}{chosen}{'/$entity' if single else ''}"


def collection(
    engine: Engine, call: Call, table: Table, query: Query, where: sa.ColumnElement[bool] | None = None
) -> str:
    """Give one page of a table as JSON."""
    options, store = query.options, engine.store
    chosen = clause_of(engine, table, options)
    if where is not None:
        chosen = where if chosen is None else sa.and_(where, chosen)
    size = call.prefer.page_size
    # A page size makes the service ignore $top.
    top = None if size is not None else options.top
    limit = min(size or MOST_ROWS, top if top is not None else MOST_ROWS)
    order = order_of(engine, table, options.orderby)
    start = read_cookie(options.other.get("$skiptoken"))
    id_column = store.column(table.name, table.id)
    page_clause, offset = chosen, None
    if start and options.orderby:
        offset = int(start["offset"])
    elif start:
        after = id_column > start["after"]
        page_clause = after if chosen is None else sa.and_(chosen, after)
    writer = RowWriter(engine, table, select_columns(table, options.select), call.prefer.annotations)
    columns = dict.fromkeys([*writer.needed(), *expand_columns(table, query.expand)])
    rows = store.select(table.name, page_clause, [*order, id_column], limit + 1, offset, tuple(columns))
    more = len(rows) > limit and top is None
    rows = rows[:limit]
    members = [f'"@odata.context":{json.dumps(context_url(call, table, options.select))}']
    if options.count:
        members.append(f'"@odata.count":{min(store.count(table.name, chosen), MOST_ROWS)}')
    expanded = expand_rows(engine, call, table, rows, query.expand)
    texts = [writer.text(row, extra) for row, extra in zip(rows, expanded, strict=True)]
    members.append(f'"value":[{",".join(texts)}]')
    if more:
        members.append(f'"@odata.nextLink":{json.dumps(_next_link(call, table, rows, start, limit))}')
    return "{" + ",".join(members) + "}"


def expand_columns(table: Table, expand: Sequence[Expand]) -> list[str]:
    """Name the lookup columns that expanding needs."""
    names = []
    for item in expand:
        if item.column is not None and item.parent is None:
            names.append(item.column.name)
            if f"{item.column.name}type" in table.columns:
                names.append(f"{item.column.name}type")
    return names


def count(engine: Engine, table: Table, options: QueryOptions) -> int:
    """Count the records of a filter; the service stops counting at 5,000."""
    return min(engine.store.count(table.name, clause_of(engine, table, options)), MOST_ROWS)


def _next_link(call: Call, table: Table, rows: list[Row], start: dict[str, Any] | None, limit: int) -> str:
    offset = (int(start["offset"]) if start else 0) + limit
    token = make_cookie({"after": rows[-1][table.id], "offset": offset})
    rest = without_option(call.query, "$skiptoken")
    return f"{call.root}{call.path}?{rest + '&' if rest else ''}$skiptoken={quote(token, safe='')}"
