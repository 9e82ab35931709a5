"""POST, PATCH, PUT and DELETE of one row, each all or nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sandbox.finops.answers import JSON_HEADERS, etag, location, row_json, single
from sandbox.finops.books import Books
from sandbox.finops.catalog import NAMESPACE, EntitySet, ValueRefusedError
from sandbox.finops.implemented import WRITE, options_of
from sandbox.finops.infolog import InfologError, Line, RequestError, conflict
from sandbox.finops.options import Faults
from sandbox.finops.reading import Reader
from sandbox.finops.resource import Resource
from sandbox.finops.rules.base import Values, Write, fit_texts
from sandbox.finops.rules.masterdata import rules
from sandbox.finops.tables import tables_by_set
from sandbox.wire.reply import Reply
from sandbox.wire.store import Row

_ODATA_EXCEPTION = "Microsoft.OData.Core.ODataException"
_NO_RESOURCES = "No resources were found when selecting for update."


class Writer:
    """Answers requests that write. ``system`` writes are those of the application's own people."""

    def __init__(self, books: Books, faults: Faults) -> None:
        self._books = books
        self._faults = faults
        self._reader = Reader(books)

    def create(self, resource: Resource, origin: str, body: bytes) -> Reply:
        """Adds a row: 201 with the whole entity, ETag and Location."""
        entity = resource.named_set
        options_of(resource.query, WRITE)
        row = self.create_row(entity, read_body(entity, body))
        answer = {
            **JSON_HEADERS,
            "ETag": etag(tables_by_set()[entity.name], row),
            "Location": location(origin, entity, row),
        }
        return Reply(201, answer, single(origin, entity, row_json(entity, row)))

    def create_row(self, entity: EntitySet, given: Values, system: bool = False) -> Row:
        """Adds a row from stored values through the business logic and gives it whole. Raises RequestError."""
        table = self._writable(entity, system)
        company = str(given.get("dataAreaId") or self._books.options.default_company).lower()
        if entity.by_company:
            if self._books.company(company) is None:
                raise RequestError(400, f"The company '{company}' does not exist.")
            given["dataAreaId"] = company
        write = Write(self._books, entity, company, system)
        try:
            fit_texts(write, given)
            with self._books.atomic():
                return rules()[table].create(write, given)
        except InfologError as error:
            status = self._books.options.duplicate_status if error.duplicate else 400
            raise error.request_error(entity.application_name, status) from error

    def update(self, resource: Resource, headers: Mapping[str, str], body: bytes) -> Reply:
        """Writes properties of a row: 204. A missing row is refused, never created."""
        entity, row = self._target(resource, headers)
        given = read_body(entity, body)
        for name in entity.keys:
            # A key may be repeated in the body, but not changed.
            if name in given and str(given.pop(name)).lower() != str(row[name]).lower():
                raise RequestError(400, f"The key property '{name}' cannot be changed.", _ODATA_EXCEPTION)
        after = self.update_row(entity, row, given)
        return Reply(204, {"OData-Version": "4.0", "ETag": etag(tables_by_set()[entity.name], after)})

    def update_row(self, entity: EntitySet, row: Row, given: Values, system: bool = False) -> Row:
        """Writes stored values to a row through the business logic and gives it whole. Raises RequestError."""
        table = self._writable(entity, system)
        write = Write(self._books, entity, str(row.get("dataAreaId", "")), system)
        try:
            if not system and self._faults.take("update_conflicts"):
                raise conflict(table, tables_by_set()[entity.name].label)
            fit_texts(write, given)
            with self._books.atomic():
                return rules()[table].update(write, row, given)
        except InfologError as error:
            raise error.request_error(entity.application_name) from error

    def delete(self, resource: Resource, headers: Mapping[str, str]) -> Reply:
        """Removes a row: 204. A missing row is refused."""
        entity, row = self._target(resource, headers)
        self.delete_row(entity, row)
        return Reply(204, {"OData-Version": "4.0"})

    def delete_row(self, entity: EntitySet, row: Row, system: bool = False) -> None:
        """Removes a row through the business logic. Raises RequestError."""
        table = self._writable(entity, system)
        write = Write(self._books, entity, str(row.get("dataAreaId", "")), system)
        try:
            with self._books.atomic():
                rules()[table].delete(write, row)
        except InfologError as error:
            raise error.request_error(entity.application_name) from error

    def _writable(self, entity: EntitySet, system: bool) -> str:
        table = tables_by_set().get(entity.name)
        if table is None or (rules()[table.name].read_only and not system):
            raise RequestError(400, f"Data entity '{entity.application_name}' is read-only.")
        if table.name in self._books.options.no_access and not system:
            text = f"Cannot edit a record in {entity.application_name}. Access Denied: You do not have sufficient"
            error = InfologError(Line("Error", f"{text} authorization to modify data in database."))
            raise error.request_error(entity.application_name)
        return table.name

    def _target(self, resource: Resource, headers: Mapping[str, str]) -> tuple[EntitySet, Row]:
        entity, options = resource.named_set, options_of(resource.query, WRITE)
        row = self._reader.find(resource, options)
        if row is None:
            raise RequestError(400, _NO_RESOURCES)
        expected = headers.get("if-match", "*")
        if self._books.options.check_if_match and expected not in ("*", etag(tables_by_set()[entity.name], row)):
            raise RequestError(412, "The precondition given in the request header If-Match is not met.")
        return entity, row


def read_body(entity: EntitySet, body: bytes) -> Values:
    """The stored values of a JSON body. Raises RequestError for what is not JSON, unknown or of the wrong type."""
    try:
        given = json.loads(body, parse_float=Decimal)
    except ValueError as error:
        raise RequestError(400, f"The request body is not valid JSON: {error}", _ODATA_EXCEPTION) from error
    if not isinstance(given, dict):
        raise RequestError(400, "The request body must be a JSON object.", _ODATA_EXCEPTION)
    return read_values(entity, given)


def read_values(entity: EntitySet, given: Mapping[str, Any]) -> Values:
    """The stored values of JSON values by property name; annotations are passed over. Raises RequestError."""
    values: Values = {}
    for name, value in given.items():
        if "@" in name:
            continue
        prop = entity.properties.get(name)
        if prop is None:
            raise RequestError(
                400,
                f"The property '{name}' does not exist on type '{NAMESPACE}.{entity.type}'. Make sure to only use "
                "property names that are defined by the type.",
                _ODATA_EXCEPTION,
            )
        try:
            values[name] = prop.read(value)
        except ValueRefusedError as error:
            raise RequestError(400, str(error), _ODATA_EXCEPTION) from error
    return values
