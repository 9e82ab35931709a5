"""The shape of a template: what Data-integration users know, as pydantic models.

A template has tasks, a task has fields, a field has a source, a destination and a list of transforms. The first task is
the header of the document; the others are its lines (`parent` names the header's task). A task whose source is
`"self": true` makes one line out of its parent's own row (a price list item out of a product, a charge out of a line).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from p2c.documents import SystemName


class Model(BaseModel):
    """Base of all file models: unknown fields are refused, values are frozen, names are camelCase in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


Scalar = str | int | bool | None
"""A constant in a template. Decimals are written as text, `"12.50"`: JSON readers would make floats of them."""


Moves = Literal["follow", "ask"]
Merges = Literal["hold", "ask"]
Deletes = Literal["ignore", "deactivate", "delete"]
Conflicts = Literal["source", "destination", "ask"]
Scope = Literal["each", "master", "union"]
Cancellations = Literal["ask", "ignore"]
Comparison = Literal["exact", "ignoreCase", "country", "zeroIsBlank"]


class Default(Model):
    """The value when the source is blank. Without a source it applies on create only, unless `always`."""

    type: Literal["Default"] = Field(alias="transformType")
    value: Scalar = Field(alias="defaultValue")
    always: bool = False


class ValueMap(Model):
    """One value for another. Keys match exactly, else ignoring case and outer blanks; `""` is blank and null.

    `use` names a shared map of the package (`countries`); entries of `valueMap` come first. A value that is not in the
    map is rejected, kept or made null, as `unmapped` says. A blank without an entry stays blank.
    """

    type: Literal["ValueMap"] = Field(alias="transformType")
    values: dict[str, Scalar] = Field(alias="valueMap", default_factory=dict)
    use: str = ""
    unmapped: Literal["reject", "keep", "null"] = "reject"


class State(Model):
    """Sources: state and country of an address. Gives the state's code in that country (ISO 3166-2), as F&O has it.

    The country is read as the field of the task reads it that has only the country as its source. A state that is a
    code already, and one that the country is not known to have, stay as they are. Entries of `valueMap` come first.
    """

    type: Literal["State"] = Field(alias="transformType")
    values: dict[str, Scalar] = Field(alias="valueMap", default_factory=dict)


class Truncate(Model):
    """Cuts text to a length, on purpose."""

    type: Literal["Truncate"] = Field(alias="transformType")
    length: Annotated[int, Field(alias="maxLength", gt=0)]


class Join(Model):
    """Joins several source texts, blanks left out."""

    type: Literal["Join"] = Field(alias="transformType")
    separator: str = "\n"


class Split(Model):
    """One part of a text that `Join` made: the `index`-th (from 0) of at most `parts`, the last one takes the rest."""

    type: Literal["Split"] = Field(alias="transformType")
    separator: str = "\n"
    index: Annotated[int, Field(ge=0)]
    parts: Annotated[int, Field(ge=1)] = 3


class DatePart(Model):
    """Day, month or year of a date, as a number; 0 when there is no date."""

    type: Literal["DatePart"] = Field(alias="transformType")
    part: Literal["day", "month", "year"]


class Add(Model):
    """Adds a constant to a number (line numbers of derived lines)."""

    type: Literal["Add"] = Field(alias="transformType")
    amount: int


class UnitPrice(Model):
    """Price of one: sources are the price and the number of units that it is for (0 counts as 1)."""

    type: Literal["UnitPrice"] = Field(alias="transformType")


class DiscountPerUnit(Model):
    """Sources: discount of the whole line, quantity. Gives the discount of one unit, rounded to the currency."""

    type: Literal["DiscountPerUnit"] = Field(alias="transformType")


class DiscountRounding(Model):
    """Sources: discount of the whole line, quantity. Gives the charge that makes good what DiscountPerUnit rounded."""

    type: Literal["DiscountRounding"] = Field(alias="transformType")


Transform = Annotated[
    Default
    | ValueMap
    | State
    | Truncate
    | Join
    | Split
    | DatePart
    | Add
    | UnitPrice
    | DiscountPerUnit
    | DiscountRounding,
    Field(discriminator="type"),
]


class FieldMap(Model):
    """One field: where its value comes from and where it goes.

    - `on`: write it on create only, on update only, or on both.
    - `last`: write it after all rows of the document (a state that needs the lines to be there).
    - `null`: what a blank source does: `clear` the destination, `skip` the field; by default text and lookups are
      cleared, everything else (numbers, dates, choices) is skipped.
    - `when_blank`: other sources, the first of which that is not blank stands in for a blank source when the row is
      created; later changes leave the value alone.
    - `max_length`: longer text is a rejection (F&O publishes no lengths; Sales' own lengths hold without it).
    - `required`: a blank value is a rejection. Key fields always are.
    - `missing`: what to do when a lookup's row is not there: wait for it (`park`), `reject`, leave the field out
      (`omit`), or turn the line into a write-in product (`writeIn`).
    - `line_kind`: the field is for product lines or for write-in lines only (where `missing` is `writeIn`).
    - `optional`: the field is left out in an environment without the column (a P2C solution that is absent or older).
    - `reference`: F&O entity and field that must hold this value, for example `CustomersV2.CustomerAccount`; when F&O
      refuses the document and the row is missing there, the document waits for it.
    - `compare`: `ignoreCase` where the destination returns another case than was sent; `country` where two names of
      one country are equal (`Deutschland` stays where `Germany` would be written); `zeroIsBlank` where 0 and nothing
      are equal (amounts that Sales adds up).
    - `only_with`: the field is part of the template only while this setting of the template is true.
    - `if_rejected`: what to do when the destination rejects a document that has the field: `reject` the document, or
      write the document without the field and `note` it (fields that the document can do without: a state, an owner).
    - `custom`: a F&O name of this customer's own, not in the catalog (the destination's; in a template to Sales the
      source's).
    - `note`: a word to the reader; it changes nothing.
    """

    source: str | list[str] | None = None
    destination: str
    transform: list[Transform] = Field(default_factory=list)
    on: Literal["create", "update", "both"] = "both"
    last: bool = False
    null: Literal["clear", "skip"] | None = None
    when_blank: Annotated[list[str], Field(alias="whenBlank")] = Field(default_factory=list)
    max_length: Annotated[int | None, Field(alias="maxLength", gt=0)] = None
    required: bool = False
    missing: Literal["park", "reject", "omit", "writeIn"] | None = None
    line_kind: Annotated[Literal["product", "writeIn"] | None, Field(alias="lineKind")] = None
    optional: bool = False
    reference: str = ""
    compare: Comparison = "exact"
    only_with: Annotated[Literal["publish"] | None, Field(alias="onlyWith")] = None
    if_rejected: Annotated[Literal["reject", "note"], Field(alias="ifRejected")] = "reject"
    custom: bool = False
    note: str = ""

    @property
    def sources(self) -> tuple[str, ...]:
        """The source paths, none for a constant."""
        if self.source is None:
            return ()
        return tuple(self.source) if isinstance(self.source, list) else (self.source,)

    @property
    def reads(self) -> tuple[str, ...]:
        """Every path that the field may take its value from."""
        return (*self.sources, *self.when_blank)


def country_field(field: FieldMap, fields: Iterable[FieldMap]) -> FieldMap | None:
    """Of the fields of a task, the one that maps the country of a state; None where `field` is no state."""
    if not field.transform or not isinstance(field.transform[0], State):
        return None
    return next((other for other in fields if other.sources == field.sources[1:]), None)


class LineCause(Model):
    """What on a line makes a rule of the header fail: a condition over the line, and the end of a sentence about it."""

    when: str
    reason: str


class Rule(Model):
    """A source filter with a name: a document for which `when` does not hold is skipped, with this name and reason.

    `when` is an OData filter expression over source paths, choices as numbers (Sales) or symbols (F&O).
    `lines`: where the header only sums up what its lines are, the reason names the lines for which one of these holds.
    `still`: fields of the header (destinations) that are synced although the rule does not hold, where the destination
    has the document already; its other fields and its lines stay as they are.
    """

    name: str
    when: str
    reason: str
    lines: list[LineCause] = Field(default_factory=list)
    still: list[str] = Field(default_factory=list)


class SourceEntity(Model):
    """Where a task reads: entity set, key columns inside the document, and the link to the header.

    `key`: all key columns for a header, except `dataAreaId`, which goes without saying.
    `link`: line path to header path.
    `version`: of several rows with one key, of those that pass the rules, the one with the highest value here counts.
    `filter`: sent to the service as it is; rows that it leaves out are not read and not reported.
    `label` of a line: the first of these paths that is not blank names the line in messages, beside its number.
    """

    entity: str = ""
    key: list[str] = Field(default_factory=list)
    label: list[str] = Field(default_factory=list)
    link: dict[str, str] = Field(default_factory=dict)
    version: str = ""
    filter: str = ""
    self: bool = False


class Evidence(Model):
    """One way to recognise a row at the destination, which p2c does not know, as the document; each is enough.

    - `same`: these columns hold what p2c would write; text is compared regardless of case, width and outer blanks, and
      one of them must hold something.
    - `when`: an OData expression over the row, for a mark that the integration leaves there.
    """

    same: list[str] = Field(default_factory=list)
    when: str = ""


class Shown(Model):
    """What a person is shown of both records when a number is taken: a path of the source, one of the destination."""

    name: str
    source: str = ""
    destination: str = ""


class DestinationEntity(Model):
    """Where a task writes: entity set, key fields (as destinations of fields; `dataAreaId` goes without saying), link.

    `link`: the line's column to the header's column.
    `guards`: rules over the destination's header row; where one does not hold the document is skipped (F&O owns it).
    `others`: columns, and values by which a header row of the number is known to be something else than the document:
    the document is then rejected, and the row stays as it is.
    `evidence`: what proves that a header row of the number, which p2c does not know, is the document; without proof the
    document is rejected (`number-taken`) and the row stays as it is. A row with p2c's own id needs no other evidence.
    The same of a line that p2c did not write, in a document that it knows (`same` only; each column holds something).
    `shown`: what a person is shown of both records then.
    `ignore`: rows for which this holds are not ours: neither matched nor changed (a line that a plug-in makes).
    `extra`: what becomes of rows that the source does not have any more: those that p2c wrote are deleted, and others
    are reported (`ours`) or not, where people add rows of their own (`unreported`); or all stay (`keep`).
    `unfinished`: fields of the header and the values that they have while a document that does not fit into one change
    set is being written; the last change set writes the true values.
    """

    entity: str
    key: list[str]
    link: dict[str, str] = Field(default_factory=dict)
    guards: list[Rule] = Field(default_factory=list)
    others: dict[str, list[str]] = Field(default_factory=dict)
    evidence: list[Evidence] = Field(default_factory=list)
    shown: list[Shown] = Field(default_factory=list)
    ignore: str = ""
    unfinished: dict[str, Scalar] = Field(default_factory=dict)
    extra: Literal["ours", "unreported", "keep"] = "ours"


HeaderAmounts = Literal["spread", "ignore", "reject"]


class Spread(Model):
    """The columns by which header amounts are given to the lines, where the destination has no field for them.

    Of the header: `discount` (an amount), `percentage` (of the sum of the lines) and `freight`. Of the line:
    `quantity`, `price` (of one), `lineDiscount` (of the whole line), `amount` (of the whole line, all of its discounts
    taken off and `tax` added; blank: not computed). The task's fields may then have two sources more:
    `spread.discountPerUnit`, the discount of one unit, and `spread.charges`, the share of the freight and what rounding
    the discount of one unit lost. With both the line's amount at the destination is that in Sales, less its share of
    the header discount and with its share of the freight.
    """

    discount: str
    percentage: str
    freight: str
    quantity: str
    price: str
    line_discount: Annotated[str, Field(alias="lineDiscount")]
    amount: str
    tax: str

    @property
    def of_header(self) -> tuple[str, ...]:
        """The header's columns."""
        return (self.discount, self.percentage, self.freight)

    @property
    def of_line(self) -> tuple[str, ...]:
        """The line's columns."""
        return (self.quantity, self.price, self.line_discount, self.amount, self.tax)


class LeftOut(Model):
    """Amounts, quantities and dates that a task does not map, with the reason, of the source and of the destination.

    A key names one column or several, separated by commas; `*` in a name stands for any letters. A column that the
    task maps is not left out, whatever is said here.
    """

    source: dict[str, str] = Field(default_factory=dict)
    destination: dict[str, str] = Field(default_factory=dict)


class Task(Model):
    """One entity to one entity.

    `rules`: where one does not hold, of the header or of any line that is included, the whole document is skipped.
    `include` of a line task says which rows become lines (all, when empty).
    `skip_zero` names destinations: a row that would have 0 in all of them becomes no line.
    `unless_column`: the task is left out where the destination's header table has this column (the solution does the
    work there).
    `managed_by`: where the destination's header table has this column, the environment itself writes the rows of the
    task (a plug-in of the solution): p2c neither creates nor changes them, and deletes those of an earlier state.
    `spread` of a line task: how header amounts are given to its lines.
    `leftOut`: the amounts, quantities and dates of both entities that no field maps, and why.
    """

    name: str
    parent: str = ""
    source: SourceEntity
    destination: DestinationEntity
    rules: list[Rule] = Field(default_factory=list)
    include: str = ""
    skip_zero: Annotated[list[str], Field(alias="skipZero")] = Field(default_factory=list)
    unless_column: Annotated[str, Field(alias="unlessColumn")] = ""
    managed_by: Annotated[str, Field(alias="managedBy")] = ""
    spread: Spread | None = None
    left_out: Annotated[LeftOut, Field(alias="leftOut")] = Field(default_factory=LeftOut)
    fields: list[FieldMap]


class HeaderColumns(Model):
    """The source columns of a document's header that its amounts are computed from.

    `total`, `tax`: of the whole document. They only choose between readings of the other columns; no amount is
    computed from them. `headerTax`: tax on the header's charges. `charges`: of header and lines together. `discount`:
    columns that may hold the header's own discount; the first one that explains the total counts.
    `pricesIncludeTax`: whether prices, discounts and charges contain their tax; where no column says so, the amounts
    decide. `status`: an enum whose member `Canceled` means that the document has no amounts.
    """

    total: str
    tax: str
    header_tax: Annotated[str, Field(alias="headerTax")]
    charges: str
    discount: Annotated[list[str], Field(min_length=1)]
    prices_include_tax: Annotated[str, Field(alias="pricesIncludeTax")] = ""
    status: str = ""


class LineColumns(Model):
    """The source columns of a line that its amounts are computed from.

    `price` is for `priceQuantity` units; without that column the line's amount tells how many. `unitDiscounts` are
    amounts for one unit, `percentages` per cents, `discount` an amount of the whole line: together they make the
    discount. `fixedCharge` belongs to the price; `amount` is the line's net amount, which may contain it. `charges`
    are charges of the line besides its price. `status` is as for the header.
    """

    quantity: str
    price: str
    price_quantity: Annotated[str, Field(alias="priceQuantity")] = ""
    unit_discounts: Annotated[list[str], Field(alias="unitDiscounts")] = Field(default_factory=list)
    percentages: list[str] = Field(default_factory=list)
    discount: str = ""
    fixed_charge: Annotated[str, Field(alias="fixedCharge")] = ""
    amount: str
    charges: str
    tax: str
    status: str = ""


class Amounts(Model):
    """The amounts of a document as one calculation over its header and the rows of one line task (`lines`).

    Fields use its results as sources. Of the header: `amounts.freight`, `amounts.discount` and `amounts.percentage`
    (the discount as an amount and, where the seller entered it so, in per cent), `amounts.headerTax`,
    `amounts.headerTaxPrice` and `amounts.headerTaxDiscount` (that tax as a line), `amounts.extraPrice` and
    `amounts.extraDiscount` (a line for what freight and discount cannot hold, since they are never negative). Of a
    line: `amounts.quantity`, `amounts.price`, `amounts.priceOverridden` (blank where price and discount of the price
    list stay), `amounts.discount`, `amounts.tax`, `amounts.chargePrice` and `amounts.chargeDiscount` (its charges as a
    line of their own). All are without tax.
    """

    lines: str
    header: HeaderColumns
    line: LineColumns


class Cancellation(Model):
    """How a document looks that was canceled at the source, and how one that is at an end at the destination.

    `when`: OData expressions over the source's header, each of which says that it was canceled; one that needs a column
    that the environment does not have is left out. `unless`: an expression over the destination's header: where it
    holds, the document is at an end there too.
    """

    when: Annotated[list[str], Field(min_length=1)]
    unless: str


class Template(Model):
    """What one template synchronises, in which direction, after which others, how often.

    `family`: templates of one family share a lane: only one of them writes at a time.
    `scope`: `each` legal entity has its rows, or they are shared (products): then they come from the `master` legal
    entity, or from all (`union`), where of a document that several have the master's row counts, else the first one's.
    `schedule`: NCRONTAB of six fields, second first; empty = no timer starts it.
    `updateOnly`: rules over the source; where one does not hold, a document that is not yet at the destination is
    skipped (a cancelled order is not created just to be cancelled).
    `deletes`: what becomes of a document at the destination whose source is deleted: it stays (`ignore`), gets the
    values of `deactivate`, or is deleted. Leaving a filter or a rule is never a delete.
    `deactivate`: columns of the destination's header and the values that put it out of use.
    `moves`: a document that gets another number at the destination because a record that it belongs to is another one
    (a contact's account) is created there anew, and its old record gets the values of `deactivate` in the same change
    set (`follow`), or a person decides (`ask`).
    `merges`: a record that was merged into another one at the source gets the values of `deactivate`, once (`hold`), or
    a person decides (`ask`). It matters where a rule of `updateOnly` reads `merged`.
    `conflicts`: who wins when a document was changed on both sides since the last run: the `source`, the `destination`,
    or neither until a person decides (`ask`).
    `canceled`: how a document is recognised that was canceled at the source while the destination, which cannot be made
    to cancel it, goes on with it.
    `cancellations`: a person decides about such a document (`ask`), or it is skipped (`ignore`).
    `publish`: documents that are created as drafts are set active at once (products; without it the setting of the
    Sales organization *Create products in active state* decides).
    `headerAmounts`: header discounts and freight, which the destination has no field for, are spread over the lines
    (`spread`), left out with a note on each such document (`ignore`), or a rejection (`reject`). It matters where a
    task has `spread`.
    `amounts`: the columns that prices, discounts, charges and taxes of the whole document are computed from.
    `couplings`: by legal entity, keys of documents of which a person says that the row with their number at the
    destination is the same record, whatever the evidence.
    `putsBack`: the template of the other direction, in the same family, whose spread header amounts this one puts back.
    """

    schema_: Annotated[str, Field(alias="$schema")] = ""
    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,39}$")]
    name: str
    source: Annotated[SystemName, Field(alias="from")]
    destination: Annotated[SystemName, Field(alias="to")]
    description: str = ""
    family: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    runs_after: Annotated[list[str], Field(alias="runsAfter")] = Field(default_factory=list)
    schedule: str = "0 */15 * * * *"
    scope: Scope = "each"
    update_only: Annotated[list[Rule], Field(alias="updateOnly")] = Field(default_factory=list)
    enabled: bool = True
    deletes: Deletes = "ignore"
    deactivate: dict[str, Scalar] = Field(default_factory=dict)
    moves: Moves = "follow"
    merges: Merges = "hold"
    conflicts: Conflicts = "source"
    canceled: Cancellation | None = None
    cancellations: Cancellations = "ask"
    publish: bool = False
    header_amounts: Annotated[HeaderAmounts, Field(alias="headerAmounts")] = "spread"
    amounts: Amounts | None = None
    couplings: dict[str, list[str]] = Field(default_factory=dict)
    puts_back: Annotated[str, Field(alias="putsBack")] = ""
    tasks: Annotated[list[Task], Field(min_length=1)]

    @property
    def header(self) -> Task:
        """The task of the document's header."""
        return self.tasks[0]

    @property
    def own_key(self) -> tuple[bool, ...]:
        """Which columns of the destination's key come from the document's own key at the source."""
        own = {field.destination for field in self.header.fields if set(field.sources) & set(self.header.source.key)}
        return tuple(column in own for column in self.header.destination.key)

    @property
    def can_move(self) -> bool:
        """Whether a document can get another number while its key stays: `moves` matters then."""
        known = set(self.own_key) == {True, False}
        return known and self.destination == "finops" and bool(self.deactivate) and not self.lines

    @property
    def lines(self) -> tuple[Task, ...]:
        """The line tasks, in the order in which their rows are written."""
        return tuple(self.tasks[1:])

    @property
    def read_lines(self) -> tuple[Task, ...]:
        """The line tasks that read an entity of their own."""
        return tuple(task for task in self.lines if not task.source.self)
