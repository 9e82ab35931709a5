"""A client of the F&O server that speaks to its application object directly, for the tests of its behaviour."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.finops import FinOpsService, Options
from sandbox.wire.reply import Reply

YES = "Microsoft.Dynamics.DataEntities.NoYes'Yes'"
NO = "Microsoft.Dynamics.DataEntities.NoYes'No'"


@dataclass
class Answer:
    """A reply with its JSON read."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body, parse_float=Decimal)

    @property
    def value(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.json["value"]
        return rows

    @property
    def infolog(self) -> str:
        text: str = self.json["error"]["innererror"]["message"]
        return text


class Api:
    """One server and requests to it as the integration user."""

    def __init__(self, **options: Any) -> None:
        self.service = FinOpsService(options=Options(**options))

    def send(self, method: str, url: str, body: Any = None, **headers: str) -> Answer:
        content = b"" if body is None else json.dumps(body, default=float).encode()
        reply: Reply = self.service.handle(
            method,
            f"/data/{url}".replace(" ", "%20"),
            {"content-type": "application/json", "sandbox-user": "integration", **headers},
            content,
        )
        return Answer(reply.status, reply.headers, reply.body)

    def get(self, url: str, **headers: str) -> Answer:
        return self.send("GET", url, **headers)

    def post(self, url: str, body: Any) -> Answer:
        return self.send("POST", url, body)

    def patch(self, url: str, body: Any, **headers: str) -> Answer:
        return self.send("PATCH", url, body, **headers)

    def delete(self, url: str) -> Answer:
        return self.send("DELETE", url)

    def batch(self, parts: list[list[tuple[str, str, Any]]], prefer: str = "") -> Answer:
        """Sends change sets (lists of method, relative URL and body); one GET alone makes a plain part."""
        lines: list[str] = []
        for index, part in enumerate(parts):
            lines.append("--outer")
            if len(part) == 1 and part[0][0] == "GET":
                lines += ["Content-Type: application/http", "Content-Transfer-Encoding: binary", ""]
                lines += [f"GET {part[0][1]} HTTP/1.1", "", ""]
                continue
            lines += [f"Content-Type: multipart/mixed; boundary=inner{index}", ""]
            for number, (method, url, body) in enumerate(part, start=1):
                lines += [f"--inner{index}", "Content-Type: application/http", "Content-Transfer-Encoding: binary"]
                lines += [f"Content-ID: {number}", "", f"{method} {url} HTTP/1.1", "Content-Type: application/json", ""]
                lines.append(json.dumps(body))
            lines += [f"--inner{index}--", ""]
        lines += ["--outer--", ""]
        headers = {"content-type": "multipart/mixed; boundary=outer", "prefer": prefer}
        reply = self.service.handle("POST", "/data/$batch", headers, "\r\n".join(lines).encode())
        return Answer(reply.status, reply.headers, reply.body)

    # ---------------------------------------------------------------- ready-made rows

    def customer(self, account: str = "ACC-1", **values: Any) -> Answer:
        given = {
            "dataAreaId": "usmf",
            "CustomerAccount": account,
            "PartyNumber": account,
            "OrganizationName": f"Customer {account}",
            "CustomerGroupId": "10",
            "SiteId": "1",
            "WarehouseId": "13",
            "SalesCurrencyCode": "USD",
            "IsExternallyMaintained": "Yes",
            "AddressStreet": "1 Main Street",
            "AddressCity": "Kirkland",
            "AddressCountryRegionISOCode": "US",
        }
        return self.post("CustomersV2", {**given, **values})

    def order(self, number: str = "SO-1", quantity: Any = 3, **line: Any) -> None:
        """A customer, a product at 10.00, and an order of one line."""
        if not self.service.books.has("CustTable", "usmf", "ACC-1"):
            assert self.customer().status == 201
        if not self.service.books.has("InventTable", "usmf", "P-1"):
            self.service.new_product("P-1", "Widget", Decimal("10.00"))
        header = {"dataAreaId": "usmf", "SalesOrderNumber": number, "OrderingCustomerAccountNumber": "ACC-1"}
        assert self.post("CDSSalesOrderHeaders", header).status == 201
        made = self.line(number, 1, OrderedSalesQuantity=quantity, **line)
        assert made.status == 201, made.body

    def line(self, order: str, number: int, **values: Any) -> Answer:
        given = {
            "dataAreaId": "usmf",
            "SalesOrderNumber": order,
            "LineCreationSequenceNumber": number,
            "ProductNumber": "P-1",
            "OrderedSalesQuantity": 1,
        }
        return self.post("CDSSalesOrderLines", {**given, **values})

    def header(self, number: str = "SO-1") -> dict[str, Any]:
        row: dict[str, Any] = self.get(f"CDSSalesOrderHeaders(dataAreaId='usmf',SalesOrderNumber='{number}')").json
        return row

    def lines(self, number: str = "SO-1") -> list[dict[str, Any]]:
        return self.get(f"CDSSalesOrderLines?$filter=SalesOrderNumber eq '{number}'").value


def customer_key(account: str = "ACC-1", company: str = "usmf", entity: str = "CustomersV2") -> str:
    return f"{entity}(dataAreaId='{company}',CustomerAccount='{account}')"


def line_key(order: str = "SO-1", number: int = 1) -> str:
    return f"CDSSalesOrderLines(dataAreaId='usmf',SalesOrderNumber='{order}',LineCreationSequenceNumber={number})"


def header_key(order: str = "SO-1") -> str:
    return f"CDSSalesOrderHeaders(dataAreaId='usmf',SalesOrderNumber='{order}')"
