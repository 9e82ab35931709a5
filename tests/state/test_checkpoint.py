"""Checkpoints: kept whole, moved by the one who holds the last version, and never guessed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.errors import PreconditionFailed, StateError
from p2c.state.checkpoint import MIGRATIONS, SCHEMA_VERSION, Checkpoint, Checkpoints, migrate, parse_checkpoint
from p2c.state.store import Store
from tests.state.stopping import MemoryStore

MOMENTS = st.none() | st.datetimes(timezones=st.just(UTC))
TEXTS = st.dictionaries(st.text(), st.text(), max_size=3)
CHECKPOINTS = st.builds(
    Checkpoint,
    template_hash=st.text(),
    mode=st.text(),
    cursor=st.none() | st.text(),
    page=st.integers(0, 10**9),
    slice=st.integers(0, 10**9),
    run_id=st.text(),
    started=MOMENTS,
    completed=MOMENTS,
    counts=st.dictionaries(st.text(), st.integers(), max_size=3),
    delta=TEXTS,
    identities=TEXTS,
)


@given(CHECKPOINTS)
def test_a_checkpoint_comes_back_as_it_was(checkpoint: Checkpoint) -> None:
    async def check() -> None:
        store = MemoryStore()
        await Checkpoints(store, "lane").save("accounts", checkpoint)
        assert await Checkpoints(store, "lane").load("accounts") == checkpoint

    asyncio.run(check())


async def test_it_moves_for_the_one_who_moved_it_last(stores: tuple[Store, Store]) -> None:
    one, two = (Checkpoints(store, "lanes/USMF/orders/") for store in stores)
    assert await one.load("orders") is None
    assert await two.load("orders") is None
    await one.save("orders", Checkpoint(page=1))
    await one.save("orders", Checkpoint(page=2, started=datetime(2025, 3, 1, tzinfo=UTC)))
    with pytest.raises(PreconditionFailed, match="moved by another run"):
        await two.save("orders", Checkpoint(page=1))
    assert await two.load("orders") == Checkpoint(page=2, started=datetime(2025, 3, 1, tzinfo=UTC))
    await two.save("orders", Checkpoint(page=3))
    with pytest.raises(PreconditionFailed):
        await one.save("orders", Checkpoint(page=3))
    with pytest.raises(PreconditionFailed):
        await Checkpoints(stores[0], "lanes/USMF/orders").save("orders", Checkpoint(page=9))
    await two.forget("orders")
    assert await one.load("orders") is None
    await one.save("orders", Checkpoint(page=1))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "damaged"),
        (b"null", "no schema_version"),
        (b"{}", "no schema_version"),
        (b'{"schema_version": "1"}', "no schema_version"),
        (b'{"schema_version": 1, "page": -1}', "1 fields do not fit"),
        (b'{"schema_version": 1, "started": "2025-03-01T00:00:00"}', "1 fields do not fit"),
        (b'{"schema_version": 1, "pages": 1}', "1 fields do not fit"),
        (b'{"schema_version": 1, "cursor": "abc', "damaged"),
        (b"[" * 100_000, "damaged"),
        (b"\xff\xfe", "damaged"),
        (b'{"schema_version": %d, "cursor": {}}' % (SCHEMA_VERSION + 1), "newer p2c"),
        (b'{"schema_version": 0}', "cannot read any more"),
    ],
)
async def test_what_cannot_be_read_stops_the_run_and_says_what_to_do(data: bytes, why: str) -> None:
    store = MemoryStore()
    await store.write("lane/accounts.json", data)
    checkpoints = Checkpoints(store, "lane")
    with pytest.raises(StateError, match=why) as caught:
        await checkpoints.load("accounts")
    assert "lane/accounts.json" in caught.value.message
    assert caught.value.hint
    with pytest.raises(PreconditionFailed):
        await checkpoints.save("accounts", Checkpoint())


def test_older_checkpoints_migrate_step_by_step() -> None:
    table = {
        1: lambda document: {"cursor": document["position"]},
        2: lambda document: document | {"page": 0},
    }
    document = migrate("x", {"schema_version": 1, "position": "p"}, 3, table)
    assert document == {"schema_version": 3, "cursor": "p", "page": 0}
    assert migrate("x", document, 3, table) is document


def test_every_earlier_schema_has_its_migration() -> None:
    assert sorted(MIGRATIONS) == list(range(1, SCHEMA_VERSION))


def test_a_checkpoint_as_the_first_release_wrote_it_stays_readable() -> None:
    data = b"""{
     "schema_version": 1, "template_hash": "h", "mode": "full", "cursor": "c", "page": 3, "slice": 1,
     "run_id": "r", "started": "2025-03-01T00:00:00Z", "counts": {"created": 2},
     "delta": {"account": "t"}, "identities": {"sales": "o"}
    }"""
    assert parse_checkpoint("x", data) == Checkpoint(
        template_hash="h",
        mode="full",
        cursor="c",
        page=3,
        slice=1,
        run_id="r",
        started=datetime(2025, 3, 1, tzinfo=UTC),
        counts={"created": 2},
        delta={"account": "t"},
        identities={"sales": "o"},
    )
