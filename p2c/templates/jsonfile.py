"""JSON files with models: every mistake is found at once and named by file and JSON pointer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from p2c.errors import ConfigError, Problems
from p2c.templates.catalog import did_you_mean

M = TypeVar("M", bound=BaseModel)


def pointer(*parts: str | int) -> str:
    """The JSON pointer (RFC 6901) to a place, `""` for the whole file."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def read_json(file: Path) -> Any:
    """The content of a JSON file. Raises ConfigError: not there, not UTF-8, no JSON, or a name that is there twice.

    Numbers with a decimal point are refused: as text (`"12.50"`) they keep their digits.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"There is no file {file}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}.") from error
    return parse_json(text, str(file))


def parse_json(text: str, file: str) -> Any:
    """The value of a JSON text; `file` names it in errors. Raises ConfigError as `read_json` does."""

    def no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise ConfigError(f"{file}: the name {name!r} is there twice in one object.")
            found[name] = value
        return found

    def no_decimals(number: str) -> Any:
        raise ConfigError(f'{file}: write the number {number} as text, "{number}", so that it keeps its digits.')

    try:
        return json.loads(text, object_pairs_hook=no_repeats, parse_float=no_decimals, parse_constant=no_decimals)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{file} is no JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from error


def validate(model: type[M], raw: Any, file: str) -> M:
    """The model that `raw` describes. Raises ConfigError with a problem for every mistake."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems = Problems(file)
        for place, message in _mistakes(error, raw, model):
            problems.add(place, message)
        problems.raise_if_any(f"{file} is wrong.")
        raise  # a ValidationError without details does not exist


def _mistakes(error: ValidationError, raw: Any, model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Pointer and message, one for each place: the branches of a union fail together, but are one mistake."""
    places: dict[str, list[str]] = {}
    for details in error.errors(include_url=False):
        message = _message(details, model)
        messages = places.setdefault(_place(details, raw), [])
        if message not in messages:
            messages.append(message)
    for place, messages in places.items():
        yield place, "; or ".join(messages)


def _place(details: ErrorDetails, raw: Any) -> str:
    """The pointer to where it is wrong, without what is not in the file: pydantic adds the names of union branches."""
    parts: list[str | int] = []
    here: Any = raw
    for part in details["loc"]:
        known = part in here if isinstance(here, dict) else isinstance(here, list) and part in range(len(here))
        if known:
            parts.append(part)
            here = here[part]
    if details["type"] == "missing":
        parts.append(details["loc"][-1])
    return pointer(*parts)


_SHAPES = {
    "model_type": "must be an object: { … }",
    "model_attributes_type": "must be an object: { … }",
    "dict_type": "must be an object: { … }",
    "list_type": "must be a list: [ … ]",
    "string_type": 'must be text: "…"',
}


def _names(model: type[BaseModel]) -> list[str]:
    """The names of all fields in a model and in those that it is made of."""
    schema = model.model_json_schema(by_alias=True)
    parts = [schema, *schema.get("$defs", {}).values()]
    return [name for part in parts for name in part.get("properties", {})]


def _message(details: ErrorDetails, model: type[BaseModel]) -> str:
    name = str(details["loc"][-1]) if details["loc"] else ""
    match details["type"]:
        case "missing":
            return f"{name!r} must be given"
        case "extra_forbidden":
            hint = did_you_mean(name, _names(model))
            return f"{name!r} is not known here" + (f". {hint}" if hint else "")
        case "union_tag_not_found":
            return "'transformType' must be given"
        case "union_tag_invalid":
            context = details.get("ctx", {})
            tag, known = str(context.get("tag", "")), str(context.get("expected_tags", ""))
            names = [one.strip(" '") for one in known.split(",")]
            return f"there is no transform {tag!r}. {did_you_mean(tag, names) or 'There are: ' + known + '.'}"
        case "value_error":
            return str(details.get("ctx", {}).get("error", details["msg"]))
        case kind if kind in _SHAPES:
            return _SHAPES[kind]
        case _:
            return details["msg"][0].lower() + details["msg"][1:]
