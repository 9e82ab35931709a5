"""The company that is measured: the generated one, cut so that each template has the same number of documents.

What must not be synchronised is left out, so that each document counts: quotes are active, orders are activated, half
of the contacts are customers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice
from typing import TypeVar

from sandbox.company import generated
from sandbox.company.plan import Account, Contact, ContactKind, Order, OrderFate, Plan, Progress, Quote, QuoteFate

CHANGED_EVERY = 50
"""One document of so many is changed before another run: 2 %."""
OPEN_EVERY = 20
"""One order of so many is only confirmed at first; the others are delivered and invoiced."""

# The generated company has an account for so many orders.
_ORDERS_PER_ACCOUNT = 20

_Document = TypeVar("_Document", Quote, Order)
_Any = TypeVar("_Any")


def plan(seed: int, documents: int) -> Plan:
    """The company with `documents` accounts, products, quotes and orders, and of contacts as many of either kind.

    There are 2 000 products at most. The same arguments give the same company.
    """
    found = generated.plan(seed, documents * _ORDERS_PER_ACCOUNT)
    found.products = found.products[:documents]
    numbers = frozenset(product.number for product in found.products)
    found.contacts = _contacts(found.contacts, found.accounts, documents)
    found.quotes = [replace(one, fate=QuoteFate.ACTIVE) for one in _fitting(found.quotes, numbers, documents)]
    found.orders = [
        replace(one, fate=OrderFate.ACTIVE, progress=Progress.INVOICED if index % OPEN_EVERY else Progress.CONFIRMED)
        for index, one in enumerate(_fitting(found.orders, numbers, documents))
    ]
    return found


def some(things: Sequence[_Any], time: int) -> Sequence[_Any]:
    """The 2 % that are changed for the n-th time, from 0: others each time."""
    return things[time::CHANGED_EVERY]


def _fitting(documents: Sequence[_Document], numbers: frozenset[str], count: int) -> list[_Document]:
    """The first documents that name no product but these, and so no write-in either."""
    fitting = (one for one in documents if all(line.product in numbers for line in one.lines))
    return list(islice(fitting, count))


def _contacts(contacts: Sequence[Contact], accounts: Sequence[Account], count: int) -> list[Contact]:
    """Half customers, half people of an account; who is a customer already, and may have ordered, stays one."""
    customers = [one for one in contacts if one.kind is ContactKind.ACTIVE_CUSTOMER]
    others = [one for one in contacts if one.kind is not ContactKind.ACTIVE_CUSTOMER]
    more = max(0, count - len(customers))
    customers += [replace(one, kind=ContactKind.ACTIVE_CUSTOMER, parent="") for one in others[:more]]
    people = [
        replace(one, kind=ContactKind.COMPANY_CONTACT, parent=one.parent or account.key)
        for one, account in zip(others[more:], cycle(accounts), strict=False)
    ]
    return customers + people[:count]
