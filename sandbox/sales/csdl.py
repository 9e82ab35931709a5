"""`$metadata` of the Sales server: CSDL of the tables, relations, functions and actions that it serves."""

from xml.etree import ElementTree as ET

from sandbox.sales.model import Column, Model, Table

_EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
_EDM = "http://docs.oasis-open.org/odata/ns/edm"
_NAMESPACE = "Microsoft.Dynamics.CRM"
_BASE = "crmbaseentity"
_BY_KIND = {"text": "Edm.String", "guid": "Edm.Guid", "boolean": "Edm.Boolean", "decimal": "Edm.Decimal"}
_BY_TYPE = {"BigInt": "Edm.Int64", "Double": "Edm.Double", "DateTime": "Edm.DateTimeOffset"}
_RESPONSES = {
    "WhoAmI": {"BusinessUnitId": "Edm.Guid", "UserId": "Edm.Guid", "OrganizationId": "Edm.Guid"},
    "RetrieveVersion": {"Version": "Edm.String"},
}
# Unbound actions: their parameters, and the table whose record they return.
_ACTIONS: dict[str, tuple[dict[str, str], str]] = {
    "WinQuote": ({"Status": "Edm.Int32", "QuoteClose": f"{_NAMESPACE}.{_BASE}"}, ""),
    "CloseQuote": ({"Status": "Edm.Int32", "QuoteClose": f"{_NAMESPACE}.{_BASE}"}, ""),
    "FulfillSalesOrder": ({"Status": "Edm.Int32", "OrderClose": f"{_NAMESPACE}.{_BASE}"}, ""),
    "CancelSalesOrder": ({"Status": "Edm.Int32", "OrderClose": f"{_NAMESPACE}.{_BASE}"}, ""),
    "ReviseQuote": ({"QuoteId": "Edm.Guid"}, "quote"),
    "ConvertQuoteToSalesOrder": ({"QuoteId": "Edm.Guid"}, "salesorder"),
    "ConvertSalesOrderToInvoice": ({"SalesOrderId": "Edm.Guid"}, "invoice"),
    "LockSalesOrderPricing": ({"SalesOrderId": "Edm.Guid"}, ""),
    "UnlockSalesOrderPricing": ({"SalesOrderId": "Edm.Guid"}, ""),
    "LockInvoicePricing": ({"InvoiceId": "Edm.Guid"}, ""),
    "UnlockInvoicePricing": ({"InvoiceId": "Edm.Guid"}, ""),
    "Merge": (
        {
            "Target": f"{_NAMESPACE}.{_BASE}",
            "Subordinate": f"{_NAMESPACE}.{_BASE}",
            "PerformParentingChecks": "Edm.Boolean",
        },
        "",
    ),
}


def csdl_document(model: Model, no_bulk_messages: frozenset[str]) -> bytes:
    """Give the EDMX of a model, UTF-8."""
    ET.register_namespace("edmx", _EDMX)
    root = ET.Element(f"{{{_EDMX}}}Edmx", Version="4.0")
    services = ET.SubElement(root, f"{{{_EDMX}}}DataServices")
    schema = ET.SubElement(services, "Schema", {"Namespace": _NAMESPACE, "Alias": "mscrm", "xmlns": _EDM})
    ET.SubElement(schema, "EntityType", Name=_BASE, Abstract="true", OpenType="true")
    for table in model.tables.values():
        _entity_type(schema, model, table)
    for name, properties in _RESPONSES.items():
        response = ET.SubElement(schema, "ComplexType", Name=f"{name}Response")
        for member, kind in properties.items():
            ET.SubElement(response, "Property", Name=member, Type=kind)
        function = ET.SubElement(schema, "Function", Name=name)
        ET.SubElement(function, "ReturnType", Type=f"{_NAMESPACE}.{name}Response", Nullable="false")
    ids = ET.SubElement(schema, "ComplexType", Name="CreateMultipleResponse")
    ET.SubElement(ids, "Property", Name="Ids", Type="Collection(Edm.Guid)", Nullable="false")
    _actions(schema, model, no_bulk_messages)
    container = ET.SubElement(schema, "EntityContainer", Name="System")
    for table in model.tables.values():
        element = ET.SubElement(container, "EntitySet", Name=table.entity_set, EntityType=f"{_NAMESPACE}.{table.name}")
        for name, (_, target) in table.navigation.items():
            ET.SubElement(element, "NavigationPropertyBinding", Path=name, Target=model.tables[target].entity_set)
        for name, (child, _) in table.collections.items():
            ET.SubElement(element, "NavigationPropertyBinding", Path=name, Target=model.tables[child].entity_set)
    for name in _RESPONSES:
        ET.SubElement(container, "FunctionImport", Name=name, Function=f"{_NAMESPACE}.{name}")
    for name, (_, made) in _ACTIONS.items():
        attributes = {"Name": name, "Action": f"{_NAMESPACE}.{name}"}
        if made:
            attributes["EntitySet"] = model.tables[made].entity_set
        ET.SubElement(container, "ActionImport", attributes)
    return b'<?xml version="1.0" encoding="utf-8"?>' + ET.tostring(root)


def _entity_type(schema: ET.Element, model: Model, table: Table) -> None:
    element = ET.SubElement(schema, "EntityType", Name=table.name, BaseType=f"{_NAMESPACE}.{_BASE}")
    ET.SubElement(ET.SubElement(element, "Key"), "PropertyRef", Name=table.id)
    for name, column in table.properties.items():
        _property(element, table, name, column)
    for name, (column, target) in table.navigation.items():
        navigation = ET.SubElement(
            element, "NavigationProperty", Name=name, Type=f"{_NAMESPACE}.{target}", Nullable="true"
        )
        if column.json:
            ET.SubElement(
                navigation,
                "ReferentialConstraint",
                Property=column.json,
                ReferencedProperty=model.tables[target].id,
            )
    for name, (child, lookup) in table.collections.items():
        child_table = model.tables[child]
        partner = child_table.navigation_of(child_table.columns[lookup], table.name)
        attributes = {"Name": name, "Type": f"Collection({_NAMESPACE}.{child})"}
        if partner:
            attributes["Partner"] = partner
        ET.SubElement(element, "NavigationProperty", attributes)


def _property(element: ET.Element, table: Table, name: str, column: Column) -> None:
    kind = "Edm.Date" if column.date_only else _BY_TYPE.get(column.type) or _BY_KIND.get(column.kind, "Edm.Int32")
    attributes = {"Name": name, "Type": kind}
    if column.name == table.id:
        attributes["Nullable"] = "false"
    if kind == "Edm.String" and column.max_length is not None:
        attributes["MaxLength"] = str(column.max_length)
    if kind == "Edm.Decimal":
        attributes["Scale"] = "variable"
    ET.SubElement(element, "Property", attributes)


def _actions(schema: ET.Element, model: Model, no_bulk_messages: frozenset[str]) -> None:
    for name, (parameters, made) in _ACTIONS.items():
        action = ET.SubElement(schema, "Action", Name=name)
        for parameter, kind in parameters.items():
            ET.SubElement(action, "Parameter", Name=parameter, Type=kind)
        if made:
            ET.SubElement(action, "ReturnType", Type=f"{_NAMESPACE}.{made}")
    for table in model.tables.values():
        for name in () if table.name in no_bulk_messages else ("CreateMultiple", "UpdateMultiple", "UpsertMultiple"):
            action = ET.SubElement(schema, "Action", Name=name, IsBound="true")
            kind = f"Collection({_NAMESPACE}.{table.name})"
            ET.SubElement(action, "Parameter", Name="entityset", Type=kind, Nullable="false")
            ET.SubElement(action, "Parameter", Name="Targets", Type=kind, Nullable="false")
            if name == "CreateMultiple":
                ET.SubElement(action, "ReturnType", Type=f"{_NAMESPACE}.CreateMultipleResponse", Nullable="false")
