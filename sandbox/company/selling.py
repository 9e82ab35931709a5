"""People in Sales write quotes and orders, with the products that a first synchronisation brought."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sandbox.company.plan import (
    UNITS,
    Account,
    CompanyError,
    Contact,
    Line,
    Order,
    OrderFate,
    Plan,
    PriceList,
    Product,
    Quote,
    QuoteFate,
)
from sandbox.company.sales_desk import Ref, SalesDesk, record_id
from sandbox.company.sales_masters import address_columns, currency_of, owner_of, price_list_of

_CHUNK = 500
_MOST = 1_000_000
_LOST, _CANCELED = 5, 6
_Document = TypeVar("_Document", Quote, Order)


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one of the two documents is called in Sales."""

    header: str
    number: str
    line: str


_QUOTE = _Kind("quote", "quotenumber", "quotedetail")
_ORDER = _Kind("salesorder", "ordernumber", "salesorderdetail")


class Seller:
    """Writes the documents of a plan into Sales."""

    def __init__(self, desk: SalesDesk, plan: Plan) -> None:
        self._desk = desk
        self._plan = plan
        self._customers: dict[str, tuple[Ref, Account | Contact]] = {}
        for account in plan.accounts:
            self._customers[account.key] = (Ref("account", record_id("account", account.key)), account)
        for contact in plan.contacts:
            self._customers[contact.key] = (Ref("contact", record_id("contact", contact.key)), contact)
        self._products: dict[str, dict[str, Any]] = {}
        self._lists: dict[str, tuple[Ref, Ref]] = {}

    @classmethod
    def for_customers(cls, desk: SalesDesk, accounts: list[Account]) -> "Seller":
        """Give a seller who has these customers and no plan."""
        return cls(desk, Plan("", [], accounts=accounts))

    def sell(self) -> int:
        """Write all quotes and orders that are not in Sales yet and give their number.

        Raises CompanyError when a product is not in Sales: it comes by synchronisation.
        """
        self._find_products()
        if missing := sorted(self._plan.product_numbers() - self._products.keys()):
            shown = ", ".join(missing[:10]) + (", …" if len(missing) > 10 else "")
            raise CompanyError(f"Products are not in Sales yet ({shown}): synchronise products before people sell")
        with self._desk.bulk():
            self._price_by_hand()
        written = self._write(_QUOTE, self._plan.quotes, self._decide_quote)
        return written + self._write(_ORDER, self._plan.orders, self._decide_order)

    def write_quote(self, quote: Quote) -> Ref:
        """Write one quote with its lines and decide on it."""
        return self._write_one(_QUOTE, quote, self._decide_quote)

    def write_order(self, order: Order) -> Ref:
        """Write one order with its lines and decide on it."""
        return self._write_one(_ORDER, order, self._decide_order)

    def _find_products(self) -> None:
        columns = ("productid", "productnumber", "defaultuomid", "defaultuomscheduleid")
        rows = self._desk.service.store.select("product", columns=columns)
        self._products = {row["productnumber"]: row for row in rows}

    def _price_by_hand(self) -> None:
        """Put products on price lists of further currencies: F&O has one price, people add the others."""
        for product in self._plan.products:
            for currency, amount in product.prices.items():
                found = self._products.get(product.number)
                if found is None or currency not in self._plan.currencies():
                    continue
                item = {
                    "productid": Ref("product", found["productid"]),
                    "pricelevelid": price_list_of(self._desk, currency),
                    "uomid": Ref("uom", found["defaultuomid"]),
                }
                self._desk.ensure("productpricelevel", f"{product.number} {currency}", item, {"amount": amount})
            if product.volume and product.number in self._products:
                self._discount_by_volume(product)
        for price_list in self._plan.price_lists:
            self._price_in_list(price_list)

    def _discount_by_volume(self, product: Product) -> None:
        """Give the product's price list item a discount list."""
        found = self._products[product.number]
        item = self._desk.find(
            "productpricelevel",
            productid=found["productid"],
            pricelevelid=price_list_of(self._desk, product.currency).id,
            uomid=found["defaultuomid"],
        )
        if item is None:
            raise CompanyError(f"Product {product.number} has no price yet: synchronise products before people sell")
        name = f"Volume {product.number}"
        discounts = self._desk.ensure("discounttype", name, {"name": name}, {})
        ends = [low - 1 for low, _ in product.volume[1:]] + [_MOST]
        for (low, percent), high in zip(product.volume, ends, strict=True):
            step = {"discounttypeid": discounts, "lowquantity": low}
            self._desk.ensure("discount", f"{name} {low}", step, {"highquantity": high, "percentage": percent})
        row = self._desk.service.row("productpricelevel", item.id)
        if row is not None and row["discounttypeid"] != discounts.id:
            self._desk.update(item, {"discounttypeid": discounts})

    def _price_in_list(self, price_list: PriceList) -> None:
        """Write a further price list with its items, each in a unit of its own."""
        validity = {"begindate": price_list.begin, "enddate": price_list.end}
        currency = currency_of(self._desk, price_list.currency)
        row = {"transactioncurrencyid": currency, **validity}
        record = self._desk.ensure("pricelevel", price_list.name, {"name": price_list.name}, row)
        for (number, unit), amount in price_list.prices.items():
            product = self._products[number]
            item = {
                "productid": Ref("product", product["productid"]),
                "pricelevelid": record,
                "uomid": self._unit(unit, product),
            }
            self._desk.ensure("productpricelevel", f"{price_list.name} {number} {unit}", item, {"amount": amount})

    def _unit(self, symbol: str, product: dict[str, Any]) -> Ref | None:
        return self._desk.find("uom", name=UNITS[symbol], uomscheduleid=product["defaultuomscheduleid"])

    def _write(self, kind: _Kind, documents: Sequence[_Document], decide: Callable[[_Document, Ref], None]) -> int:
        rows = self._desk.service.store.select(kind.header, columns=(kind.number,))
        there = {row[kind.number] for row in rows}
        new = [document for document in documents if document.number not in there]
        for chunk in _chunks(new):
            with self._desk.bulk():
                for document in chunk:
                    decide(document, self._write_document(kind, document))
        return len(new)

    def _write_one(self, kind: _Kind, document: _Document, decide: Callable[[_Document, Ref], None]) -> Ref:
        self._find_products()
        header = self._write_document(kind, document)
        decide(document, header)
        return header

    def _write_document(self, kind: _Kind, document: Quote | Order) -> Ref:
        record, source = self._customers[document.customer]
        price_list, currency = self._list_of(document.currency)
        if document.price_list:
            price_list = self._desk.ensure("pricelevel", document.price_list, {"name": document.price_list}, {})
        row: dict[str, object] = {
            kind.number: document.number,
            "name": document.name,
            "customerid": record,
            "pricelevelid": price_list,
            "transactioncurrencyid": currency,
            "ownerid": owner_of(document.legal_entity),
            "requestdeliveryby": document.deliver_by,
            **address_columns(document.ship_to or source.address, "shipto_"),
            **document.details,
        }
        if isinstance(document, Order) and document.quote:
            row["quoteid"] = self._desk.find("quote", quotenumber=document.quote)
        header = self._desk.create(kind.header, document.number, row)
        for position, line in enumerate(document.lines, start=1):
            values = {f"{kind.header}id": header, "sequencenumber": position, **self._line(line)}
            self._desk.create(kind.line, f"{document.number} {position}", values)
        return header

    def _list_of(self, currency: str) -> tuple[Ref, Ref]:
        """Give the price list and the currency itself."""
        if currency not in self._lists:
            self._lists[currency] = (price_list_of(self._desk, currency), currency_of(self._desk, currency))
        return self._lists[currency]

    def _line(self, line: Line) -> dict[str, object]:
        row: dict[str, object] = {"quantity": line.quantity, "manualdiscountamount": line.discount or None}
        if not line.product:
            return {**row, "isproductoverridden": True, "productdescription": line.write_in, "priceperunit": line.price}
        product = self._products[line.product]
        unit: Ref | None = Ref("uom", product["defaultuomid"])
        if line.unit:
            unit = self._unit(line.unit, product)
        row |= {"productid": Ref("product", product["productid"]), "uomid": unit}
        if line.price is not None:
            row |= {"ispriceoverridden": True, "priceperunit": line.price}
        return row

    def _decide_quote(self, quote: Quote, header: Ref) -> None:
        if quote.fate is QuoteFate.DRAFT:
            return
        desk = self._desk
        desk.activate_quote(header)
        if quote.fate is QuoteFate.WON:
            desk.win_quote(header)
        elif quote.fate is QuoteFate.LOST:
            desk.close_quote(header, _LOST)
        elif quote.fate is QuoteFate.CANCELED:
            desk.close_quote(header, _CANCELED)
        elif quote.fate is QuoteFate.SUBMITTED:
            desk.submit_quote(header)
        elif quote.fate is QuoteFate.REVISED:
            # The new revision keeps the number; it goes on, the old one is closed as Revised.
            desk.activate_quote(desk.revise_quote(header))

    def _decide_order(self, order: Order, header: Ref) -> None:
        if order.fate is not OrderFate.DRAFT:
            self._desk.activate_order(header)
        if order.fate is OrderFate.CANCELED:
            self._desk.cancel_order(header)


def _chunks(documents: Sequence[_Document]) -> Iterator[Sequence[_Document]]:
    for start in range(0, len(documents), _CHUNK):
        yield documents[start : start + _CHUNK]
