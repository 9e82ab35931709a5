"""What people on both sides do after the first synchronisation: one change of each kind, and what may not go.

Whoever has a part is picked from the plan, so that any company can live through it; a part that nobody in the plan can
play is left out. Every round takes new numbers, so it can be repeated.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

from sandbox.company import order_entry
from sandbox.company.finops_masters import OWN_CUSTOMER, product_row
from sandbox.company.plan import (
    Account,
    Address,
    CompanyError,
    Contact,
    ContactKind,
    Line,
    Order,
    OrderFate,
    Plan,
    Product,
    Quote,
    QuoteFate,
)
from sandbox.company.sales_desk import Ref, SalesDesk, record_id
from sandbox.company.sales_masters import address_columns, write_account
from sandbox.company.selling import Seller
from sandbox.finops import FinOpsService

_FINISHED = {"Invoiced", "Canceled"}
_DELIVER_BY = date(2026, 6, 1)


class Changes:
    """One round of changes. `run` gives a sentence for each thing that somebody did."""

    def __init__(self, plan: Plan, desk: SalesDesk, finops: FinOpsService, number: int) -> None:
        self._plan = plan
        self._desk = desk
        self._finops = finops
        self._seller = Seller(desk, plan)
        self._number = number
        self._entity = plan.legal_entities[0]
        accounts = [account for account in plan.accounts if account.active and account.number]
        self._accounts = [account for account in accounts if account.legal_entity == self._entity.code]
        ordered = {line.product for order in plan.orders for line in order.lines}
        on_sale = [product for product in plan.products if not product.stopped and product.currency == "USD"]
        if not on_sale:
            raise CompanyError("The company has no product on sale in USD: people have nothing to sell or change")
        self._product = next((product for product in on_sale if product.number in ordered), on_sale[0])
        self._spare = next((product for product in reversed(on_sale) if product.number not in ordered), None)

    def run(self) -> list[str]:
        """Let everybody act, then run *Calculate sales totals*.

        Raises CompanyError before the first synchronisation: people in F&O need customers, those in Sales products.
        """
        if self._desk.find("product", productnumber=self._product.number) is None:
            raise CompanyError(f"Product {self._product.number} is not in Sales yet: synchronise before people go on")
        for account in self._accounts[:1]:
            if not self._finops.books.has("CustTable", self._entity.code, account.number):
                raise CompanyError(f"Account {account.number} is not in F&O yet: synchronise before people go on")
        acts: list[Callable[[], Iterator[str]]] = [
            self._new_account,
            self._moved_account,
            self._new_customer_contact,
            self._new_order,
            self._activated_draft,
            self._quote_with_write_in,
            self._new_product,
            self._changed_price,
            self._stopped_product,
            self._order_entered_in_finops,
            self._order_of_own_customer,
            self._order_from_work,
            self._freight,
            self._changed_line,
            self._cancelled_order,
            self._cancelled_later,
            self._credit_note,
        ]
        said = [sentence for act in acts for sentence in act()]
        self._finops.calculate_totals()
        return [*said, "F&O: the batch job Calculate sales totals ran."]

    # ------------------------------------------------------------------ in Sales

    def _new_account(self) -> Iterator[str]:
        number = f"A-N{self._number:03}"
        account = Account(
            f"new {self._number}",
            f"Woodgrove Roasters {self._number}",
            number,
            "USD",
            Address("31 Harbor Walk", "San Diego", "92101", "United States", "CA"),
            self._entity.code,
        )
        write_account(self._desk, account)
        yield f"Sales: account {number} {account.name} was entered."

    def _moved_account(self) -> Iterator[str]:
        for account in self._accounts[:1]:
            moved = replace(account.address, line1=f"{600 + self._number} Union Street", line2="", line3="")
            self._desk.update(Ref("account", record_id("account", account.key)), address_columns(moved, "address1_"))
            yield f"Sales: account {account.number} {account.name} moved to {moved.line1}."

    def _new_customer_contact(self) -> Iterator[str]:
        contacts = [contact for contact in self._plan.contacts if contact.kind is ContactKind.COMPANY_CONTACT]
        candidates = [contact for contact in contacts if contact.number and contact.legal_entity == self._entity.code]
        if not candidates:
            return
        contact = candidates[-self._number % len(candidates)]
        quote = self._quote("C", contact, (Line(self._product.number, Decimal(2)),))
        name = f"{contact.first_name} {contact.last_name}".strip()
        yield f"Sales: quote {quote} made contact {contact.number} {name} an active customer."

    def _new_order(self) -> Iterator[str]:
        for account in self._accounts[:1]:
            number = f"SO-N{self._number:03}"
            line = Line(self._product.number, Decimal(3), discount=Decimal("10.00"))
            self._seller.write_order(
                Order(number, "Ordered later", account.key, (line,), deliver_by=_DELIVER_BY, currency="USD")
            )
            yield f"Sales: order {number} of {account.name} was entered, discounted by 10.00 and activated."

    def _activated_draft(self) -> Iterator[str]:
        for order in self._plan.orders:
            if order.fate is OrderFate.DRAFT and order.legal_entity == self._entity.code:
                found = self._desk.find("salesorder", ordernumber=order.number)
                if found is not None and self._number == 1:
                    self._desk.activate_order(found)
                    yield f"Sales: order {order.number}, a draft until now, was activated."
                return

    def _quote_with_write_in(self) -> Iterator[str]:
        for account in self._accounts[:1]:
            own = Line("", Decimal(1), Decimal("75.00"), write_in="Engraved plate")
            quote = self._quote("W", account, (Line(self._product.number, Decimal(1)), own))
            yield f"Sales: quote {quote} with the write-in product Engraved plate was activated; it must stay in Sales."

    def _quote(self, letter: str, customer: Account | Contact, lines: tuple[Line, ...]) -> str:
        number = f"Q-{letter}{self._number:03}"
        self._seller.write_quote(
            Quote(number, "Quoted later", customer.key, lines, QuoteFate.ACTIVE, deliver_by=_DELIVER_BY)
        )
        return number

    # ------------------------------------------------------------------ in F&O

    def _new_product(self) -> Iterator[str]:
        number = f"NEW-{self._number:03}"
        product = Product(number, f"Pocket scale {self._number}", Decimal("59.90"), cost=Decimal("21.00"))
        self._finops.create("SellableReleasedProducts", product_row(self._entity, product))
        yield f"F&O: product {number} {product.name} was released at 59.90."

    def _changed_price(self) -> Iterator[str]:
        price = self._product.price + self._number
        self._finops.change_product(self._product.number, self._entity.code, SalesPrice=price)
        yield f"F&O: the price of {self._product.number} {self._product.name} became {price}."

    def _stopped_product(self) -> Iterator[str]:
        if self._spare is not None and self._number == 1:
            self._finops.stop_product(self._spare.number, self._entity.code)
            yield f"F&O: product {self._spare.number} {self._spare.name} was stopped for sales."

    def _order_entered_in_finops(self) -> Iterator[str]:
        for account in self._accounts[:1]:
            # A price for a hundred: one costs 0.25.
            line = {
                "ProductNumber": self._product.number,
                "OrderedSalesQuantity": Decimal(250),
                "SalesPrice": Decimal("25.00"),
                "SalesPriceQuantity": Decimal(100),
            }
            number = self._enter(account.number, line, "NotSpecified")
            yield f"F&O: order {number}, priced per hundred, was entered for {account.number} and confirmed."

    def _order_of_own_customer(self) -> Iterator[str]:
        number = self._enter(OWN_CUSTOMER, self._one(), "NotSpecified")
        yield f"F&O: order {number} of F&O's own customer {OWN_CUSTOMER} was confirmed; it must stay in F&O."

    def _order_from_work(self) -> Iterator[str]:
        for account in self._accounts[:1]:
            number = self._enter(account.number, self._one(), "WorkOrderIntegration")
            yield f"F&O: order {number} of a work order was confirmed; it must stay in F&O."

    def _freight(self) -> Iterator[str]:
        for order in self._open_orders("Confirmed"):
            self._finops.add_freight(order.number, Decimal("20.00") + self._number, order.legal_entity)
            yield f"F&O: a freight charge was put on order {order.number}."
            return

    def _changed_line(self) -> Iterator[str]:
        for order in self._open_orders("Confirmed"):
            key = {
                "dataAreaId": order.legal_entity,
                "SalesOrderNumber": order.number,
                "LineCreationSequenceNumber": 1,
            }
            quantity = order.lines[0].quantity + self._number
            self._finops.update("CDSSalesOrderLines", key, {"OrderedSalesQuantity": quantity})
            yield f"F&O: the quantity of the first line of order {order.number} became {quantity}."
            return

    def _cancelled_order(self) -> Iterator[str]:
        for order in self._open_orders("Active"):
            self._finops.cancel_order(order.number, order.legal_entity)
            yield f"F&O: order {order.number} was cancelled."
            return

    def _cancelled_later(self) -> Iterator[str]:
        for number in order_entry.cancel_later(self._finops, self._plan):
            yield f"F&O: order {number} was cancelled."

    def _credit_note(self) -> Iterator[str]:
        for order in self._plan.orders:
            found = self._finops.books.rows(
                "CustInvoiceJour", dataAreaId=order.legal_entity, SalesOrderNumber=order.number
            )
            if len(found) == 1:
                note = self._finops.credit_note(found[0]["InvoiceNumber"], order.legal_entity)
                yield f"F&O: credit note {note['InvoiceNumber']} took back invoice {found[0]['InvoiceNumber']}."
                return

    def _enter(self, customer: str, line: dict[str, object], origin: str) -> str:
        company = self._entity.code
        order = self._finops.new_order(customer, [line], company, origin, CurrencyCode=self._entity.currency)
        number = str(order["SalesOrderNumber"])
        self._finops.confirm(number, company)
        return number

    def _one(self) -> dict[str, object]:
        return {"ProductNumber": self._product.number, "OrderedSalesQuantity": Decimal(1)}

    def _open_orders(self, status: str) -> Iterator[Order]:
        """Give the plan's orders that stand so in F&O."""
        for order in self._plan.orders:
            row = self._finops.books.get("SalesTable", order.legal_entity, order.number)
            if row is not None and row["SalesOrderProcessingStatus"] == status:
                yield order
