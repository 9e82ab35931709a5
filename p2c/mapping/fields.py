"""One field of a template, compiled: everything about it that does not depend on a row is worked out once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from p2c.documents import Row
from p2c.errors import ConfigError
from p2c.mapping.decode import Decode, decoder
from p2c.mapping.encode import Encode, encoder
from p2c.mapping.kinds import Plain, Scope, kind_of
from p2c.mapping.refusal import Unmappable
from p2c.mapping.sameness import Normal, Same, normal, sameness
from p2c.mapping.transforms import Pipeline, Surroundings, pipeline
from p2c.templates import paths
from p2c.templates.models import Default, FieldMap, Task, Template
from p2c.templates.resolve import RESULTS, cells

When = Literal["create", "update", "both"]
Part = Literal["values", "create", "last"]
Compute = Callable[[Row, Scope], Plain]


@dataclass(frozen=True, slots=True)
class CompiledField:
    """A field as functions: `compute` gives the plain value out of a source row, `encode` fits it to the destination.

    `part` is where in a mapped row it goes, `when` on which writes it applies. `required`: a blank is a flaw.
    `clears`: a blank goes out (and clears the destination), else the field is left out of the row.
    `slot` names its cell in a mapped row: the destination, told apart where two fields of the task have the same one.
    `in_place` gives what stands in for a blank when the row is created.
    `computed` are those of its sources that `amounts` of the template computes.
    `same` compares a cell that is to be written with one that is there, `normal` gives what it compares.
    """

    field: FieldMap
    slot: str
    computed: tuple[str, ...]
    part: Part
    when: When
    required: bool
    clears: bool
    compute: Compute
    in_place: Compute | None
    encode: Encode
    same: Same
    normal: Normal

    @property
    def name(self) -> str:
        """The destination."""
        return self.field.destination

    def blame(self, source: int | None = None) -> str:
        """The name that a flaw goes by: the source at fault, else all of them; the destination for a constant."""
        sources = self.field.sources
        return sources[source] if source is not None else ", ".join(sources) or self.field.destination


def compile_field(template: Template, entity: str, task: Task, field: FieldMap, around: Surroundings) -> CompiledField:
    """The field of the task whose rows are those of the source `entity`.

    Raises ConfigError for names, transforms and value maps that are not there.
    """
    names, target = field.sources, paths.parse(field.destination)
    if not names and not any(isinstance(transform, Default) for transform in field.transform):
        raise ConfigError(f"{around.place} has neither a source nor a Default.")
    key = field.destination in task.destination.key
    twice = sum(other.destination == field.destination for other in task.fields) > 1
    ends = cells(template.destination, task.destination.entity, target, custom=field.custom)
    kind = kind_of(template.destination, ends, max_length=field.max_length)
    decoders = [_decoder(template, entity, field, name, around) for name in names]
    others = [(name, _decoder(template, entity, field, name, around)) for name in field.when_blank]
    when = _when(field, key=key)
    clears = field.null == "clear" if field.null else kind.clears or isinstance(target, paths.Follow)
    around = replace(around, max_length=kind.max_length)
    return CompiledField(
        field=field,
        slot=f"{field.destination}#{field.line_kind or field.on}" if twice else field.destination,
        computed=tuple(name for name in names if name in RESULTS),
        part="last" if field.last else "create" if when == "create" else "values",
        when=when,
        required=key or field.required,
        # On a new row there is nothing to clear.
        clears=clears and when != "create",
        compute=_compute(names, decoders, pipeline(field.transform, len(names), around), bool(field.transform)),
        in_place=_first_of(others) if others else None,
        encode=encoder(kind, around.zone),
        same=sameness(kind, around.zone, field.compare),
        normal=normal(kind, around.zone, field.compare),
    )


def _decoder(template: Template, entity: str, field: FieldMap, name: str, around: Surroundings) -> Decode:
    ends = cells(template.source, entity, paths.parse(name), custom=field.custom)
    return decoder(kind_of(template.source, ends), around.zone)


def _first_of(sources: Sequence[tuple[str, Decode]]) -> Compute:
    def compute(row: Row, _: Scope) -> Plain:
        values = (decode(row.get(name)) for name, decode in sources)
        return next((value for value in values if value is not None), None)

    return compute


def _when(field: FieldMap, *, key: bool) -> When:
    """A constant is for new rows only, unless it is to hold always: what people changed since is theirs."""
    if field.sources or key or field.on != "both":
        return field.on
    always = any(isinstance(transform, Default) and transform.always for transform in field.transform)
    return "both" if always else "create"


def _compute(names: tuple[str, ...], decoders: Sequence[Decode], run: Pipeline, transformed: bool) -> Compute:
    """Fields of one source are by far the most: for them no list is looped over."""
    if len(names) != 1:
        return _compute_several(names, decoders, run)
    (name,), (decode,) = names, decoders

    def copied(row: Row, _: Scope) -> Plain:
        return decode(row.get(name))

    def changed(row: Row, scope: Scope) -> Plain:
        return run((decode(row.get(name)),), scope)

    return changed if transformed else copied


def _compute_several(names: tuple[str, ...], decoders: Sequence[Decode], run: Pipeline) -> Compute:
    sources = list(enumerate(zip(names, decoders, strict=True)))

    def compute(row: Row, scope: Scope) -> Plain:
        values: list[Plain] = []
        for position, (name, decode) in sources:
            try:
                values.append(decode(row.get(name)))
            except Unmappable as error:
                raise Unmappable(error.reason, source=position) from None
        return run(values, scope)

    return compute
