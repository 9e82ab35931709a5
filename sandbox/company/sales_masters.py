"""Sales before the first document: business units with users and teams, currencies, price lists, units, customers."""

from sandbox.company.plan import (
    EXPONENTS,
    PRICE_LISTS,
    RATES,
    UNIT_GROUP,
    UNITS,
    Account,
    Address,
    Contact,
    ContactKind,
    LegalEntity,
    Plan,
)
from sandbox.company.sales_desk import Ref, SalesDesk, record_id

_ADDRESS_COLUMNS = {
    "line1": "line1",
    "line2": "line2",
    "line3": "line3",
    "city": "city",
    "state": "stateorprovince",
    "postal_code": "postalcode",
    "country": "country",
    "name": "name",
}


def address_columns(address: Address, prefix: str) -> dict[str, object]:
    """Give an address as columns, e.g. `shipto_line1` for the prefix `shipto_`."""
    return {f"{prefix}{column}": getattr(address, part) for part, column in _ADDRESS_COLUMNS.items()}


def owner_of(legal_entity: str) -> Ref:
    """Give the person who owns what is sold for a legal entity."""
    return Ref("systemuser", record_id("systemuser", legal_entity))


def currency_of(desk: SalesDesk, code: str) -> Ref:
    """Give a currency, created when it is missing."""
    return desk.ensure(
        "transactioncurrency",
        code,
        {"isocurrencycode": code},
        {
            "currencyname": code,
            "currencyprecision": EXPONENTS.get(code, 2),
            "exchangerate": RATES[code],
            "currencysymbol": code,
        },
    )


def price_list_of(desk: SalesDesk, code: str) -> Ref:
    """Give the price list of a currency, created when it is missing."""
    return desk.ensure(
        "pricelevel", PRICE_LISTS[code], {"name": PRICE_LISTS[code]}, {"transactioncurrencyid": currency_of(desk, code)}
    )


def set_up(desk: SalesDesk, plan: Plan) -> None:
    """Write everything that comes before documents. What is there already (by name) stays."""
    with desk.bulk():
        for entity in plan.legal_entities:
            _business_unit(desk, entity)
        for code in plan.currencies():
            price_list_of(desk, code)
        _units(desk)
        for account in plan.accounts:
            write_account(desk, account)
        for contact in plan.contacts:
            write_contact(desk, contact)


def _business_unit(desk: SalesDesk, entity: LegalEntity) -> None:
    unit = desk.ensure("businessunit", entity.code, {"name": entity.business_unit}, {})
    name = f"Sales {entity.code.upper()}"
    desk.ensure("team", entity.code, {"name": name}, {"businessunitid": unit, "teamtype": 0})
    desk.ensure(
        "systemuser",
        entity.code,
        {"fullname": f"Seller {entity.code.upper()}"},
        {
            "businessunitid": unit,
            "internalemailaddress": f"seller.{entity.code}@contoso.example",
            "domainname": f"seller.{entity.code}@contoso.example",
        },
    )


def _units(desk: SalesDesk) -> None:
    group = desk.ensure("uomschedule", UNIT_GROUP, {"name": UNIT_GROUP}, {})
    base: Ref | None = None
    for name in UNITS.values():
        unit = desk.ensure(
            "uom", name, {"name": name, "uomscheduleid": group}, {"quantity": 1, **({"baseuom": base} if base else {})}
        )
        base = base or unit


def write_account(desk: SalesDesk, account: Account) -> Ref:
    """Create an account, and deactivate it where the plan has it inactive."""
    row: dict[str, object] = {
        "name": account.name,
        "accountnumber": account.number,
        "transactioncurrencyid": currency_of(desk, account.currency),
        "ownerid": owner_of(account.legal_entity),
        **address_columns(account.address, "address1_"),
        **account.details,
    }
    if account.second_address:
        row |= address_columns(account.second_address, "address2_")
    record = desk.create("account", account.key, row)
    if not account.active:
        desk.update(record, {"statecode": 1, "statuscode": 2})
    return record


def write_contact(desk: SalesDesk, contact: Contact) -> Ref:
    """Create a contact under its account or contact; an active customer is marked as one by hand."""
    row: dict[str, object] = {
        "firstname": contact.first_name,
        "lastname": contact.last_name,
        "msdynce_contactnumber": contact.number,
        "transactioncurrencyid": currency_of(desk, contact.currency),
        "ownerid": owner_of(contact.legal_entity),
        **address_columns(contact.address, "address1_"),
        **contact.details,
    }
    if contact.parent:
        table = "contact" if contact.kind is ContactKind.CONTACT_OF_CONTACT else "account"
        row["parentcustomerid"] = Ref(table, record_id(table, contact.parent))
    if contact.kind is ContactKind.ACTIVE_CUSTOMER:
        row["msdynce_isactivecustomer"] = True
    return desk.create("contact", contact.key, row)
