"""What an environment says about itself: tables, columns, keys, and the records that every environment has."""

import json
import re
from decimal import Decimal
from typing import Any

from sandbox.sales.address import Segment
from sandbox.sales.changes import Caller, fixed_id
from sandbox.sales.engine import Engine
from sandbox.sales.errors import SalesError, no_resource, query_error
from sandbox.sales.expanding import split_outside
from sandbox.sales.implemented import check_options, not_implemented
from sandbox.sales.model import Column, Table
from sandbox.wire.query import QueryError, QueryOptions, parse_options

_TYPES = {"Image": "Virtual", "Integer": "Integer", "Boolean": "Boolean"}
_CASTS = {"Uniqueidentifier": "UniqueIdentifierAttributeMetadata"}
_EQUALS = re.compile(r"^\s*(\w+)\s+eq\s+(?:'((?:[^']|'')*)'|(true|false|\d+))\s*$")
_PREFIX = "Microsoft.Dynamics.CRM."


def definitions(engine: Engine, path: list[Segment], options: QueryOptions, context: str) -> dict[str, Any]:
    """Answer a path that starts with EntityDefinitions. Raises 400 and 404."""
    first, rest = path[0], path[1:]
    if first.key is None:
        if rest:
            raise no_resource(rest[0].name)
        rows = [_definition(engine, table, options) for table in engine.model.tables.values()]
        return {"@odata.context": f"{context}$metadata#EntityDefinitions", "value": _chosen(rows, options)}
    table = _named(engine, first.key)
    if not rest:
        return {
            "@odata.context": f"{context}$metadata#EntityDefinitions/$entity",
            **_selected(_definition(engine, table, options), options),
        }
    return _part(table, rest, options, context)


def _part(table: Table, rest: list[Segment], options: QueryOptions, context: str) -> dict[str, Any]:
    if len(rest) > (2 if rest[0].name == "Attributes" else 1) or (rest[0].key and options.filter):
        raise not_implemented(f"the path '{'/'.join(segment.name for segment in rest)}' of a definition")
    if rest[0].name == "Keys":
        if rest[0].key is not None:
            raise not_implemented("a key of a definition by its id")
        keys = [_key(table, key) for key in table.keys]
        return {"@odata.context": f"{context}$metadata#EntityDefinitions/Keys", "value": _chosen(keys, options)}
    if rest[0].name != "Attributes":
        raise no_resource(rest[0].name)
    cast = rest[1].name.removeprefix(_PREFIX) if len(rest) > 1 else None
    columns = [column for column in table.columns.values() if cast is None or _cast(column) == cast]
    if cast is not None and not cast.endswith("AttributeMetadata"):
        raise no_resource(rest[1].name)
    if options.expand and options.expand.partition("(")[0].strip() != "OptionSet":
        raise not_implemented(f"$expand={options.expand} of a column's definition")
    rows = [_attribute(column, with_options=bool(options.expand)) for column in columns]
    where = f"{context}$metadata#EntityDefinitions('{table.name}')/Attributes"
    if rest[0].key is not None:
        name = rest[0].key.partition("=")[2].strip("'")
        rows = [row for row in rows if row["LogicalName"] == name]
        if not rows:
            raise SalesError(404, "0x80060888", f"Could not find an attribute with the name {name}.")
        return {"@odata.context": f"{where}/$entity", **_selected(rows[0], options)}
    return {"@odata.context": where, "value": _chosen(rows, options)}


def _named(engine: Engine, key: str) -> Table:
    name = key.partition("=")[2].strip("'") if "=" in key else None
    for table in engine.model.tables.values():
        if name in (table.name,) or fixed_id(f"table {table.name}") == key.lower():
            return table
    raise SalesError(404, "0x80060888", f"Could not find an entity with name {name or key}.")


def _definition(engine: Engine, table: Table, options: QueryOptions) -> dict[str, Any]:
    schema = "".join(part.capitalize() for part in table.name.split("_"))
    row: dict[str, Any] = {
        "MetadataId": fixed_id(f"table {table.name}"),
        "LogicalName": table.name,
        "SchemaName": schema,
        "EntitySetName": table.entity_set,
        "LogicalCollectionName": table.entity_set,
        "PrimaryIdAttribute": table.id,
        "PrimaryNameAttribute": table.primary_name,
        "ChangeTrackingEnabled": table.name not in engine.options.not_tracked,
        "CanChangeTrackingBeEnabled": {"Value": True, "CanBeChanged": True},
        "IsCustomEntity": False,
        "OwnershipType": "UserOwned" if "owninguser" in table.columns else "OrganizationOwned",
    }
    for expand in split_outside(options.expand or "", ","):
        name, _, inner = expand.strip().removesuffix(")").partition("(")
        try:
            nested = parse_options("&".join(split_outside(inner, ";")))
        except QueryError as error:
            raise query_error(str(error)) from error
        check_options(nested, ("$select", "$filter"), f"inside of $expand={name}")
        if name == "Keys":
            row["Keys"] = _chosen([_key(table, key) for key in table.keys], nested)
        elif name == "Attributes":
            attributes = [_attribute(column, with_options=False) for column in table.columns.values()]
            row["Attributes"] = _chosen(attributes, nested)
        else:
            raise query_error(f"Could not find a property named '{name}' on type '{_PREFIX}EntityMetadata'.")
    return row


def _key(table: Table, key: tuple[str, ...]) -> dict[str, Any]:
    schema = "msdynce_AccountNumber" if table.name == "account" else "_".join(key)
    return {
        "MetadataId": fixed_id(f"key {table.name} {key}"),
        "SchemaName": schema,
        "LogicalName": schema.lower(),
        "EntityLogicalName": table.name,
        "KeyAttributes": list(key),
        "EntityKeyIndexStatus": "Active",
    }


def _cast(column: Column) -> str:
    if column.type in ("Owner", "Customer"):
        return "LookupAttributeMetadata"
    return _CASTS.get(column.type, f"{column.type}AttributeMetadata")


def _attribute(column: Column, *, with_options: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "@odata.type": f"#{_PREFIX}{_cast(column)}",
        "MetadataId": fixed_id(f"column {column.table}.{column.name}"),
        "LogicalName": column.name,
        "SchemaName": column.name,
        "EntityLogicalName": column.table,
        "AttributeType": _TYPES.get(column.type, column.type),
        "IsValidForCreate": column.create,
        "IsValidForUpdate": column.update,
        "IsValidForRead": column.json is not None,
        "RequiredLevel": {"Value": "SystemRequired" if column.required else "None"},
    }
    if column.kind == "text":
        row["MaxLength"] = column.max_length
    if column.minimum is not None and column.maximum is not None:
        row |= {"MinValue": _number(column.minimum), "MaxValue": _number(column.maximum)}
    if column.kind == "decimal":
        row["Precision"] = column.precision
    if column.type == "Money":
        row["PrecisionSource"] = column.precision_source
    if column.is_lookup:
        row["Targets"] = list(column.targets)
    if column.type == "DateTime":
        row["DateTimeBehavior"] = {"Value": "DateOnly" if column.date_only else "UserLocal"}
    if with_options:
        row["OptionSet"] = {
            "Options": [
                {"Value": value, "Label": {"LocalizedLabels": [{"Label": label, "LanguageCode": 1033}]}}
                for value, label in column.options.items()
            ]
        }
    return row


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _chosen(rows: list[dict[str, Any]], options: QueryOptions) -> list[dict[str, Any]]:
    if options.filter is not None:
        wanted = _alternatives(options.filter)
        rows = [row for row in rows if any(all(row.get(name) == value for name, value in each) for each in wanted)]
    return [_selected(row, options) for row in rows]


def _alternatives(text: str) -> list[list[tuple[str, Any]]]:
    """Read `a eq 'x' or b eq true and c eq 'y'`, all that metadata queries here understand."""
    found = []
    for alternative in re.split(r"\s+or\s+", text.replace("(", " ").replace(")", " ")):
        conditions = []
        for condition in re.split(r"\s+and\s+", alternative):
            match = _EQUALS.match(condition)
            if match is None:
                raise query_error(f"The filter '{text}' is not supported for metadata.")
            name, string, literal = match.groups()
            conditions.append((name, string.replace("''", "'") if string is not None else json.loads(literal)))
        found.append(conditions)
    if sum(len(conditions) for conditions in found) > 300:
        raise SalesError(400, "0x80044183", "The number of conditions in a metadata query exceeds the maximum of 300.")
    return found


def _selected(row: dict[str, Any], options: QueryOptions) -> dict[str, Any]:
    if options.select is None:
        return row
    names = [*options.select, "MetadataId", "@odata.type", "Keys", "Attributes", "OptionSet"]
    return {name: row[name] for name in names if name in row}


def found_environment(engine: Engine) -> None:
    """Create the records that every environment has: organization, business unit, users, team, currency, solutions."""
    options, store = engine.options, engine.store
    caller = Caller("system", fixed_id("user system"), system=True)
    unit = fixed_id("business unit root")
    store.insert("businessunit", {"businessunitid": unit, "name": "Contoso", "isdisabled": False, "versionnumber": 1})
    for name, full_name in (("system", "SYSTEM"), ("integration", "# P2C integration"), ("people", "Alex Sales")):
        user = {
            "systemuserid": fixed_id(f"user {name}"),
            "fullname": full_name,
            "domainname": f"{name}@contoso.example",
            "internalemailaddress": f"{name}@contoso.example",
            "azureactivedirectoryobjectid": fixed_id(f"entra {name}"),
            "businessunitid": unit,
            "isdisabled": False,
        }
        engine.create("systemuser", user, caller)
    team = {"teamid": fixed_id("team root"), "name": "Contoso", "teamtype": 0, "businessunitid": unit}
    engine.create("team", team, caller)
    currency = {
        "transactioncurrencyid": engine.base_currency_id(),
        "isocurrencycode": options.base_currency,
        "currencyname": {"USD": "US Dollar", "EUR": "Euro"}.get(options.base_currency, options.base_currency),
        "currencysymbol": {"USD": "$", "EUR": "€"}.get(options.base_currency, options.base_currency),
        "currencyprecision": 2,
        "exchangerate": 1,
    }
    engine.create("transactioncurrency", currency, caller)
    organization = {
        "organizationid": fixed_id("organization"),
        "name": "contoso",
        "oobpricecalculationenabled": options.system_pricing,
        "discountcalculationmethod": int(options.discount_per_unit),
        "createproductswithoutparentinactivestate": options.create_products_active,
        "pricingdecimalprecision": options.pricing_decimals,
        "expirechangetrackingindays": options.tracking_days,
        "basecurrencyid": engine.base_currency_id(),
    }
    engine.create("organization", organization, caller)
    installed = [("Default", "Default Solution", "1.0", False)]
    if options.solution:
        name = "msdynce_ProspectToCashIntegration"
        installed.append((name, "Prospect to Cash Integration", options.solution_version, True))
    for unique, friendly, version, managed in installed:
        solution = {"uniquename": unique, "friendlyname": friendly, "version": version, "ismanaged": managed}
        engine.create("solution", {**solution, "solutionid": fixed_id(f"solution {unique}")}, caller)
    for message in ("CreateMultiple", "UpdateMultiple", "UpsertMultiple"):
        message_id = fixed_id(f"message {message}")
        engine.create("sdkmessage", {"sdkmessageid": message_id, "name": message}, caller)
        for table in engine.model.tables:
            if table not in options.no_bulk_messages:
                listed = {"sdkmessagefilterid": fixed_id(f"{message} {table}"), "sdkmessageid": message_id}
                engine.create("sdkmessagefilter", {**listed, "primaryobjecttypecode": table}, caller)
