"""The row store of both servers."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.wire.store import DuplicateKeyError, MissingRowError, Store, TableSpec, kind_of

SPEC = TableSpec(
    {"area": "text", "number": "text", "amount": "decimal", "day": "date", "open": "boolean", "state": "enum"},
    ("area", "number"),
    (("amount",),),
    {"amount": Decimal("0"), "state": "No:'x'"},
)


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store({"rows": SPEC})
    yield made
    made.close()


def test_a_row_comes_back_as_it_went_in_and_defaults_fill_the_rest(store: Store) -> None:
    store.insert("rows", {"area": "usmf", "number": "1", "amount": Decimal("10.10"), "open": True})
    assert store.get("rows", ("usmf", "1")) == {
        "area": "usmf",
        "number": "1",
        "amount": Decimal("10.10"),
        "day": None,
        "open": True,
        "state": "No:'x'",
    }
    assert str(store.select("rows")[0]["amount"]) == "10.10"
    assert store.select("rows", columns=["number"]) == [{"number": "1"}]


def test_keys_are_unique_without_regard_to_case(store: Store) -> None:
    store.insert("rows", {"area": "usmf", "number": "a"})
    with pytest.raises(DuplicateKeyError) as caught:
        store.insert("rows", {"area": "USMF", "number": "A"})
    assert caught.value.key == ("USMF", "A")
    assert store.get("rows", ("UsMf", "A")) is not None
    assert store.has("rows", ("usmf", "A"))
    assert not store.has("rows", ("usmf", "b"))


def test_update_and_delete_say_when_the_row_is_missing(store: Store) -> None:
    with pytest.raises(MissingRowError):
        store.update("rows", ("usmf", "1"), {"open": False})
    with pytest.raises(MissingRowError):
        store.delete("rows", ("usmf", "1"))
    store.insert("rows", {"area": "usmf", "number": "1"})
    store.update("rows", ("usmf", "1"), {"open": False, "amount": Decimal(3)})
    row = store.get("rows", ("usmf", "1"))
    assert row is not None
    assert (row["open"], row["amount"]) == (False, Decimal(3))
    store.delete("rows", ("usmf", "1"))
    assert store.count("rows") == 0


def test_unknown_columns_are_refused(store: Store) -> None:
    with pytest.raises(KeyError):
        store.insert("rows", {"area": "usmf", "number": "1", "none": 1})


def insert_twice(store: Store) -> None:
    with store.savepoint():
        store.insert("rows", {"area": "usmf", "number": "inner"})
        store.insert("rows", {"area": "usmf", "number": "inner"})


def test_a_savepoint_takes_back_what_failed_and_keeps_what_did_not(store: Store) -> None:
    with store.savepoint():
        store.insert("rows", {"area": "usmf", "number": "outer"})
        with pytest.raises(DuplicateKeyError):
            insert_twice(store)
        store.insert("rows", {"area": "usmf", "number": "after"})
    assert sorted(row["number"] for row in store.select("rows")) == ["after", "outer"]


def test_update_where_changes_every_row_that_fits(store: Store) -> None:
    for number in "123":
        store.insert("rows", {"area": "usmf", "number": number})
    changed = store.update_where("rows", store.column("rows", "number") != "2", {"state": "Yes"})
    assert changed == 2
    assert [row["state"] for row in store.select("rows", order_by=[store.column("rows", "number")])] == [
        "Yes",
        "No:'x'",
        "Yes",
    ]


def test_columns_know_their_kind(store: Store) -> None:
    assert {name: kind_of(store.column("rows", name)) for name in SPEC.columns} == dict(SPEC.columns)


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=4), unique=True, max_size=20), st.data())
def test_decimals_compare_and_sort_as_numbers(numbers: list[Decimal], data: st.DataObject) -> None:
    store = Store({"rows": SPEC})
    for index, number in enumerate(numbers):
        store.insert("rows", {"area": "usmf", "number": str(index), "amount": number})
    column = store.column("rows", "amount")
    assert [row["amount"] for row in store.select("rows", order_by=[column])] == sorted(numbers)
    bound = data.draw(st.decimals(allow_nan=False, allow_infinity=False, places=2))
    assert store.count("rows", column > bound) == sum(number > bound for number in numbers)
    store.close()
