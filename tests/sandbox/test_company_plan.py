"""The companies as data: each can be had again from the same seed, and the hand-made one has a case for every rule."""

from decimal import Decimal

import pytest

from sandbox.company import contoso, generated
from sandbox.company.plan import ContactKind, OrderFate, Plan, Progress, QuoteFate


@pytest.mark.parametrize("plan", [contoso.plan(), contoso.group(), generated.plan(3, 300)], ids=lambda plan: plan.name)
def test_everything_that_is_named_exists_once(plan: Plan) -> None:
    keys = [account.key for account in plan.accounts] + [contact.key for contact in plan.contacts]
    numbers = [account.number for account in plan.accounts] + [contact.number for contact in plan.contacts]
    documents = [document.number for document in plan.documents()]
    products = [product.number for product in plan.products]
    for names in (keys, [number for number in numbers if number], documents, products):
        assert len(names) == len(set(names))
    assert plan.product_numbers() <= {product.number for product in plan.products}
    assert {document.customer for document in plan.documents()} <= set(keys)
    assert {contact.parent for contact in plan.contacts if contact.parent} <= set(keys)
    entities = {entity.code for entity in plan.legal_entities}
    assert {row.legal_entity for row in (*plan.accounts, *plan.contacts, *plan.documents())} <= entities
    quotes = {quote.number for quote in plan.quotes}
    assert {order.quote for order in plan.orders if order.quote} <= quotes
    assert all(line.price is not None for document in plan.documents() for line in document.lines if line.write_in)


def test_the_hand_made_company_has_a_case_for_every_rule() -> None:
    plan = contoso.plan()
    assert {contact.kind for contact in plan.contacts} == set(ContactKind)
    assert {quote.fate for quote in plan.quotes} == set(QuoteFate)
    assert {order.fate for order in plan.orders} == set(OrderFate)
    assert {order.progress for order in plan.orders} == set(Progress)
    write_ins = [order for order in plan.orders if any(line.write_in for line in order.lines)]
    assert any(all(line.write_in for line in order.lines) for order in write_ins)
    assert any(any(line.product for line in order.lines) for order in write_ins)
    lines = [line for order in plan.orders for line in order.lines]
    assert any(line.quantity < 0 for line in lines)
    assert any(line.quantity % 1 for line in lines)
    assert any((line.discount / line.quantity * 100) % 1 for line in lines)
    assert {order.currency for order in plan.orders} == {"USD", "EUR", "JPY"}
    assert any(order.freight for order in plan.orders)
    assert any(not account.number for account in plan.accounts)
    assert {account.address.country for account in plan.accounts} >= {"", "Deutschland"}
    assert {letter for account in plan.accounts for letter in account.name + account.number} >= set("'ü日🌞/&\"")
    assert any(product.stopped for product in plan.products)
    assert any(product.service for product in plan.products)


def test_the_group_has_documents_in_each_legal_entity() -> None:
    plan = contoso.group()
    assert [entity.code for entity in plan.legal_entities] == ["usmf", "demf", "jpmf"]
    assert {order.legal_entity for order in plan.orders} == {"usmf", "demf", "jpmf"}
    for order in plan.orders:
        for line in order.lines:
            if line.product and line.price is None:
                product = next(product for product in plan.products if product.number == line.product)
                assert order.currency in {product.currency, *product.prices}


def test_a_generated_company_is_the_same_for_the_same_seed() -> None:
    assert generated.plan(7, 200) == generated.plan(7, 200)
    assert generated.plan(7, 200) != generated.plan(8, 200)


@pytest.mark.parametrize("size", [0, 1, 250])
def test_a_generated_company_has_as_many_orders_as_asked(size: int) -> None:
    plan = generated.plan(1, size)
    assert len(plan.orders) == size
    assert len(plan.accounts) >= 5
    assert len(plan.products) >= 12


def test_few_customers_of_a_generated_company_buy_most() -> None:
    plan = generated.plan(1, 1000)
    counts: dict[str, int] = {}
    for order in plan.orders:
        counts[order.customer] = counts.get(order.customer, 0) + 1
    busiest = sorted(counts.values(), reverse=True)[: len(plan.accounts) // 5]
    assert sum(busiest) > 400
    assert all(line.discount <= line.quantity * (line.price or Decimal(0)) for o in plan.orders for line in o.lines)
