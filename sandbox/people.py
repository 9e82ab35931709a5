"""People over HTTP: the acts that the two servers offer under `/sandbox/`, as methods, with the same words.

Every act is one POST with a JSON body, so anybody can follow along with curl: `People.curl` is the last one.

    people = People(sales_url, finops_url)
    people.sales.activate_order("SO-4001")
    people.finops.confirm("SO-4001")
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from types import TracebackType
from typing import Any

import httpx

_NUMBERS = {"quotes": "quotenumber", "salesorders": "ordernumber", "products": "productnumber"}
_API = "/api/data/v9.2"


class RefusedError(Exception):
    """A server refused an act; the text is the reason that it gave."""


class People:
    """The people of both systems. Close it, or use it as a context manager."""

    def __init__(self, sales_url: str, finops_url: str, token: str = "sandbox", *, verify: Any = True) -> None:
        self._client = httpx.Client(timeout=60, verify=verify, headers={"Authorization": f"Bearer {token}"})
        self.curl = ""
        self.sales = SalesPeople(self, sales_url.rstrip("/"))
        self.finops = FinOpsPeople(self, finops_url.rstrip("/"))

    def __enter__(self) -> "People":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def post(self, url: str, given: Mapping[str, Any]) -> Any:
        """Do one act and give the answer's JSON; amounts come as text. Raises RefusedError."""
        body = to_json(given)
        self.curl = f"curl -X POST {shlex.quote(url)} -d {shlex.quote(body)}"
        answer = self._client.post(url, content=body.encode(), headers={"Content-Type": "application/json"})
        return self._read(answer)

    def get(self, url: str, parameters: Mapping[str, str]) -> Any:
        """Read from a server's API and give the answer's JSON. Raises RefusedError."""
        return self._read(self._client.get(url, params=dict(parameters)))

    @staticmethod
    def _read(answer: httpx.Response) -> Any:
        if answer.is_success:
            return json.loads(answer.content, parse_float=Decimal) if answer.content else {}
        try:
            reason = answer.json()["error"]
        except (ValueError, KeyError, TypeError):
            reason = answer.text
        if isinstance(reason, dict):
            reason = reason.get("message", reason)
        raise RefusedError(f"{answer.status_code}: {reason}")


class SalesPeople:
    """People in Sales. Quotes, orders, products are named by their numbers; of several revisions the latest counts."""

    def __init__(self, people: People, url: str) -> None:
        self._people = people
        self._url = url

    def create(self, table: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """Create a record and give it whole; a lookup is an id, or `[table, id]` where it may point to several."""
        return self._act("create", table=table, row=row)

    def update(self, table: str, record_id: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """Change columns of a record; None clears."""
        return self._act("update", table=table, id=record_id, row=row)

    def delete(self, table: str, record_id: str) -> None:
        """Delete a record."""
        self._act("delete", table=table, id=record_id)

    def activate_quote(self, number: str) -> None:
        """Activate a draft quote."""
        self._act("activate-quote", id=self.find("quotes", number))

    def revise_quote(self, number: str) -> str:
        """Revise a quote and give the id of the new draft."""
        return str(self._act("revise-quote", id=self.find("quotes", number))["id"])

    def win_quote(self, number: str, *, create_order: bool = False) -> None:
        """Win an active quote, and with `create_order` make an order of it."""
        self._act("win-quote", id=self.find("quotes", number), create_order=create_order)

    def close_quote(self, number: str, status: int = 5) -> None:
        """Close an active quote: 5 Lost, 6 Canceled."""
        self._act("close-quote", id=self.find("quotes", number), status=status)

    def submit_quote(self, number: str) -> None:
        """Press *Submit quote*."""
        self._act("submit-quote", id=self.find("quotes", number))

    def activate_order(self, number: str) -> None:
        """Press *Activate* on an order."""
        self._act("activate-order", id=self.find("salesorders", number))

    def cancel_order(self, number: str) -> None:
        """Cancel an order."""
        self._act("cancel-order", id=self.find("salesorders", number))

    def publish_product(self, number: str) -> None:
        """Set a product to Active."""
        self._act("publish-product", id=self.find("products", number))

    def retire_product(self, number: str) -> None:
        """Set a product to Retired."""
        self._act("retire-product", id=self.find("products", number))

    def find(self, entity_set: str, number: str) -> str:
        """Give the id of a quote, order or product. Raises RefusedError when there is none."""
        column = _NUMBERS[entity_set]
        quoted = number.replace("'", "''")
        order = {"$orderby": "revisionnumber desc"} if entity_set == "quotes" else {}
        found = self._people.get(
            f"{self._url}{_API}/{entity_set}",
            {"$select": column, "$filter": f"{column} eq '{quoted}'", "$top": "1", **order},
        )["value"]
        if not found:
            raise RefusedError(f"Sales has no record '{number}' in {entity_set}")
        (record_id,) = (value for name, value in found[0].items() if name.endswith("id"))
        return str(record_id)

    def _act(self, act: str, /, **given: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._people.post(f"{self._url}/sandbox/people/{act}", given)
        return answer


class FinOpsPeople:
    """People in F&O. `company` is the legal entity; `lines` are quantities by line number."""

    def __init__(self, people: People, url: str) -> None:
        self._people = people
        self._url = url

    def customer(self, account: str, name: str, company: str = "usmf", **values: Any) -> dict[str, Any]:
        """Add a customer."""
        return self._act("customer", account=account, name=name, company=company, **values)

    def product(self, number: str, name: str, price: Decimal, company: str = "usmf", **values: Any) -> dict[str, Any]:
        """Release a product."""
        return self._act("product", number=number, name=name, price=price, company=company, **values)

    def change_product(self, number: str, company: str = "usmf", **values: Any) -> dict[str, Any]:
        """Change a product's price, name or other fields."""
        return self._act("change-product", number=number, company=company, **values)

    def stop_product(self, number: str, company: str = "usmf", *, stopped: bool = True) -> dict[str, Any]:
        """Stop a product for sales, or let it be sold again."""
        return self._act("stop-product", number=number, company=company, stopped=stopped)

    def order(
        self, customer: str, lines: Sequence[Mapping[str, Any]], company: str = "usmf", **values: Any
    ) -> dict[str, Any]:
        """Enter an order and give its header."""
        return self._act("order", customer=customer, lines=lines, company=company, **values)

    def confirm(self, order: str, company: str = "usmf") -> dict[str, Any]:
        """Confirm an order."""
        return self._act("confirm", order=order, company=company)

    def pick(self, order: str, company: str = "usmf", lines: Mapping[int, Decimal] | None = None) -> dict[str, Any]:
        """Pick an order, or some of it."""
        return self._act("pick", order=order, company=company, lines=lines)

    def ship(self, order: str, company: str = "usmf", lines: Mapping[int, Decimal] | None = None) -> dict[str, Any]:
        """Ship an order, or some of it."""
        return self._act("ship", order=order, company=company, lines=lines)

    def invoice(self, order: str, company: str = "usmf", *, shipped_only: bool = False) -> dict[str, Any]:
        """Invoice an order, or what was shipped of it, and give the invoice."""
        return self._act("invoice", order=order, company=company, shipped_only=shipped_only)

    def credit_note(
        self, invoice: str, company: str = "usmf", lines: Mapping[int, Decimal] | None = None
    ) -> dict[str, Any]:
        """Take an invoice back, or some of it, and give the credit note."""
        return self._act("credit-note", invoice=invoice, company=company, lines=lines)

    def cancel_order(self, order: str, company: str = "usmf", line: int | None = None) -> dict[str, Any]:
        """Cancel an order, or one line of it."""
        return self._act("cancel", order=order, company=company, line=line)

    def add_freight(self, order: str, amount: Decimal, company: str = "usmf") -> dict[str, Any]:
        """Put a freight charge on an order."""
        return self._act("freight", order=order, amount=amount, company=company)

    def charge(
        self, order: str, amount: Decimal, code: str, company: str = "usmf", line: int | None = None
    ) -> dict[str, Any]:
        """Put a charge of that code on an order or on a line of it; 0 removes it."""
        return self._act("charge", order=order, amount=amount, code=code, company=company, line=line)

    def discount_order(
        self, order: str, amount: Decimal = Decimal(0), percentage: Decimal = Decimal(0), company: str = "usmf"
    ) -> dict[str, Any]:
        """Give a total discount on an order, as an amount or as a percentage of its lines."""
        return self._act("discount-order", order=order, amount=amount, percentage=percentage, company=company)

    def calculate_totals(self, company: str | None = None) -> int:
        """Run *Calculate sales totals* and give how many orders it brought up to date."""
        return int(self._people.post(f"{self._url}/sandbox/totals", {"company": company}))

    def show_order(self, order: str, company: str = "usmf") -> dict[str, Any]:
        """Give an order as it stands, with its `lines`."""
        return self._act("show-order", order=order, company=company)

    def _act(self, act: str, /, **given: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._people.post(f"{self._url}/sandbox/{act}", given)
        return answer


def to_json(value: Any) -> str:
    """Write JSON with every digit of a Decimal, as a number; dates as text."""
    if isinstance(value, Mapping):
        members = (f"{json.dumps(str(name))}: {to_json(each)}" for name, each in value.items())
        return "{" + ", ".join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(to_json(each) for each in value) + "]"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return json.dumps(value.isoformat())
    return json.dumps(value, ensure_ascii=False)
