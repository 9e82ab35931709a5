"""From a natural key to the row that it names: lookups of Sales, resolved in bulk, a table at a time.

Several rows may have the number that is looked for. Then count, in this order: the number in the very same case; the
row's state (active; of a quote: won or active); the legal entity's own business unit; of a quote's revisions the
latest. A price list that is found by its currency must be active and valid today, and the first by name is taken.
An account or contact that was merged into another one counts as that one, its master.
Several that are still equal are Ambiguous: Sales itself would show a person a list to choose from.

What was found is remembered, what was not is asked for again: somebody may have added it since. Nothing is remembered
from one run to the next, though: people renumber, merge and close rows, and a document must not point to what was.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from p2c.documents import LegalEntity, Missing, Reference, ResolvedRow, Value
from p2c.errors import ConfigError
from p2c.systems.ends import Ambiguous
from p2c.systems.keys import as_text, fold
from p2c.systems.parallel import together
from p2c.systems.sales import units
from p2c.systems.sales.presence import Absent, Presence
from p2c.systems.sales.shape import stored
from p2c.systems.sales.tables import RawRow, Tables
from p2c.templates import catalog, paths
from p2c.templates.catalog import SalesTable
from p2c.templates.paths import Column, Follow, Path
from p2c.templates.resolve import bind

CAPACITY = 50_000
"""Rows remembered by an end."""

_DETAILS = (
    "statecode",
    "merged",
    "masterid",
    "revisionnumber",
    "begindate",
    "enddate",
    "owninguser",
    "owningteam",
    "ownerid",
)
_LOOKUP_DETAILS = {
    "product": ("defaultuomscheduleid",),
    "uom": ("uomscheduleid",),
    "pricelevel": ("transactioncurrencyid", "name"),
}
_GOOD_STATES: Mapping[str, frozenset[int]] = {
    "account": frozenset({0}),
    "contact": frozenset({0}),
    "product": frozenset({0}),
    "pricelevel": frozenset({0}),
    "quote": frozenset({1, 2}),
}
_DAY = timedelta(days=1)
_MERGES = 20
"""How many merges, one after the other, a lookup follows."""
_MASTER = "_masterid_value"


_Place = tuple[str, str, str]
"""Table, column and folded value: what rows are remembered by."""


@dataclass(frozen=True, slots=True)
class _Found:
    """Rows of a table that a value names, never none, and the places where they are remembered."""

    table: SalesTable
    rows: tuple[RawRow, ...]
    places: tuple[_Place, ...]


class Lookups:
    """Resolves the lookups of rows that go to Sales."""

    def __init__(
        self, tables: Tables, presence: Presence, *, now: Callable[[], datetime], capacity: int = CAPACITY
    ) -> None:
        self._tables = tables
        self._presence = presence
        self._now = now
        self._capacity = capacity
        self._memory: OrderedDict[_Place, tuple[RawRow, ...]] = OrderedDict()
        self._since = now()

    def forget(self, found: _Found | None = None) -> None:
        """Forget rows of which none is fit, or all rows: one of them turned out not to be there any more."""
        if found is None:
            # Another dictionary: what somebody is asking for at this moment shall not come back as if it were new.
            self._memory = OrderedDict()
            return
        for place in found.places:
            self._memory.pop(place, None)

    def refresh(self, older_than: timedelta) -> None:
        """Forget all rows when the oldest of them may have been read longer ago than that."""
        now = self._now()
        if abs(now - self._since) >= older_than:
            self.forget()
            self._since = now

    async def resolve(
        self, table: SalesTable, rows: Sequence[Mapping[str, Value]], legal_entity: LegalEntity | None
    ) -> list[ResolvedRow]:
        """See `p2c.systems.ends.Destination.resolve`.

        Units are looked up in the unit group of the row's own (`defaultuomscheduleid.name`), else of its product; a
        row whose product is blank or missing gets no unit. Raises ConfigError for a path that leads nowhere.
        """
        wanted: dict[str, dict[str, None]] = defaultdict(dict)
        for row in rows:
            for name, value in row.items():
                if "." in name and value not in (None, ""):
                    wanted[name][as_text(value)] = None
        follows = {name: _follow(table.name, name) for name in wanted}
        absent = await self._presence.absent(follows.values())
        answers = await together(self._values(follows[name], values, absent) for name, values in wanted.items())
        found = dict(zip(wanted, answers, strict=True))
        return [_Row(self, table, follows, found, legal_entity).resolve(row) for row in rows]

    # --- finding rows ---

    async def _values(self, follow: Follow, values: Collection[str], absent: Absent) -> dict[str, _Found]:
        """What each value names; a lookup to several tables takes the first that has the value."""
        found: dict[str, _Found] = {}
        targets = (follow.borrowed or follow).targets
        # Where no target is left, the service shall say what it lacks.
        for target in [one for one in targets if (one.table, str(one.path)) not in absent] or targets:
            rest = [value for value in values if value not in found]
            found.update(await self._ends(catalog.sales_table(target.table), target.path, rest, absent))
        return found

    async def _ends(self, table: SalesTable, path: Path, values: Collection[str], absent: Absent) -> dict[str, _Found]:
        """The rows of a table at whose path each value is."""
        if isinstance(path, Column):
            wanted = {value: [value] for value in values}
        else:
            inner = await self._values(path, values, absent)
            wanted = {value: [str(row[one.table.id]) for row in one.rows] for value, one in inner.items()}
        column = paths.root(path)
        rows = await self._rows(table, column, [one for several in wanted.values() for one in several])
        ends: dict[str, _Found] = {}
        for value, several in wanted.items():
            places = tuple((table.name, column, fold(one)) for one in several)
            if its := tuple(row for place in places for row in rows.get(place, ())):
                ends[value] = _Found(table, its, places)
        return ends

    async def _rows(self, table: SalesTable, column: str, values: Sequence[str]) -> dict[_Place, tuple[RawRow, ...]]:
        """The rows whose column holds each value; remembered ones are not asked for."""
        asked = {(table.name, column, fold(value)): value for value in values}
        memory = self._memory
        known = {place: memory[place] for place in asked if place in memory}
        unknown = [value for place, value in asked.items() if place not in known]
        if unknown:
            name = stored(table, column)
            groups: dict[_Place, list[RawRow]] = defaultdict(list)
            for row in await self._tables.having(table, column, unknown, {"$select": _select(table, name)}):
                groups[table.name, column, fold(row[name])].append(row)
            await self._follow_merges(table, list(groups.values()), _select(table, name))
            known |= {place: tuple(rows) for place, rows in groups.items()}
        for place in asked:
            if place in known:
                memory[place] = known[place]
                memory.move_to_end(place)
        while len(memory) > self._capacity:
            memory.popitem(last=False)
        return known

    async def _follow_merges(self, table: SalesTable, groups: Sequence[list[RawRow]], select: str) -> None:
        """Puts the master in the place of every row that was merged, and of its master, should that be merged too."""
        for _ in range(_MERGES):
            merged = [(rows, place) for rows in groups for place, row in enumerate(rows) if _master(row)]
            if not merged:
                return
            masters = {str(_master(rows[place])) for rows, place in merged}
            found = await self._tables.having(table, table.id, sorted(masters), {"$select": select})
            by_id = {str(row[table.id]).lower(): row for row in found}
            for rows, place in merged:
                # A row whose master was deleted since stays as it is: inactive.
                master = by_id.get(str(_master(rows[place])).lower())
                rows[place] = {**rows[place], _MASTER: None} if master is None else master
            for rows in groups:
                rows[:] = {str(row[table.id]).lower(): row for row in rows}.values()

    # --- choosing among them ---

    def choose(self, value: str, found: _Found, follow: Follow, legal_entity: LegalEntity | None) -> RawRow | int:
        """The row that is meant, or how many are equally good (0: the rows found are not fit)."""
        table, rows = found.table, list(found.rows)
        target = next(one for one in (follow.borrowed or follow).targets if one.table == table.name)
        if isinstance(target.path, Column):
            name = stored(table, target.path.name)
            rows = _prefer(rows, lambda row: as_text(row.get(name)) == value)
        if legal_entity is not None and units.matter(table, legal_entity):
            # A row that belongs to no legal entity will do where there is no own one, one of another never.
            rows = _prefer(rows, lambda row: units.is_own(row, legal_entity))
            rows = [row for row in rows if not units.neighbour(row, legal_entity)]
            if not rows:
                return 0
        good = _GOOD_STATES.get(table.name)
        if good is not None:
            rows = _prefer(rows, lambda row: row.get("statecode") in good)
        if table.name == "pricelevel":
            rows = _prefer(rows, self._is_valid)
            if isinstance(target.path, Follow):
                valid = [row for row in rows if row.get("statecode") == 0 and self._is_valid(row)]
                valid.sort(key=lambda row: (as_text(row.get("name")).casefold(), str(row[table.id])))
                return valid[0] if valid else 0
        if table.find("revisionnumber") is not None:
            latest = max(int(row.get("revisionnumber") or 0) for row in rows)
            rows = _prefer(rows, lambda row: int(row.get("revisionnumber") or 0) == latest)
        return rows[0] if len(rows) == 1 else len(rows)

    def _is_valid(self, price_list: RawRow) -> bool:
        now = self._now()
        begin, end = _moment(price_list.get("begindate")), _moment(price_list.get("enddate"))
        # The end is shown as a day, and that day still counts.
        return (begin is None or begin <= now) and (end is None or now < end + _DAY)


class _Row:
    """Resolves one row after what all rows name has been found."""

    def __init__(
        self,
        lookups: Lookups,
        table: SalesTable,
        follows: Mapping[str, Follow],
        found: Mapping[str, Mapping[str, _Found]],
        legal_entity: LegalEntity | None,
    ) -> None:
        self._lookups = lookups
        self._table = table
        self._follows = follows
        self._found = found
        self._legal_entity = legal_entity
        self._values: dict[str, Value | Reference] = {}
        self._missing: list[Missing] = []
        self._group: object = None
        self._product_lost = False

    def resolve(self, row: Mapping[str, Value]) -> ResolvedRow:
        unit_names: list[str] = []
        for name, value in row.items():
            if "." not in name:
                self._values[name] = value
            elif value in (None, ""):
                column, _, _ = name.partition(".")
                self._values[column] = None
                self._product_lost = self._product_lost or column == "productid"
            elif self._leads_to_units(name):
                unit_names.append(name)
            else:
                self._lookup(name, as_text(value))
        for name in unit_names:
            self._unit(name, as_text(row[name]))
        return ResolvedRow(self._values, tuple(self._missing))

    def _lookup(self, name: str, value: str) -> None:
        follow = self._follows[name]
        found = self._found[name].get(value)
        chosen = self._lookups.choose(value, found, follow, self._legal_entity) if found is not None else 0
        if found is None or isinstance(chosen, int):
            self._product_lost = self._product_lost or follow.column == "productid"
            self._lacks(name, value, found, chosen if isinstance(chosen, int) else 0)
            return
        if follow.borrowed is not None:
            self._values[follow.column] = _owner(chosen)
            return
        if found.table.name == "uomschedule":
            self._group = chosen[found.table.id]
        elif found.table.name == "product" and self._group is None:
            self._group = chosen.get("_defaultuomscheduleid_value")
        unfit = _unfit(found.table, chosen)
        if unfit:
            # Somebody may activate it any time: then it must be seen.
            self._lookups.forget(found)
        self._point(follow, found.table, chosen, unfit)

    def _unit(self, name: str, value: str) -> None:
        if self._product_lost:
            # A write-in has no unit, and a line that waits for its product learns its unit when that is there.
            return
        follow = self._follows[name]
        found = self._found[name].get(value)
        if found is not None and self._group is not None:
            rows = tuple(row for row in found.rows if row.get("_uomscheduleid_value") == self._group)
            if not rows:
                self._lookups.forget(found)
            found = replace(found, rows=rows) if rows else None
        chosen = self._lookups.choose(value, found, follow, self._legal_entity) if found is not None else 0
        if found is None or isinstance(chosen, int):
            self._lacks(name, value, found, chosen if isinstance(chosen, int) else 0)
        else:
            self._point(follow, found.table, chosen)

    def _leads_to_units(self, name: str) -> bool:
        return any(target.table == "uom" for target in self._follows[name].targets)

    def _point(self, follow: Follow, table: SalesTable, row: RawRow, unfit: str = "") -> None:
        navigation = self._table.navigation(follow.column, table.name)
        reference = Reference(follow.column, navigation, table.entity_set, str(row[table.id]), unfit)
        self._values[follow.column] = reference

    def _lacks(self, name: str, value: str, found: _Found | None, count: int) -> None:
        follow = self._follows[name]
        table = found.table.name if found is not None else (follow.borrowed or follow).targets[0].table
        if found is not None:
            # Somebody will close one of several, or open one: then it must be seen.
            self._lookups.forget(found)
        if count > 1:
            self._missing.append(Ambiguous(name, value, table, count))
        else:
            self._missing.append(Missing(name, value, table, elsewhere=self._elsewhere(found)))

    def _elsewhere(self, found: _Found | None) -> str:
        """The other legal entities that the rows found belong to."""
        entity = self._legal_entity
        if found is None or entity is None or not units.matter(found.table, entity):
            return ""
        return ", ".join(sorted({units.neighbour(row, entity) for row in found.rows} - {""}))


@lru_cache(maxsize=4096)
def _follow(table: str, name: str) -> Follow:
    path = bind(paths.parse(name), table)
    if not isinstance(path, Follow):
        raise ConfigError(f"{name} is no lookup of {table}")
    return path


def _select(table: SalesTable, column: str) -> str:
    details = [*_DETAILS, units.COLUMN, *_LOOKUP_DETAILS.get(table.name, ())]
    known = [stored(table, one) for one in details if (found := table.find(one)) is not None and found.read]
    return ",".join(dict.fromkeys([table.id, column, *known]))


def _master(row: RawRow) -> object:
    """The id of the row that this one was merged into; None where it was not."""
    return row.get(_MASTER) if row.get("merged") is True else None


def _unfit(table: SalesTable, row: RawRow) -> str:
    """The state of a product that no new line may name, as Sales calls it: only active ones can be sold."""
    state = row.get("statecode")
    if table.name != "product" or state in _GOOD_STATES["product"]:
        return ""
    return table.column("statecode").options.get(int(state or 0), str(state))


def _owner(row: RawRow) -> Reference:
    """Who owns the row: a team, or else a user."""
    team = row.get("_owningteam_value")
    owner = team or row.get("_owninguser_value") or row.get("_ownerid_value")
    return Reference("ownerid", "ownerid", "teams" if team else "systemusers", str(owner))


def _prefer(rows: list[RawRow], fits: Callable[[RawRow], bool]) -> list[RawRow]:
    """Those that fit, or all when none does."""
    return [row for row in rows if fits(row)] or rows


def _moment(text: object) -> datetime | None:
    if not text:
        return None
    parsed = datetime.fromisoformat(str(text))
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
