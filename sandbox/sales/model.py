"""The tables of a Sales environment: columns of the shared catalog, tables of the sandbox's own, and relations."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from importlib import resources
from typing import Any

from p2c.templates.catalog import ORGANIZATION_PRECISION
from sandbox.sales.options import SalesOptions
from sandbox.wire.store import TableSpec

LOOKUPS = frozenset({"Lookup", "Owner", "Customer"})
AMOUNTS = frozenset({"Money", "Decimal", "Double"})
CHOICES = frozenset({"Picklist", "State", "Status"})

_KINDS = {
    "String": "text",
    "Memo": "text",
    "Image": "text",
    "EntityName": "exact",
    "Uniqueidentifier": "guid",
    "Boolean": "boolean",
    "Integer": "integer",
    "BigInt": "integer",
    **dict.fromkeys(LOOKUPS, "guid"),
    **dict.fromkeys(AMOUNTS, "decimal"),
    **dict.fromkeys(CHOICES, "integer"),
}
_ID: dict[str, Any] = {"type": "Uniqueidentifier", "update": False, "required": True}
_OWN_TABLES: dict[str, dict[str, Any]] = {
    "businessunit": {
        "entitySet": "businessunits",
        "columns": {
            "businessunitid": _ID,
            "name": {"type": "String", "maxLength": 160, "required": True},
            "parentbusinessunitid": {"type": "Lookup", "targets": ["businessunit"]},
            "isdisabled": {"type": "Boolean", "default": 0},
        },
    },
    "organization": {
        "entitySet": "organizations",
        "columns": {
            "organizationid": _ID,
            "name": {"type": "String", "maxLength": 160},
            "oobpricecalculationenabled": {"type": "Boolean"},
            "discountcalculationmethod": {"type": "Picklist", "options": {"0": "Line item", "1": "Per unit"}},
            "createproductswithoutparentinactivestate": {"type": "Boolean"},
            "pricingdecimalprecision": {"type": "Integer"},
            "expirechangetrackingindays": {"type": "Integer"},
            "basecurrencyid": {"type": "Lookup", "targets": ["transactioncurrency"]},
        },
    },
    "solution": {
        "entitySet": "solutions",
        "columns": {
            "solutionid": _ID,
            "uniquename": {"type": "String", "maxLength": 65},
            "friendlyname": {"type": "String", "maxLength": 256},
            "version": {"type": "String", "maxLength": 256},
            "ismanaged": {"type": "Boolean"},
        },
        "name": "friendlyname",
    },
    "discounttype": {
        "entitySet": "discounttypes",
        "columns": {
            "discounttypeid": _ID,
            "name": {"type": "String", "maxLength": 100, "required": True},
            "isamounttype": {"type": "Boolean", "default": 0},
            "transactioncurrencyid": {"type": "Lookup", "targets": ["transactioncurrency"]},
        },
    },
    "discount": {
        "entitySet": "discounts",
        "columns": {
            "discountid": _ID,
            "discounttypeid": {"type": "Lookup", "targets": ["discounttype"], "required": True},
            "lowquantity": {"type": "Decimal", "precision": 5, "required": True},
            "highquantity": {"type": "Decimal", "precision": 5, "required": True},
            "percentage": {"type": "Decimal", "precision": 2},
            "amount": {"type": "Decimal", "precision": 4},
        },
        "name": "discountid",
    },
    "productassociation": {
        "entitySet": "productassociations",
        "columns": {
            "productassociationid": _ID,
            "productid": {"type": "Lookup", "targets": ["product"], "required": True},
            "associatedproduct": {"type": "Lookup", "targets": ["product"], "required": True},
            "uomid": {"type": "Lookup", "targets": ["uom"], "required": True},
            "quantity": {"type": "Decimal", "precision": 5},
            "productisrequired": {"type": "Picklist", "options": {"0": "Optional", "1": "Required"}, "default": 1},
        },
        "name": "productassociationid",
    },
    "sdkmessage": {
        "entitySet": "sdkmessages",
        "columns": {"sdkmessageid": _ID, "name": {"type": "String", "maxLength": 256}},
    },
    "sdkmessagefilter": {
        "entitySet": "sdkmessagefilters",
        "columns": {
            "sdkmessagefilterid": _ID,
            "sdkmessageid": {"type": "Lookup", "targets": ["sdkmessage"]},
            "primaryobjecttypecode": {"type": "String", "maxLength": 128},
        },
    },
}
_COLLECTIONS = {
    "quote": {"quote_details": ("quotedetail", "quoteid")},
    "salesorder": {"order_details": ("salesorderdetail", "salesorderid")},
    "invoice": {"invoice_details": ("invoicedetail", "invoiceid")},
    "account": {"contact_customer_accounts": ("contact", "parentcustomerid")},
    "product": {"product_price_levels": ("productpricelevel", "productid")},
}
_INDEXED = {
    "account": ("accountnumber", "name"),
    "contact": ("msdynce_contactnumber", "parentcustomerid"),
    "quote": ("quotenumber", "customerid"),
    "quotedetail": ("quoteid", "productid"),
    "salesorder": ("ordernumber", "customerid", "quoteid"),
    "salesorderdetail": ("salesorderid", "productid"),
    "invoice": ("invoicenumber", "customerid", "salesorderid"),
    "invoicedetail": ("invoiceid", "productid"),
    "product": ("productnumber",),
    "productpricelevel": ("productid", "pricelevelid"),
    "productassociation": ("productid",),
    "discount": ("discounttypeid",),
}
# The bounds of columns for which the catalog has none.
_WIDEST = {
    "Money": Decimal("922337203685477"),
    "Decimal": Decimal("100000000000"),
    "Double": Decimal("100000000000"),
    "Integer": Decimal(2**31 - 1),
}
_SUPPLY_CHAIN_MINIMUM = Decimal(-(10**12))
_SUPPLY_CHAIN_COLUMNS = frozenset({"manualdiscountamount", "discountamount", "freightamount"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `json` is its name in the Web API (`_x_value` for lookups), or None where it is not exposed.

    Every number but a BigInt has `minimum` and `maximum`, both included.
    """

    table: str
    name: str
    type: str
    kind: str
    json: str | None
    create: bool = True
    update: bool = True
    required: bool = False
    max_length: int | None = None
    precision: int | None = None
    precision_source: int | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    targets: tuple[str, ...] = ()
    options: Mapping[int, str] = field(default_factory=dict)
    states: Mapping[int, int] = field(default_factory=dict)
    default_status: Mapping[int, int] = field(default_factory=dict)
    default: Any = None
    date_only: bool = False

    @property
    def is_lookup(self) -> bool:
        """True for lookups of every sort."""
        return self.type in LOOKUPS

    @property
    def is_price(self) -> bool:
        """True for amounts that the organization's pricing precision governs, not the currency's."""
        return self.type == "Money" and self.precision_source == ORGANIZATION_PRECISION


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `navigation` maps a single-valued navigation property to its column and target table."""

    name: str
    entity_set: str
    id: str
    primary_name: str
    columns: Mapping[str, Column]
    properties: Mapping[str, Column]
    navigation: Mapping[str, tuple[Column, str]]
    collections: Mapping[str, tuple[str, str]]
    keys: tuple[tuple[str, ...], ...]
    amounts: tuple[Column, ...]
    defaults: Mapping[str, Any]

    def navigation_of(self, column: Column, target: str) -> str | None:
        """Name the navigation property of a lookup to one of its targets."""
        for name, (found, to) in self.navigation.items():
            if found.name == column.name and to == target:
                return name
        return None


class Model:
    """All tables, by logical name and by entity set."""

    def __init__(self, options: SalesOptions) -> None:
        catalog: dict[str, dict[str, Any]] = json.loads(
            resources.files("p2c.templates").joinpath("catalog/sales.json").read_text(encoding="utf-8"),
            parse_float=Decimal,
        )
        self.tables: dict[str, Table] = {
            name: _table(name, spec, catalog.keys() | _OWN_TABLES.keys(), options)
            for name, spec in (catalog | _OWN_TABLES).items()
        }
        self.by_set: dict[str, Table] = {table.entity_set: table for table in self.tables.values()}

    def specs(self) -> dict[str, TableSpec]:
        """Give the store's tables."""
        specs = {}
        for table in self.tables.values():
            indexed = [name for name in _INDEXED.get(table.name, ()) if name in table.columns]
            if "versionnumber" in table.columns:
                indexed.append("versionnumber")
            kinds = {column.name: column.kind for column in table.columns.values()}
            specs[table.name] = TableSpec(kinds, (table.id,), tuple((name,) for name in indexed))
        return specs


def _table(name: str, spec: dict[str, Any], known: set[str], options: SalesOptions) -> Table:
    raw = {
        column: given
        for column, given in spec["columns"].items()
        if options.solution or not given.get("solution", False)
    }
    if "versionnumber" not in raw:
        raw["versionnumber"] = {"type": "BigInt", "create": False, "update": False}
    columns = {column: _column(name, column, given, raw, options) for column, given in raw.items()}
    id_name = spec.get("id", f"{name}id")
    given_navigation = spec.get("navigation", {})
    navigation: dict[str, tuple[Column, str]] = {}
    for column in columns.values():
        if not column.is_lookup:
            continue
        named = given_navigation.get(column.name, column.name)
        for target in column.targets:
            if target in known:
                navigation[named if isinstance(named, str) else named[target]] = (column, target)
    keys = [tuple(key) for key in spec.get("keys", []) if all(part in columns for part in key)]
    if name == "account" and options.account_number_key and options.solution:
        keys.append(("accountnumber",))
    keys += options.alternate_keys.get(name, ())
    return Table(
        name=name,
        entity_set=spec["entitySet"],
        id=id_name,
        primary_name=spec.get("name", "name"),
        columns=columns,
        properties={column.json: column for column in columns.values() if column.json},
        navigation=navigation,
        collections=_COLLECTIONS.get(name, {}),
        keys=tuple(keys),
        amounts=tuple(column for column in columns.values() if column.type == "Money" and not _is_base(column, raw)),
        defaults={column.name: column.default for column in columns.values() if column.default is not None},
    )


def _is_base(column: Column, raw: Mapping[str, Any]) -> bool:
    return column.name.endswith("_base") and column.name.removesuffix("_base") in raw


def _column(table: str, name: str, given: dict[str, Any], raw: dict[str, Any], options: SalesOptions) -> Column:
    kind = given["type"]
    date_only = kind == "DateTime" and given.get("behavior") == "DateOnly"
    stored = ("date" if date_only else "datetime") if kind == "DateTime" else _KINDS[kind]
    states = {int(value): state for value, state in given.get("states", {}).items()}
    labels = {int(value): label for value, label in given.get("options", {}).items()}
    if table == "quote" and name == "statuscode" and not options.solution:
        # "Submitted" is an option that the solution adds.
        labels.pop(647390000, None)
        states.pop(647390000, None)
    default = given.get("default")
    if default is not None and kind == "Boolean":
        default = bool(default)
    return Column(
        table=table,
        name=name,
        type=kind,
        kind=stored,
        json=_json_name(name, given, raw),
        create=given.get("create", True),
        update=given.get("update", True),
        required=given.get("required", False),
        max_length=given.get("maxLength"),
        precision=given.get("precision"),
        precision_source=given.get("precisionSource"),
        minimum=_minimum(name, given, options),
        maximum=_bound(given, "maximum", 1),
        targets=tuple(given.get("targets") or ()),
        options=labels,
        states=states,
        default_status={int(state): status for state, status in given.get("defaultStatus", {}).items()},
        default=default,
        date_only=date_only,
    )


def _bound(given: Mapping[str, Any], end: str, way: int) -> Decimal | None:
    if end in given:
        return Decimal(given[end])
    widest = _WIDEST.get(given["type"])
    return None if widest is None else way * widest


def _minimum(name: str, given: Mapping[str, Any], options: SalesOptions) -> Decimal | None:
    if options.negative_discounts and name in _SUPPLY_CHAIN_COLUMNS and "minimum" in given:
        return _SUPPLY_CHAIN_MINIMUM
    return _bound(given, "minimum", -1)


def _json_name(name: str, given: dict[str, Any], raw: dict[str, Any]) -> str | None:
    """Leave out what the metadata lists but the Web API does not have: names and types that belong to a lookup."""
    if given.get("read") is False or given["type"] == "EntityName":
        return None
    for suffix in ("yominame", "name"):
        owner = raw.get(name.removesuffix(suffix)) if name.endswith(suffix) else None
        if owner is not None and owner["type"] in LOOKUPS:
            return None
    return f"_{name}_value" if given["type"] in LOOKUPS else name
