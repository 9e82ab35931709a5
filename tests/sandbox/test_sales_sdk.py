"""Microsoft's own Python client works unchanged against the sandbox."""

from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.core.errors import HttpError
from PowerPlatform.Dataverse.models.upsert import UpsertItem

from sandbox import Sandbox


class FixedCredential:
    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken(self._token, 2**33)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    # The client insists on https; requests takes the certificate from the environment.
    with Sandbox(token="sdk", tls=True) as running, pytest.MonkeyPatch.context() as environment:
        environment.setenv("REQUESTS_CA_BUNDLE", str(running.certificate))
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[DataverseClient]:
    with DataverseClient(sandbox.sales_url, FixedCredential(sandbox.token)) as made:
        yield made


def test_create_read_update_delete(client: DataverseClient) -> None:
    account = client.records.create("account", {"name": "Fabrikam", "creditlimit": 12.5})
    found = client.records.retrieve("account", account, select=["name", "creditlimit"])
    assert (found["name"], found["creditlimit"]) == ("Fabrikam", 12.5)
    client.records.update("account", account, {"name": "Fabrikam 2"})
    assert client.records.retrieve("account", account, select=["name"])["name"] == "Fabrikam 2"
    client.records.delete("account", account)
    with pytest.raises(HttpError) as refused:
        client.records.update("account", account, {"name": "x"})
    assert refused.value.status_code == 404


def test_queries_are_paged(client: DataverseClient) -> None:
    ids = client.records.create("contact", [{"lastname": f"paged {number}"} for number in range(7)])
    pages = list(
        client.records.list_pages(
            "contact", select=["lastname"], filter="startswith(lastname,'paged')", orderby=["lastname"], page_size=3
        )
    )
    names = [row["lastname"] for page in pages for row in page]
    assert len(ids) == 7
    assert names == [f"paged {number}" for number in range(7)]
    assert len(pages) == 3


def test_labels_of_choices_and_bulk_updates(client: DataverseClient) -> None:
    ids = client.records.create("account", [{"name": "a", "customertypecode": "Customer"}, {"name": "b"}])
    assert client.records.retrieve("account", ids[0], select=["customertypecode"])["customertypecode"] == 3
    client.records.update("account", ids, {"fax": "1"})
    assert [client.records.retrieve("account", each, select=["fax"])["fax"] for each in ids] == ["1", "1"]
    client.records.delete("account", ids)


def test_upsert_by_alternate_key(client: DataverseClient) -> None:
    def item(number: str, name: str) -> UpsertItem:
        return UpsertItem(alternate_key={"msdynce_contactnumber": number}, record={"lastname": name})

    client.records.upsert("contact", [item("SDK-1", "one")])
    client.records.upsert("contact", [item("SDK-1", "uno"), item("SDK-2", "due")])
    rows = client.records.list(
        "contact", select=["lastname", "msdynce_contactnumber"], filter="startswith(msdynce_contactnumber,'SDK-')"
    )
    assert {row["msdynce_contactnumber"]: row["lastname"] for row in rows} == {"SDK-1": "uno", "SDK-2": "due"}


def test_batches_and_change_sets(client: DataverseClient) -> None:
    batch = client.batch.new()
    with batch.changeset() as changes:
        account = changes.records.create("account", {"name": "in a change set"})
        changes.records.create(
            "contact", {"lastname": "in a change set", "parentcustomerid_account@odata.bind": account}
        )
        changes.records.update("account", account, {"fax": "7"})
    batch.records.list("account", select=["name", "fax"], filter="name eq 'in a change set'")
    result = batch.execute()
    assert not result.has_errors
    assert [response.status_code for response in result.responses] == [204, 204, 204, 200]
    failing = client.batch.new()
    failing.records.create("account", {"nonsense": 1})
    failing.records.create("account", {"name": "after an error"})
    assert [each.is_success for each in failing.execute(continue_on_error=True).responses] == [False, True]
