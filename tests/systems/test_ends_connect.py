"""Both ends, put together as a run has them, over real sockets."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from p2c.documents import DocumentRead, TableRead
from p2c.errors import AuthError, ConfigError
from p2c.settings import AuthSettings
from p2c.systems.connect import connect
from p2c.systems.odata.transport import RetryPolicy
from sandbox import Sandbox
from tests.systems.ends_support import USMF, static

ACCOUNTS = DocumentRead(TableRead("Account", "accounts", ("accountnumber",), ("name",)))
CUSTOMERS = DocumentRead(TableRead("Customer", "CustomersV2", ("CustomerAccount",), ("OrganizationName",)))


async def test_both_ends_answer_over_real_sockets() -> None:
    with Sandbox() as sandbox:
        sandbox.sales.create("account", {"name": "Adventure Works", "accountnumber": "A-1"})
        sandbox.finops.new_customer("C-1", "Contoso")
        async with connect(
            sandbox.sales_url + "/",
            sandbox.finops_url,
            sales_auth=static(sandbox.sales.token),
            finops_auth=static(sandbox.finops.token),
        ) as (sales, finops):
            (accounts,) = [page async for page in sales.pages(ACCOUNTS, USMF, page_size=10)]
            (customers,) = [page async for page in finops.pages(CUSTOMERS, USMF, page_size=10)]
            assert sales.client.statistics.requests == 2
    assert [one.header["name"] for one in accounts.documents] == ["Adventure Works"]
    assert [one.header["OrganizationName"] for one in customers.documents] == ["Contoso"]


async def test_a_wrong_token_is_told_from_a_wrong_address() -> None:
    with Sandbox() as sandbox:
        quick = RetryPolicy(attempts=1)
        async with connect(
            sandbox.sales_url,
            sandbox.finops_url + "/nowhere",
            sales_auth=static("wrong"),
            finops_auth=static(sandbox.finops.token),
            retry=quick,
        ) as (sales, finops):
            with pytest.raises(AuthError):
                await anext(sales.pages(ACCOUNTS, USMF, page_size=10))
            with pytest.raises(ConfigError):
                await anext(finops.pages(CUSTOMERS, USMF, page_size=10))


async def test_settings_that_cannot_be_right_fail_before_anything_is_sent() -> None:
    secret = AuthSettings(kind="static", token=SecretStr("t"))
    for sales_url, auth in (
        ("https://org.crm.dynamics.com", secret),
        ("ftp://localhost", secret),
        ("", secret),
        ("http://localhost", AuthSettings(kind="clientSecret")),
    ):
        with pytest.raises(ConfigError):
            async with connect(sales_url, "http://localhost", sales_auth=auth, finops_auth=secret):
                pass
