"""The F&O server's $batch, its limits and its misfortunes."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from sandbox.finops import FinOpsService
from tests.sandbox.finops_support import Api, customer_key

GROUP = {"dataAreaId": "usmf"}


def add(number: str) -> tuple[str, str, Any]:
    return ("POST", "CustomerGroups?cross-company=true", {**GROUP, "CustomerGroupId": number})


def statuses(body: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb"HTTP/1.1 (\d+)", body)]


def test_change_sets_stand_for_themselves() -> None:
    api = Api()
    answer = api.batch(
        [[add("1")], [add("10")], [add("2")], [("GET", "CustomerGroups?$filter=CustomerGroupId eq '1'", None)]]
    )
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("multipart/mixed; boundary=batchresponse_")
    assert statuses(answer.body) == [201, 500, 201, 200]
    assert answer.body.count(b"changesetresponse_") >= 3
    assert b"The record already exists.." in answer.body
    assert b"AxODataWriteException" in answer.body


def test_a_change_set_is_atomic_and_its_error_is_numbered_one() -> None:
    api = Api()
    answer = api.batch([[add("1"), add("2"), add("10"), add("3")]])
    assert statuses(answer.body) == [500]
    assert re.findall(rb"Content-ID: (\d+)", answer.body) == [b"1"]
    assert api.get("CustomerGroups?$filter=CustomerGroupId eq '1' or CustomerGroupId eq '2'").value == []
    assert api.service.books.changes.events[-1].key.get("CustomerGroupId") != "2"


def test_header_and_lines_land_together() -> None:
    api = Api()
    api.order()
    header = {"dataAreaId": "usmf", "SalesOrderNumber": "SO-2", "OrderingCustomerAccountNumber": "ACC-1"}
    line = {"dataAreaId": "usmf", "SalesOrderNumber": "SO-2", "LineCreationSequenceNumber": 1, "ProductNumber": "P-1"}
    both = [("POST", "CDSSalesOrderHeaders", header), ("POST", "CDSSalesOrderLines", {**line, "ProductNumber": "none"})]
    assert statuses(api.batch([both]).body) == [500]
    assert api.get("CDSSalesOrderHeaders?$filter=SalesOrderNumber eq 'SO-2'").value == []
    both[1] = ("POST", "CDSSalesOrderLines", line)
    answer = api.batch([both])
    assert statuses(answer.body) == [201, 201]
    assert re.findall(rb"Content-ID: (\d+)", answer.body) == [b"1", b"2"]


@pytest.mark.parametrize(
    ("stops", "prefer", "expected"),
    [
        (False, "", [500, 201]),
        (True, "", [500]),
        (True, "odata.continue-on-error", [500, 201]),
    ],
)
def test_whether_a_failure_ends_the_batch_is_a_switch(stops: bool, prefer: str, expected: list[int]) -> None:
    api = Api(batch_stops_at_error=stops)
    assert statuses(api.batch([[add("10")], [add("1")]], prefer).body) == expected


def test_continue_on_error_may_be_ignored() -> None:
    api = Api(batch_stops_at_error=True, honours_continue_on_error=False)
    assert statuses(api.batch([[add("10")], [add("1")]], "odata.continue-on-error").body) == [500]


def test_the_form_of_a_failed_change_set_is_a_switch() -> None:
    api = Api(failed_changeset_in_multipart=False, changeset_error_status=None, duplicate_status=400)
    answer = api.batch([[add("10")]])
    assert statuses(answer.body) == [400]
    assert b"changesetresponse_" not in answer.body


def test_a_standalone_duplicate_is_400_or_500() -> None:
    for status in (400, 500):
        api = Api(duplicate_status=status)
        answer = api.post("CustomerGroups", {**GROUP, "CustomerGroupId": "10"})
        assert answer.status == status
        assert "Cannot create a record in Customer groups (CustGroup)." in answer.infolog
        assert "The record already exists.." in answer.infolog


def test_too_many_operations_and_bodies_that_are_no_batch() -> None:
    api = Api()
    assert api.batch([[("GET", "CustomerGroups", None)]] * 5001).status == 400
    for content_type, body in (("application/json", b"{}"), ("multipart/mixed; boundary=x", b"nothing")):
        assert api.service.handle("POST", "/data/$batch", {"content-type": content_type}, body).status == 400
    inner = api.batch([[("POST", "$batch", {})]])
    assert statuses(inner.body) == [500]


def test_parts_may_have_absolute_urls() -> None:
    answer = Api().batch(
        [[("GET", "https://host/data/CustomerGroups?$top=1", None)], [("GET", "/data/Companies", None)]]
    )
    assert statuses(answer.body) == [200, 200]


def test_inner_throttling_leaves_the_batch_at_200() -> None:
    api = Api()
    api.service.set_faults(inner_throttles=1, retry_after=7)
    answer = api.batch([[add("1")], [add("2")]])
    assert answer.status == 200
    assert statuses(answer.body) == [429, 201]
    assert b"Retry-After: 7" in answer.body
    assert [row["CustomerGroupId"] for row in api.get("CustomerGroups?$filter=CustomerGroupId eq '1'").value] == []


def test_misfortunes_count_down() -> None:
    api = Api()
    api.customer()
    api.service.set_faults(gateway_errors=1, resource_throttles=1, update_conflicts=1)
    refused = api.patch(customer_key(), {"CreditLimit": 1})
    assert (refused.status, refused.headers["Content-Type"]) == (502, "text/html")
    busy = api.patch(customer_key(), {"CreditLimit": 1})
    assert busy.status == 429
    assert busy.headers["Retry-After"] == "1"
    assert b"high resource utilization" in busy.body
    lost = api.patch(customer_key(), {"CreditLimit": 1})
    assert lost.status == 400
    assert "An update conflict occurred due to another user process" in lost.infolog
    assert api.patch(customer_key(), {"CreditLimit": 1}).status == 204


def test_a_lost_answer_is_carried_out() -> None:
    api = Api()
    api.service.set_faults(lost_answers=1)
    assert api.customer().status == 502
    assert api.get(customer_key()).status == 200


@pytest.fixture
def over_http() -> Callable[[FinOpsService], httpx.AsyncClient]:
    def make(service: FinOpsService) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=service.app)
        headers = {"authorization": f"Bearer {service.token}"}
        return httpx.AsyncClient(transport=transport, base_url="http://finops", headers=headers)

    return make


async def test_over_http(over_http: Callable[[FinOpsService], httpx.AsyncClient]) -> None:
    service = FinOpsService()
    async with over_http(service) as client:
        refused = await client.get("/data/Companies", headers={"authorization": ""})
        assert refused.status_code == 401
        companies = await client.get("/data/Companies")
        assert companies.json()["@odata.context"] == "http://finops/data/$metadata#Companies"
        assert companies.headers["ms-dyn-aid"]
        quoted = await client.get("/data/Companies('usmf')")
        assert quoted.json()["DataArea"] == "usmf"
        given = {"account": "US-1", "name": "Contoso"}
        made = await client.post("/sandbox/customer", json=given)
        assert made.json()["OrganizationName"] == "Contoso"
        again = await client.post("/sandbox/customer", json=given)
        assert again.status_code == 400
        assert "already exists" in again.json()["error"]
        assert (await client.post("/sandbox/customer", json={"wrong": 1})).status_code == 400
        faults = await client.post("/sandbox/faults", json={"gateway_errors": 1})
        assert faults.json()["gateway_errors"] == 1
        assert (await client.get("/data/Companies")).status_code == 502
        options = await client.post("/sandbox/options", json={"page_size": 2})
        assert options.json()["page_size"] == 2
        assert (await client.post("/sandbox/options", json={"nonsense": 2})).status_code == 400
        assert len((await client.get("/data/Companies")).json()["value"]) == 2


async def test_user_limits_are_off_until_set(over_http: Callable[[FinOpsService], httpx.AsyncClient]) -> None:
    service = FinOpsService()
    async with over_http(service) as client:
        for _ in range(20):
            assert (await client.get("/data/Companies?$top=1")).status_code == 200
        service.limits.requests = 5
        refused = await client.get("/data/Companies?$top=1")
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) > 0
        assert "Number of requests exeeded the limit of 5" in refused.text
