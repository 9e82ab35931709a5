"""The project file of a company: what it needs beyond the standard templates. The URLs are for the caller to fill."""

from typing import Any

from sandbox.company.plan import PRICE_LISTS, LegalEntity, Plan

_OWN_STATES = {"Greater London": "LONDON"}
"""Places that people enter as a state although ISO 3166-2 has none of that name, and what F&O calls them here."""
# Where a state goes to F&O: template, task, destination.
_STATES = (
    ("accounts", "Accounts - Customers", "AddressState"),
    ("accounts", "Accounts - Customers", "DeliveryAddressState"),
    ("contacts", "Contacts", "PrimaryAddressStateId"),
    ("contacts-to-customers", "ContactToCustomer", "AddressState"),
    ("contacts-to-customers", "ContactToCustomer", "DeliveryAddressState"),
    ("quotes", "QuoteHeader", "DeliveryAddressStateId"),
    ("orders-to-finops", "OrderHeader", "DeliveryAddressStateId"),
)
_STATES_BACK = (
    ("orders-to-sales", "OrderHeader", "shipto_stateorprovince"),
    ("orders-to-sales", "OrderLine", "shipto_stateorprovince"),
    ("invoices", "SalesInvoiceHeader", "billto_stateorprovince"),
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
    _name_states(plan, templates)
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


def _name_states(plan: Plan, templates: dict[str, dict[str, Any]]) -> None:
    """Add entries for the states of the company's own to the maps of the templates, there and back."""
    places = [account.address for account in plan.accounts] + [contact.address for contact in plan.contacts]
    places += [document.ship_to for document in plan.documents() if document.ship_to]
    there = {place.state: _OWN_STATES[place.state] for place in places if place.state in _OWN_STATES}
    back = {code: state for state, code in there.items()}
    for fields, values in ((_STATES, there), (_STATES_BACK, back)):
        for template, task, destination in fields if values else ():
            maps = templates.setdefault(template, {}).setdefault("valueMaps", {}).setdefault(task, {})
            maps[destination] = values
