"""The client against both local servers, over a real socket."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal

import pytest
from pydantic import SecretStr

from p2c.errors import AuthError, ConfigError, Conflict, MissingRow, P2CError, Validation
from p2c.settings import AuthSettings
from p2c.systems.credentials import build, scope_of
from p2c.systems.odata import jsonnum, literals
from p2c.systems.odata.batch import ChangeSet, Part, PartAnswer
from p2c.systems.odata.errors import classify_finops, classify_sales
from p2c.systems.odata.gate import Gate
from p2c.systems.odata.transport import ODataClient, http_client
from sandbox import Sandbox
from sandbox.wire.service import Limits


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@dataclass
class Clients:
    sales: ODataClient
    finops: ODataClient


async def connected(sandbox: Sandbox, stack: AsyncExitStack, token: str) -> Clients:
    auth = AuthSettings(kind="static", token=SecretStr(token))

    async def http(url: str) -> dict[str, object]:
        return {
            "credential": await stack.enter_async_context(build(auth, url)),
            "scope": scope_of(url),
            "gate": Gate(4, 1, 16),
            "http": await stack.enter_async_context(http_client(url)),
        }

    sales = f"{sandbox.sales_url}/api/data/v9.2/"
    finops = f"{sandbox.finops_url}/data/"
    return Clients(
        ODataClient(sales, system="sales", classify=classify_sales, **await http(sales)),  # type: ignore[arg-type]
        ODataClient(finops, system="finops", classify=classify_finops, **await http(finops)),  # type: ignore[arg-type]
    )


@pytest.fixture
async def clients(sandbox: Sandbox) -> AsyncIterator[Clients]:
    async with AsyncExitStack() as stack:
        yield await connected(sandbox, stack, sandbox.token)


def create(key: str, **values: str | Decimal) -> ChangeSet:
    part = Part("PATCH", literals.key_segment("accounts", key), {"If-None-Match": "*"}, jsonnum.dumps(values))
    return ChangeSet([part])


def kind(client: ODataClient, answer: PartAnswer | list[PartAnswer] | None) -> type[P2CError]:
    assert isinstance(answer, PartAnswer)
    return type(client.refusal(answer))


async def test_change_sets_of_sales_stand_alone(clients: Clients) -> None:
    one, two = str(uuid.uuid4()), str(uuid.uuid4())
    answers = await clients.sales.batch(
        [
            create(one, name="O'Brien & Söhne", creditlimit=Decimal("1234567.89")),
            create(one, name="again"),
            create(two, name="x" * 5000),
            create(two, name="Fabrikam"),
        ]
    )
    assert isinstance(answers[0], list)
    assert kind(clients.sales, answers[1]) is Conflict
    assert kind(clients.sales, answers[2]) is Validation
    assert isinstance(answers[3], list)
    assert isinstance(answers[2], PartAnswer)
    refusal = clients.sales.refusal(answers[2])
    assert isinstance(refusal, Validation)
    assert refusal.fault.field == "name"
    row = await clients.sales.get(literals.key_segment("accounts", one) + "?$select=name,creditlimit")
    assert row["name"] == "O'Brien & Söhne"
    assert row["creditlimit"] == Decimal("1234567.89")


async def test_rows_are_found_by_names_with_odd_characters(clients: Clients) -> None:
    numbers = ["A'1", 'B"2', "C/3+&?#%", "Ü,4"]
    created = await clients.sales.batch([create(str(uuid.uuid4()), name=text, accountnumber=text) for text in numbers])
    assert all(isinstance(answer, list) for answer in created)
    clause, params = literals.in_values("accountnumber", numbers)
    query = literals.query({"$filter": clause, "$select": "accountnumber", **params})
    pages = [
        rows async for rows, _ in clients.sales.pages(f"accounts?{query}", headers={"Prefer": "odata.maxpagesize=3"})
    ]
    assert len(pages) == 2
    assert {row["accountnumber"] for rows in pages for row in rows} == set(numbers)


async def test_what_is_not_there(clients: Clients) -> None:
    with pytest.raises(MissingRow):
        await clients.sales.get(literals.key_segment("accounts", str(uuid.uuid4())))
    with pytest.raises(ConfigError, match="nme"):
        await clients.sales.get("accounts?$select=nme")
    with pytest.raises(ConfigError):
        await clients.sales.get("acounts")
    key = literals.key_segment("CustomersV3", {"dataAreaId": "usmf", "CustomerAccount": "nobody"})
    with pytest.raises(MissingRow):
        await clients.finops.get(f"{key}?cross-company=true")
    with pytest.raises(MissingRow):
        await clients.finops.request("PATCH", f"{key}?cross-company=true", body=b'{"NameAlias":"x"}')
    with pytest.raises(ConfigError):
        await clients.finops.get("CustomersV33")


async def test_change_sets_of_finops_are_refused_one_by_one(clients: Clients) -> None:
    group = ChangeSet(
        [Part("POST", "CustomerGroups?cross-company=true", {}, b'{"dataAreaId":"usmf","CustomerGroupId":"99"}')]
    )
    answers = await clients.finops.batch([group, group])
    assert isinstance(answers[0], list)
    assert kind(clients.finops, answers[1]) is Conflict


async def test_a_throttled_service_is_waited_for(sandbox: Sandbox, clients: Clients) -> None:
    sandbox.sales.limits = Limits(requests=2, window=1.0)
    for _ in range(4):
        await clients.sales.get("accounts?$select=name&$top=1")
    assert clients.sales.statistics.throttled >= 1
    assert clients.sales.statistics.seconds_waited > 0


async def test_a_wrong_token_is_refused(sandbox: Sandbox) -> None:
    async with AsyncExitStack() as stack:
        strangers = await connected(sandbox, stack, "wrong")
        for client in (strangers.sales, strangers.finops):
            with pytest.raises(AuthError):
                await client.get("accounts")
