"""The project file of a company: what it needs beyond the standard templates. The URLs are for the caller to fill."""

from typing import Any

from sandbox.company.plan import PRICE_LISTS, LegalEntity, Plan

_LONGEST_STATE = 10
# Where a state or province goes to F&O: template, task, destination, source.
_STATES_OUT = (
    ("accounts", "Accounts - Customers", "AddressState", "address1_stateorprovince"),
    ("contacts", "Contacts", "PrimaryAddressStateId", "address1_stateorprovince"),
    ("contacts-to-customers", "ContactToCustomer", "AddressState", "address1_stateorprovince"),
    ("quotes", "QuoteHeader", "DeliveryAddressStateId", "shipto_stateorprovince"),
    ("orders-to-finops", "OrderHeader", "DeliveryAddressStateId", "shipto_stateorprovince"),
)
_STATES_BACK = (
    ("orders-to-sales", "OrderHeader", "shipto_stateorprovince", "DeliveryAddressStateId"),
    ("orders-to-sales", "OrderLine", "shipto_stateorprovince", "DeliveryAddressStateId"),
    ("invoices", "SalesInvoiceHeader", "billto_stateorprovince", "InvoiceAddressState"),
)


def project_of(plan: Plan) -> dict[str, Any]:
    """Give the JSON of a project file."""
    templates: dict[str, dict[str, Any]] = {}
    further = {code: PRICE_LISTS[code] for code in plan.currencies() if code != "USD"}
    if further:
        for template, task in (("orders-to-sales", "OrderHeader"), ("invoices", "SalesInvoiceHeader")):
            templates[template] = {"valueMaps": {task: {"pricelevelid.name": further}}}
    # Like most environments the local one makes new products drafts, which no document can name.
    templates["products"] = {"publish": True}
    if any(product.decimals for product in plan.products):
        decimals = {"quantitydecimal": {"source": "SalesUnitDecimalPrecision"}}
        templates["products"]["fields"] = {"Products": decimals}
    _map_states(plan, templates)
    return {
        "name": plan.name,
        "connectionSet": {
            "sales": {"url": ""},
            "finops": {"url": ""},
            "timeZone": "UTC",
            "legalEntities": {entity.code: _settings(entity, plan) for entity in plan.legal_entities},
            "masterLegalEntity": plan.legal_entities[0].code,
        },
        "templates": templates,
    }


def _settings(entity: LegalEntity, plan: Plan) -> dict[str, Any]:
    settings: dict[str, Any] = {"owner": {"team": f"Sales {entity.code.upper()}"}}
    # A single legal entity has all of Sales.
    return settings if len(plan.legal_entities) == 1 else {"businessUnits": [entity.business_unit], **settings}


def _map_states(plan: Plan, templates: dict[str, dict[str, Any]]) -> None:
    """Give states that are too long for F&O a short form there, and their own form back in Sales."""
    places = [account.address for account in plan.accounts] + [contact.address for contact in plan.contacts]
    places += [document.ship_to for document in plan.documents() if document.ship_to]
    short: dict[str, str] = {}
    for state in sorted({place.state for place in places if len(place.state) > _LONGEST_STATE}):
        code = state[:_LONGEST_STATE]
        short[state] = code if code not in short.values() else f"{state[: _LONGEST_STATE - 3]}{len(short):03}"
    back = {code: state for state, code in short.items()}
    for fields, values in ((_STATES_OUT, short), (_STATES_BACK, back)):
        for template, task, destination, source in fields if values else ():
            change = templates.setdefault(template, {}).setdefault("fields", {}).setdefault(task, {})
            mapped = {"transformType": "ValueMap", "valueMap": values, "unmapped": "keep"}
            change[destination] = {"source": source, "transform": [mapped]}
            if task.endswith("Line"):
                # A line without an address of its own keeps what it has, as in the template.
                change[destination]["null"] = "skip"
