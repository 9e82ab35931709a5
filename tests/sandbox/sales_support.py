"""A Sales sandbox with a small catalog, and a client that speaks to it without a socket."""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from sandbox.sales.options import SalesOptions
from sandbox.sales.service import SalesService
from sandbox.wire.service import USER_HEADER

ROOT = "/api/data/v9.2/"
_PARENTS = {
    "quotedetails": ("quoteid", "quotes"),
    "salesorderdetails": ("salesorderid", "salesorders"),
    "invoicedetails": ("invoiceid", "invoices"),
}


@dataclass
class Answer:
    """One answer: status, headers in lower case, JSON with exact decimals (None without a body)."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.body["value"]

    @property
    def code(self) -> str:
        return self.body["error"]["code"]

    @property
    def text(self) -> str:
        return self.body["error"]["message"]

    @property
    def id(self) -> str:
        return self.headers["odata-entityid"].rpartition("(")[2].rstrip(")")


@dataclass
class World:
    """A service with a unit group, a price list, an account, a contact and two products (A from F&O, B by hand)."""

    service: SalesService
    ids: dict[str, str] = field(default_factory=dict)
    user: str = "integration"

    def call(self, method: str, url: str, body: Any = None, **headers: str) -> Answer:
        sent = {name.replace("_", "-").lower(): value for name, value in headers.items()} | {USER_HEADER: self.user}
        relative = url.partition("/api/data/v9.2/")[2] or url
        path = ROOT + quote(relative, safe="/?&=$(),'@:;%!*+[]\"")
        data = b"" if body is None else json.dumps(body, default=float).encode()
        reply = self.service.handle(method, path, sent, data)
        given = {name.lower(): value for name, value in reply.headers.items()}
        is_json = "json" in given.get("content-type", "")
        parsed = json.loads(reply.body, parse_float=Decimal) if reply.body and is_json else reply.body or None
        return Answer(reply.status, given, parsed)

    def get(self, url: str, **headers: str) -> Answer:
        return self.call("GET", url, **headers)

    def post(self, url: str, body: Any, **headers: str) -> Answer:
        return self.call("POST", url, body, **headers)

    def patch(self, url: str, body: Any, **headers: str) -> Answer:
        return self.call("PATCH", url, body, **headers)

    def delete(self, url: str, **headers: str) -> Answer:
        return self.call("DELETE", url, **headers)

    def header(self, entity_set: str = "quotes", **columns: Any) -> str:
        """Create a quote, order or invoice of the account on the price list and give its id."""
        body = {
            "name": "Document",
            "customerid_account@odata.bind": f"/accounts({self.ids['account']})",
            "pricelevelid@odata.bind": f"/pricelevels({self.ids['pricelevel']})",
            **columns,
        }
        answer = self.post(entity_set, body)
        assert answer.status == 204, answer.body
        return answer.id

    def line_body(self, table: str, header: str, product: str = "A", **columns: Any) -> dict[str, Any]:
        parent, entity_set = _PARENTS[table]
        return {
            f"{parent}@odata.bind": f"/{entity_set}({header})",
            "productid@odata.bind": f"/products({self.ids[product]})",
            "uomid@odata.bind": f"/uoms({self.ids['uom']})",
            "quantity": 1,
            **columns,
        }

    def line(self, table: str, header: str, product: str = "A", **columns: Any) -> str:
        """Create a product line and give its id."""
        answer = self.post(table, self.line_body(table, header, product, **columns))
        assert answer.status == 204, answer.body
        return answer.id

    def row(self, table: str, record_id: str) -> dict[str, Any]:
        found = self.service.row(table, record_id)
        assert found is not None
        return found


def make_world(**options: Any) -> World:
    """Make a fresh service with its catalog."""
    service = SalesService(options=SalesOptions(**options))
    world = World(service)
    schedule = service.create("uomschedule", {"name": "Default unit", "baseuomname": "Primary Unit"})["uomscheduleid"]
    unit = service.create("uom", {"name": "Primary Unit", "uomscheduleid": schedule, "quantity": 1})["uomid"]
    price_list = service.create("pricelevel", {"name": "CRM Service USA (sample)"})["pricelevelid"]
    world.ids |= {"uomschedule": schedule, "uom": unit, "pricelevel": price_list}
    for number, external in (("A", True), ("B", False)):
        row: dict[str, Any] = {
            "productnumber": number,
            "name": f"Product {number}",
            "defaultuomid": unit,
            "defaultuomscheduleid": schedule,
            "price": Decimal("10.00"),
        }
        if service.options.solution:
            row["msdynce_ismaintainedexternally"] = external
        product = service.create("product", row)["productid"]
        world.ids[number] = product
        if not (service.options.solution and external):
            item = {"productid": product, "pricelevelid": price_list, "uomid": unit, "amount": Decimal("10.00")}
            service.create("productpricelevel", item)
        if not service.options.create_products_active:
            service.people.publish_product(product)
    account = service.create("account", {"name": "Adventure Works", "accountnumber": "US-001"})["accountid"]
    contact = service.create("contact", {"firstname": "Ann", "lastname": "Ek"})["contactid"]
    world.ids |= {"account": account, "contact": contact}
    return world
