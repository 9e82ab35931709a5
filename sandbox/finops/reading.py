"""GET: rows of an entity set by query options, one row by key, and a count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote_plus

import sqlalchemy as sa

from sandbox.finops.answers import JSON_HEADERS, collection, columns_for, etag, row_json, single
from sandbox.finops.books import Books
from sandbox.finops.catalog import NAMESPACE, EntitySet, entity_sets, enums
from sandbox.finops.implemented import COLLECTION, COUNT, ROW, invalid_query, options_of
from sandbox.finops.infolog import RequestError
from sandbox.finops.resource import Resource
from sandbox.finops.tables import Table, tables_by_set
from sandbox.wire.query import Dialect, QueryError, QueryOptions, filter_clause
from sandbox.wire.reply import Reply
from sandbox.wire.store import Row

# What an entity's own query leaves out.
_ROW_FILTERS: Mapping[str, tuple[str, Any]] = {
    "SellableReleasedProducts": ("_Sellable", True),
    "ExternallyMaintainedCustomerSalesInvoiceHeaders": ("_ExternallyMaintained", True),
    "ExternallyMaintainedCustomerSalesInvoiceLines": ("_ExternallyMaintained", True),
    "ExternallyMaintainedCustomerSalesInvoiceLinesV2": ("_ExternallyMaintained", True),
}


@dataclass(frozen=True)
class Navigation:
    """A navigation property that can be expanded: its target set, whether to many, and the shared key columns."""

    target: str
    many: bool
    shared: tuple[str, ...]


_ORDER_KEY = ("dataAreaId", "SalesOrderNumber")
_QUOTATION_KEY = ("dataAreaId", "SalesQuotationNumber")
NAVIGATION: Mapping[str, Mapping[str, Navigation]] = {
    "CDSSalesOrderHeaders": {
        "CDSSalesOrderLines": Navigation("CDSSalesOrderLines", True, _ORDER_KEY),
        "CDSSalesOrderLinesV2": Navigation("CDSSalesOrderLinesV2", True, _ORDER_KEY),
    },
    "CDSSalesOrderLines": {"CDSSalesOrderHeader": Navigation("CDSSalesOrderHeaders", False, _ORDER_KEY)},
    "CDSSalesOrderLinesV2": {"CDSSalesOrderHeader": Navigation("CDSSalesOrderHeaders", False, _ORDER_KEY)},
    "CDSSalesQuotationHeaders": {
        "CDSSalesQuotationLines": Navigation("CDSSalesQuotationLines", True, _QUOTATION_KEY),
    },
    "CDSSalesQuotationLines": {
        "CDSSalesQuotationHeader": Navigation("CDSSalesQuotationHeaders", False, _QUOTATION_KEY),
    },
}


def is_cross_company(options: QueryOptions) -> bool:
    """Whether the request sees all companies."""
    return options.other.get("cross-company", "").lower() == "true"


class Reader:
    """Answers GET requests."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def rows(self, resource: Resource, origin: str) -> Reply:
        """A page of an entity set."""
        entity, options = resource.named_set, options_of(resource.query, COLLECTION)
        if entity.name not in tables_by_set():
            return Reply(200, dict(JSON_HEADERS), collection(origin, entity, (), 0 if options.count else None, None))
        table, where = tables_by_set()[entity.name], self._where(entity, options)
        expand = self._expand(entity, options)
        self._check_select(entity, options)
        page = self._books.options.page_size
        limit = page if options.top is None else min(options.top, page)
        columns = columns_for(entity, options.select, [name for each in expand.values() for name in each.shared])
        rows = self._books.store.select(
            table.name, where, self._order(entity, table, options), limit + 1, options.skip or 0, columns
        )
        more = len(rows) > limit and (options.top is None or options.top > page)
        rows = rows[:limit]
        children = {name: self._children(each, rows) for name, each in expand.items()}
        texts = [
            row_json(entity, row, options.select, {name: texts[index] for name, texts in children.items()})
            for index, row in enumerate(rows)
        ]
        count = self._books.store.count(table.name, where) if options.count else None
        link = self._next_link(resource, origin, options, page) if more else None
        return Reply(200, dict(JSON_HEADERS), collection(origin, entity, texts, count, link))

    def count(self, resource: Resource) -> Reply:
        """The number of rows, as text."""
        entity, options = resource.named_set, options_of(resource.query, COUNT)
        where = self._where(entity, options)
        number = self._books.store.count(tables_by_set()[entity.name].name, where)
        return Reply(200, {"Content-Type": "text/plain"}, str(number).encode())

    def row(self, resource: Resource, origin: str) -> Reply:
        """One row by its key; a row of another company is missing unless the request sees all companies."""
        entity, options = resource.named_set, options_of(resource.query, ROW)
        found = self.find(resource, options)
        if found is None:
            raise RequestError(404, f"No resource was found for the key in segment '{entity.name}'.")
        self._check_select(entity, options)
        expand = self._expand(entity, options)
        children = {name: self._children(each, [found])[0] for name, each in expand.items()}
        text = row_json(entity, found, options.select, children)
        headers = {**JSON_HEADERS, "ETag": etag(tables_by_set()[entity.name], found)}
        return Reply(200, headers, single(origin, entity, text))

    def find(self, resource: Resource, options: QueryOptions) -> Row | None:
        """The row of a keyed URL, as far as the request sees it."""
        entity, key = resource.named_set, resource.key or {}
        table = tables_by_set().get(entity.name)
        if table is None:
            return None
        if entity.by_company and not is_cross_company(options) and not self._is_default(str(key["dataAreaId"])):
            return None
        if set(key) == set(table.key):
            found = self._books.get(table.name, *(key[name] for name in table.key))
        else:
            found = next(iter(self._books.rows(table.name, **key)), None)
        hidden = _ROW_FILTERS.get(entity.name)
        return None if found is not None and hidden and found[hidden[0]] != hidden[1] else found

    def _is_default(self, company: str) -> bool:
        return company.lower() == self._books.options.default_company.lower()

    def _where(self, entity: EntitySet, options: QueryOptions) -> sa.ColumnElement[bool]:
        source = self._books.store.table(tables_by_set()[entity.name].name)
        clauses: list[sa.ColumnElement[bool]] = [sa.true()]
        if entity.by_company and not is_cross_company(options):
            clauses.append(source.c.dataAreaId == self._books.options.default_company.lower())
        if entity.name in _ROW_FILTERS:
            column, value = _ROW_FILTERS[entity.name]
            clauses.append(source.c[column] == value)
        if options.filter:
            aliases = {name: value for name, value in options.other.items() if name.startswith("@")}
            dialect = Dialect(
                aliases=aliases,
                allow_in=False,
                wildcards=True,
                text_order=self._books.options.text_order,
                text_functions=False,
            )
            try:
                clauses.append(
                    filter_clause(options.filter, lambda name: source.c[_known(entity, name)], _enum, dialect)
                )
            except QueryError as error:
                raise invalid_query(str(error)) from error
        return sa.and_(*clauses)

    def _order(self, entity: EntitySet, table: Table, options: QueryOptions) -> list[sa.ColumnElement[Any]]:
        source = self._books.store.table(table.name)
        order: list[sa.ColumnElement[Any]] = []
        for name, descending in options.orderby:
            if name not in entity.properties:
                raise invalid_query(_no_property(entity, name))
            order.append(source.c[name].desc() if descending else source.c[name].asc())
        return [*order, *(source.c[name] for name in table.key)]

    def _check_select(self, entity: EntitySet, options: QueryOptions) -> None:
        for name in options.select or ():
            if name not in entity.properties:
                raise invalid_query(_no_property(entity, name))

    def _expand(self, entity: EntitySet, options: QueryOptions) -> dict[str, Navigation]:
        found = {}
        for name in filter(None, (part.strip() for part in (options.expand or "").split(","))):
            if "(" in name or "/" in name:
                raise invalid_query("Only the first level of $expand is supported.")
            navigation = NAVIGATION.get(entity.name, {}).get(name)
            if navigation is None:
                raise invalid_query(_no_property(entity, name))
            found[name] = navigation
        return found

    def _children(self, navigation: Navigation, parents: list[Row]) -> list[str]:
        """The JSON of a navigation property for each parent."""
        target = entity_sets()[navigation.target]
        texts = []
        for parent in parents:
            equal = {name: parent[name] for name in navigation.shared}
            rows = self._books.rows(tables_by_set()[target.name].name, **equal)
            found = [row_json(target, row) for row in rows]
            texts.append(f"[{','.join(found)}]" if navigation.many else (found[0] if found else "null"))
        return texts

    def _next_link(self, resource: Resource, origin: str, options: QueryOptions, page: int) -> str:
        """The next page by position, as the service gives it."""
        kept = []
        for part in resource.query.split("&"):
            name, _, value = part.partition("=")
            if part and unquote_plus(name) not in ("$skip", "$top"):
                kept.append(f"{unquote_plus(name)}={quote(unquote_plus(value), safe='')}")
        kept.append(f"$skip={(options.skip or 0) + page}")
        if options.top is not None:
            kept.append(f"$top={options.top - page}")
        return f"{origin}/data/{resource.named_set.name}?{'&'.join(kept)}"


def _known(entity: EntitySet, name: str) -> str:
    if name not in entity.properties:
        raise QueryError(_no_property(entity, name))
    return name


def _no_property(entity: EntitySet, name: str) -> str:
    return f"Could not find a property named '{name}' on type '{NAMESPACE}.{entity.type}'."


def _enum(enum_type: str, symbol: str) -> str:
    name = enum_type.removeprefix(f"{NAMESPACE}.")
    if name == enum_type or name not in enums():
        raise QueryError(f"An unknown type '{enum_type}' was found.")
    if symbol not in enums()[name]:
        raise KeyError(symbol)
    return symbol
