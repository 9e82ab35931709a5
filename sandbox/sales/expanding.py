"""$expand: related records inside a record, with the limits and oddities of the real service.

One level of expanded collections comes unpaged and always carries a next link that has no paging information and gives
the same rows again. As soon as an expand is nested anywhere, expanded collections are paged with a true next link, and
$top and $orderby inside of an expand are refused.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from sandbox.sales.address import Call
from sandbox.sales.changes import Row
from sandbox.sales.cookies import make_cookie
from sandbox.sales.engine import Engine
from sandbox.sales.errors import query_error, unknown_property
from sandbox.sales.filters import clause_of, order_of
from sandbox.sales.implemented import EXPANDED_MANY, EXPANDED_ONE, check_options
from sandbox.sales.model import Column, Table
from sandbox.sales.rows import RowWriter, select_columns
from sandbox.wire.query import QueryError, QueryOptions, parse_options

_MOST_EXPANDS = 15
_MOST_CHILDREN = 5000
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Expand:
    """One expanded relation. To one record: `column` is the lookup here. To many: `parent` is the lookup over there."""

    name: str
    target: Table
    column: Column | None
    parent: Column | None
    options: QueryOptions
    inner: tuple["Expand", ...]
    text: str
    paged: bool = False


def parse_expand(engine: Engine, table: Table, text: str | None) -> tuple[Expand, ...]:
    """Read an $expand. Raises 400 for unknown names, more than 15 relations, and what nesting forbids."""
    if not text:
        return ()
    found = _parse(engine, table, text)
    if _count(found) > _MOST_EXPANDS:
        raise query_error(f"The number of $expand options exceeded the maximum of {_MOST_EXPANDS}.")
    if any(item.inner for item in found):
        if any(_ordered(item) for item in found):
            raise query_error("The $top and $orderby query options are not supported with nested $expand.")
        found = tuple(_mark_paged(item) for item in found)
    return found


def _parse(engine: Engine, table: Table, text: str) -> tuple[Expand, ...]:
    found = []
    for part in split_outside(text, ","):
        name, paren, rest = part.strip().partition("(")
        if paren and not rest.endswith(")"):
            raise query_error(f"Bad Request - Error in query syntax: '{part}'.")
        inner_text = rest[:-1] if paren else ""
        try:
            options = parse_options("&".join(quote(option, safe="$=") for option in split_outside(inner_text, ";")))
        except QueryError as error:
            raise query_error(str(error)) from error
        column: Column | None = None
        parent: Column | None = None
        if name in table.navigation:
            column, target_name = table.navigation[name]
        elif name in table.collections:
            target_name, parent_name = table.collections[name]
            parent = engine.table(target_name).columns[parent_name]
        else:
            raise unknown_property(name, table.name)
        check_options(options, EXPANDED_ONE if parent is None else EXPANDED_MANY, f"inside of $expand={name}")
        target = engine.table(target_name)
        select_columns(target, options.select)
        inner = _parse(engine, target, options.expand) if options.expand else ()
        found.append(Expand(name, target, column, parent, options, inner, inner_text))
    return tuple(found)


def split_outside(text: str, separator: str) -> list[str]:
    """Split at a separator outside of parentheses and quotes; empty parts are left out."""
    parts, depth, quoted, begin = [], 0, False, 0
    for index, char in enumerate(text):
        if char == "'":
            quoted = not quoted
        elif not quoted:
            depth += (char == "(") - (char == ")")
            if char == separator and depth == 0:
                parts.append(text[begin:index])
                begin = index + 1
    parts.append(text[begin:])
    return [part for part in parts if part.strip()]


def _count(items: Sequence[Expand]) -> int:
    return sum(1 + _count(item.inner) for item in items)


def _ordered(item: Expand) -> bool:
    return item.options.top is not None or bool(item.options.orderby) or any(_ordered(inner) for inner in item.inner)


def _mark_paged(item: Expand) -> Expand:
    return replace(item, paged=True, inner=tuple(_mark_paged(inner) for inner in item.inner))


def expand_rows(
    engine: Engine, call: Call, table: Table, rows: Sequence[Row], expand: Sequence[Expand]
) -> list[list[str]]:
    """Give for each record the JSON members of its expanded relations."""
    members: list[list[str]] = [[] for _ in rows]
    for item in expand:
        if item.parent is None:
            _to_one(engine, call, table, rows, item, members)
        else:
            _to_many(engine, call, table, rows, item, members)
    return members


def _to_one(
    engine: Engine, call: Call, table: Table, rows: Sequence[Row], item: Expand, members: list[list[str]]
) -> None:
    column = item.column
    if column is None:
        raise AssertionError("A relation to one record has a lookup.")
    type_name = f"{column.name}type"
    wanted: list[str | None] = [
        row[column.name] if row.get(type_name, item.target.name) in (item.target.name, None) else None for row in rows
    ]
    writer = RowWriter(engine, item.target, select_columns(item.target, item.options.select), call.prefer.annotations)
    found = {
        row[item.target.id]: row for row in _by(engine, item.target, item.target.id, [key for key in wanted if key])
    }
    ids = list(found)
    inner = dict(zip(ids, expand_rows(engine, call, item.target, [found[key] for key in ids], item.inner), strict=True))
    for place, key in zip(members, wanted, strict=True):
        text = writer.text(found[key], inner[key]) if key in found and key is not None else "null"
        place.append(f"{json.dumps(item.name)}:{text}")


def _to_many(
    engine: Engine, call: Call, table: Table, rows: Sequence[Row], item: Expand, members: list[list[str]]
) -> None:
    parent = item.parent
    if parent is None:
        raise AssertionError("A relation to many records has a lookup on the other side.")
    children: defaultdict[str, list[Row]] = defaultdict(list)
    for child in _by(engine, item.target, parent.name, [row[table.id] for row in rows], item.options):
        if child.get(f"{parent.name}type", table.name) == table.name:
            children[child[parent.name]].append(child)
    writer = RowWriter(engine, item.target, select_columns(item.target, item.options.select), call.prefer.annotations)
    size = (call.prefer.page_size or _MOST_CHILDREN) if item.paged else _MOST_CHILDREN
    for place, row in zip(members, rows, strict=True):
        mine = children.get(row[table.id], [])
        page = mine[: min(size, item.options.top if item.options.top is not None else size)]
        inner = expand_rows(engine, call, item.target, page, item.inner)
        texts = [writer.text(child, extra) for child, extra in zip(page, inner, strict=True)]
        place.append(f"{json.dumps(item.name)}:[{','.join(texts)}]")
        link = f"{call.root}{table.entity_set}({row[table.id]})/{item.name}"
        query = "&".join(split_outside(item.text, ";"))
        if not item.paged:
            place.append(
                f"{json.dumps(item.name + '@odata.nextLink')}:{json.dumps(link + ('?' + query if query else ''))}"
            )
        elif len(mine) > len(page):
            token = quote(make_cookie({"after": page[-1][item.target.id], "offset": len(page)}), safe="")
            link = f"{link}?{query + '&' if query else ''}$skiptoken={token}"
            place.append(f"{json.dumps(item.name + '@odata.nextLink')}:{json.dumps(link)}")


def _by(
    engine: Engine, table: Table, column: str, keys: Sequence[str], options: QueryOptions | None = None
) -> list[Row]:
    store, found = engine.store, []
    clause = clause_of(engine, table, options) if options else None
    order: list[Any] = order_of(engine, table, options.orderby) if options else []
    unique = list(dict.fromkeys(keys))
    for start in range(0, len(unique), _CHUNK):
        mine = store.column(table.name, column).in_(unique[start : start + _CHUNK])
        where = mine if clause is None else sa.and_(mine, clause)
        found += store.select(table.name, where, [*order, store.column(table.name, table.id)])
    return found
