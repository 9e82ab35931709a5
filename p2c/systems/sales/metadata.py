"""What an environment of Sales says about itself: columns, currencies, settings, business units, owners."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any, Literal

from p2c.errors import ConfigError
from p2c.systems.odata import literals
from p2c.systems.odata.transport import ODataClient
from p2c.systems.sales.tables import RawRow

ORGANIZATION = (
    "oobpricecalculationenabled",
    "discountcalculationmethod",
    "createproductswithoutparentinactivestate",
    "pricingdecimalprecision",
    "expirechangetrackingindays",
)
"""The columns of the organization that p2c looks at."""

Owners = Literal["teams", "systemusers"]
_OWNERS: dict[Owners, tuple[str, str]] = {"teams": ("teamid", "name"), "systemusers": ("systemuserid", "fullname")}


class Metadata:
    """Facts of one environment; each call asks it again."""

    def __init__(self, client: ODataClient) -> None:
        self._client = client

    async def columns(self, tables: Collection[str]) -> dict[str, frozenset[str]]:
        """The logical names of the columns of each table; a table that is not there is not in the answer."""
        if not tables:
            return {}
        wanted = literals.any_of(literals.equals("LogicalName", name) for name in sorted(tables))
        rows = await self._all(
            "EntityDefinitions",
            {"$select": "LogicalName", "$filter": wanted, "$expand": "Attributes($select=LogicalName)"},
        )
        return {row["LogicalName"]: frozenset(one["LogicalName"] for one in row["Attributes"]) for row in rows}

    async def tracked(self, tables: Collection[str]) -> dict[str, bool]:
        """Whether change tracking is enabled, for each of these tables that the user may see."""
        wanted = literals.any_of(literals.equals("LogicalName", name) for name in sorted(tables))
        options = {"$select": "LogicalName,ChangeTrackingEnabled", "$filter": wanted}
        rows = await self._all("EntityDefinitions", options)
        return {row["LogicalName"]: bool(row["ChangeTrackingEnabled"]) for row in rows}

    async def currencies(self) -> dict[str, int]:
        """The decimals of each active currency, by ISO code in upper case."""
        rows = await self._all(
            "transactioncurrencies", {"$select": "isocurrencycode,currencyprecision", "$filter": "statecode eq 0"}
        )
        return {str(row["isocurrencycode"]).upper(): int(row["currencyprecision"]) for row in rows}

    async def organization(self) -> dict[str, bool | int | Decimal | str | None]:
        """The settings named in ORGANIZATION."""
        rows = await self._all("organizations", {"$select": ",".join(ORGANIZATION)})
        if not rows:
            raise ConfigError("Sales shows no organization to this user.", hint="Check its security roles.")
        return {name: rows[0].get(name) for name in ORGANIZATION}

    async def price_precision(self) -> int:
        """The decimals of prices."""
        value = (await self.organization())["pricingdecimalprecision"]
        return 2 if value is None else int(value)

    async def identity(self) -> str:
        """The organization's id: the same environment, whatever address it is reached by."""
        return str((await self._client.get("WhoAmI", having=["OrganizationId"]))["OrganizationId"])

    async def version(self) -> str:
        """The version of Dataverse, `9.2.…`."""
        return str((await self._client.get("RetrieveVersion", having=["Version"]))["Version"])

    async def solution_version(self, name: str) -> str | None:
        """The version of the solution with this unique name, None where it is not installed."""
        options = {"$select": "uniquename,version", "$filter": literals.equals("uniquename", name)}
        rows = await self._all("solutions", options)
        return str(rows[0]["version"]) if rows else None

    async def business_units(self) -> dict[str, str]:
        """The id of each business unit, by name. Raises ConfigError when a name is there twice."""
        return _by_name(await self._all("businessunits", {"$select": "name"}), "businessunitid", "name")

    async def owners(self, kind: Owners, names: Collection[str]) -> dict[str, str]:
        """The ids of teams or users with these names; those that are not there are left out.

        Raises ConfigError when a name is there twice.
        """
        identifier, name = _OWNERS[kind]
        if not names:
            return {}
        wanted = literals.any_of(literals.equals(name, one) for one in sorted(names))
        return _by_name(await self._all(kind, {"$select": name, "$filter": wanted}), identifier, name)

    async def _all(self, path: str, options: dict[str, str]) -> list[RawRow]:
        rows: list[dict[str, Any]] = []
        async for page, _ in self._client.pages(f"{path}?{literals.query(options)}"):
            rows += page
        return rows


def _by_name(rows: list[RawRow], identifier: str, name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in rows:
        if row[name] in found:
            raise ConfigError(f"Sales has several rows named {row[name]!r}.", hint="Name it by its id instead.")
        found[row[name]] = str(row[identifier])
    return found
