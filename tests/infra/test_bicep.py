"""What a compiler would say of the Bicep files, as far as it can be had on one machine: syntax, names, properties."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pycep import BicepParser
from tree_sitter import Node

from tests.infra.bicep import (
    INFRA,
    MAIN,
    MODULES,
    PARAMETERS,
    Declaration,
    as_template,
    declarations,
    functions_used,
    mistakes,
    names_used,
    of_kind,
    properties,
    text_of,
    walk,
)
from tests.infra.resource_models import LISTED, MODELS, OF_BICEP, auth_settings, members, model_of

TEMPLATES = [MAIN, *MODULES]
EVERY_FILE = [*TEMPLATES, *PARAMETERS]

NAMESPACES = {"az", "sys"}
FUNCTIONS = {
    "concat", "empty", "environment", "format", "guid", "json", "loadJsonContent", "objectKeys",
    "readEnvironmentVariable", "split", "string", "subscription", "subscriptionResourceId", "tenant", "toLower",
    "union", "uniqueString",
}  # fmt: skip
API_VERSIONS = {
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
    "Microsoft.Insights/actionGroups": "2023-01-01",
    "Microsoft.Insights/components": "2020-02-02",
    "Microsoft.Insights/diagnosticSettings": "2021-05-01-preview",
    "Microsoft.Insights/metricAlerts": "2018-03-01",
    "Microsoft.Insights/scheduledQueryRules": "2023-12-01",
    "Microsoft.KeyVault/vaults": "2024-11-01",
    "Microsoft.KeyVault/vaults/secrets": "2024-11-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "2024-11-30",
    "Microsoft.OperationalInsights/workspaces": "2025-02-01",
    "Microsoft.Resources/resourceGroups": "2025-04-01",
    "Microsoft.ServiceBus/namespaces": "2024-01-01",
    "Microsoft.ServiceBus/namespaces/queues": "2024-01-01",
    "Microsoft.ServiceBus/namespaces/queues/authorizationRules": "2024-01-01",
    "Microsoft.Storage/storageAccounts": "2025-01-01",
    "Microsoft.Storage/storageAccounts/blobServices": "2025-01-01",
    "Microsoft.Storage/storageAccounts/blobServices/containers": "2025-01-01",
    "Microsoft.Storage/storageAccounts/managementPolicies": "2025-01-01",
    "Microsoft.Web/serverfarms": "2025-03-01",
    "Microsoft.Web/sites": "2025-03-01",
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": "2025-03-01",
    "Microsoft.Web/sites/config": "2025-03-01",
}
"""The one version of each type: stable ones, but for diagnostic settings, of which there is no stable one."""


def called(path: Path) -> str:
    return path.relative_to(INFRA).as_posix()


def resources(*, existing: bool | None = None) -> Iterator[tuple[Path, Declaration]]:
    for path in TEMPLATES:
        for found in of_kind(path, "resource").values():
            if existing is None or found.existing == existing:
                yield path, found


def modules() -> Iterator[tuple[Declaration, Path]]:
    for found in of_kind(MAIN, "module").values():
        yield found, (INFRA / found.target).resolve()


@pytest.mark.parametrize("path", EVERY_FILE, ids=called)
def test_two_parsers_take_every_file(path: Path) -> None:
    assert mistakes(path) == []
    assert BicepParser().parse(text=as_template(path))


def test_a_mistake_would_be_found(tmp_path: Path) -> None:
    broken = tmp_path / "broken.bicep"
    broken.write_text("param a string\nvar b = {\n  c: [\n}\n", encoding="utf-8")
    assert mistakes(broken)


@pytest.mark.parametrize("path", EVERY_FILE, ids=called)
def test_every_name_is_declared_once_and_every_name_used_is_declared(path: Path) -> None:
    found = declarations(path)
    inputs = [one.name for one in found if one.kind != "output"]
    assert sorted(inputs) == sorted(set(inputs))
    known = {*inputs, *NAMESPACES}
    unknown = set()
    for one in found:
        own = {text_of(node) for node in walk(one.node) if node.type in {"loop_variable", "loop_enumerator"}}
        own |= _loop_names(one.node)
        for node in names_used(one.value if one.kind != "output" else one.node):
            name = text_of(node)
            if name not in known | own | {one.name}:
                unknown.add(f"{node.start_point[0] + 1}: {name}")
    assert unknown == set()


def _loop_names(node: Node) -> set[str]:
    found = set(re.findall(r"\bfor (\w+) in\b", text_of(node)))
    for pair in re.findall(r"\bfor \((\w+), (\w+)\) in\b", text_of(node)):
        found |= set(pair)
    return found


@pytest.mark.parametrize("path", EVERY_FILE, ids=called)
def test_every_function_is_one_of_bicep(path: Path) -> None:
    assert functions_used(path) - FUNCTIONS - {"if"} == set()


@pytest.mark.parametrize("path", TEMPLATES, ids=called)
def test_nothing_is_declared_that_nothing_uses(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    unused = {
        one.name
        for one in declarations(path)
        if (one.kind in {"param", "var"} or (one.kind == "resource" and one.existing))
        and len(re.findall(rf"\b{one.name}\b", re.sub(r"@description\([^\n]*", "", source))) < 2
    }
    assert unused == set()


@pytest.mark.parametrize("path", TEMPLATES, ids=called)
def test_every_param_and_output_is_described(path: Path) -> None:
    for one in declarations(path):
        if one.kind in {"param", "output"}:
            description = one.decorators.get("description", "")
            assert description.endswith("."), one.name
        if one.kind == "param":
            begins = "Optional. " if one.has_default else "Required. "
            assert one.decorators["description"].startswith(begins), one.name
    assert {"metadata name", "metadata description"} <= set(
        re.findall(r"^metadata \w+", path.read_text(), re.MULTILINE)
    )


def test_modules_get_what_they_ask_for_and_nothing_else() -> None:
    seen = set()
    for call, path in modules():
        assert path in MODULES, call.target
        seen.add(path)
        wanted = of_kind(path, "param")
        given = properties(properties(call.body)["params"])
        assert set(given) - set(wanted) == set(), call.name
        assert {name for name, one in wanted.items() if not one.has_default} - set(given) == set(), call.name
    assert seen == set(MODULES)


def test_outputs_that_are_read_exist() -> None:
    source = MAIN.read_text(encoding="utf-8")
    read = re.findall(r"\b(\w+)!?\.outputs\.(\w+)", source)
    targets = {call.name: path for call, path in modules()}
    assert read
    for module, output in read:
        assert output in of_kind(targets[module], "output"), f"{module}.outputs.{output}"


@pytest.mark.parametrize("path", PARAMETERS, ids=called)
def test_parameter_files_give_what_main_asks_for_and_nothing_else(path: Path) -> None:
    using = re.match(r"using '([^']+)'", path.read_text(encoding="utf-8"))
    assert using is not None
    assert (path.parent / using[1]).resolve() == MAIN
    wanted = of_kind(MAIN, "param")
    given = of_kind(path, "var")
    assert set(given) - set(wanted) == set()
    assert {name for name, one in wanted.items() if not one.has_default} - set(given) == set()


@pytest.mark.parametrize("path", PARAMETERS, ids=called)
def test_parameter_files_keep_to_the_allowed_values(path: Path) -> None:
    wanted = of_kind(MAIN, "param")
    for name, one in of_kind(path, "var").items():
        value = text_of(one.value)
        decorators = wanted[name].decorators
        if "allowed" in decorators and not value.startswith("readEnvironmentVariable"):
            assert value in decorators["allowed"].strip("[]").split()
        if value.isdecimal():
            assert int(value) >= int(decorators.get("minValue", value))
            assert int(value) <= int(decorators.get("maxValue", value))


def test_every_environment_has_its_parameter_file() -> None:
    names = {path.name.split(".")[0]: text_of(of_kind(path, "var")["environmentName"].value) for path in PARAMETERS[1:]}
    assert names == {"dev": "'dev'", "prod": "'prod'", "test": "'test'"}


def test_api_versions_are_those_agreed_on() -> None:
    used = {found.target for _, found in resources()}
    assert used == {f"{kind}@{version}" for kind, version in API_VERSIONS.items()}


@pytest.mark.parametrize(
    ("path", "found"), [pytest.param(p, r, id=f"{p.stem}-{r.name}") for p, r in resources(existing=False)]
)
def test_properties_exist_in_the_resource_models(path: Path, found: Declaration) -> None:
    kind = found.target.split("@")[0]
    given = properties(found.body)
    assert set(given) - OF_BICEP == set()
    variables = of_kind(path, "var")
    inner = given.get("properties")
    if inner is None:
        return
    if kind in LISTED:
        assert set(properties(inner)) - LISTED[kind] == set()
    elif kind == "Microsoft.Web/sites/config":
        if text_of(given["name"]) == "'authsettingsV2'":
            assert list(_unknown(inner, auth_settings(), "properties.", variables)) == []
    else:
        assert list(_unknown(found.body, MODELS[kind], "", variables)) == []


def _unknown(node: Node, model: type, flattened: str, variables: dict[str, Declaration]) -> Iterator[str]:
    known = members(model)
    if flattened and not any(key.startswith(flattened) for key in known):
        # This library does not flatten: `properties` is a model of its own.
        inner = model_of(model, known["properties"])
        assert inner is not None
        known, flattened = members(inner), ""
        model = inner
    for name, value in properties(node).items():
        if not flattened and name in OF_BICEP - {"properties", "sku", "identity"}:
            continue
        wire = flattened + name.replace(".", "\0")
        if wire in known:
            below = model_of(model, known[wire])
            if below is not None:
                for one in _objects(value, variables):
                    yield from _unknown(one, below, "", variables)
        elif any(key.startswith(f"{wire}.") for key in known):
            for one in _objects(value, variables):
                yield from _unknown(one, model, f"{wire}.", variables)
        else:
            yield f"{text_of(value)[:40]!r}: {model.__name__} has no {name}"


def _objects(node: Node, variables: dict[str, Declaration]) -> Iterator[Node]:
    if node.type == "object":
        yield node
    elif node.type == "identifier" and text_of(node) in variables:
        yield from _objects(variables[text_of(node)].value, variables)
    elif node.type != "member_expression":
        for child in node.children:
            yield from _objects(child, variables)


def test_a_property_that_does_not_exist_would_be_found(tmp_path: Path) -> None:
    path = tmp_path / "wrong.bicep"
    path.write_text(
        "resource queue 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = {\n  name: 'a/b'\n  properties: {\n"
        "    requiresSessions: true\n    lockDuration: 'PT1M'\n  }\n}\n",
        encoding="utf-8",
    )
    (found,) = of_kind(path, "resource").values()
    unknown = list(_unknown(found.body, MODELS["Microsoft.ServiceBus/namespaces/queues"], "", {}))
    assert len(unknown) == 1
    assert "requiresSessions" in unknown[0]


def test_json_files_that_are_loaded_exist_and_are_json() -> None:
    for path in TEMPLATES:
        for name in re.findall(r"loadJsonContent\('([^']+)'\)", path.read_text(encoding="utf-8")):
            assert json.loads((path.parent / name).read_text(encoding="utf-8"))


def test_members_read_from_loaded_json_exist() -> None:
    for path in TEMPLATES:
        source = path.read_text(encoding="utf-8")
        for variable, name in re.findall(r"^var (\w+) = loadJsonContent\('([^']+)'\)$", source, re.MULTILINE):
            known = json.loads((path.parent / name).read_text(encoding="utf-8"))
            assert set(re.findall(rf"\b{variable}\.(\w+)", source)) <= set(known)
