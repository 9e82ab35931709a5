"""Reads Bicep files as a compiler would begin to: declarations, names used, objects. tree-sitter gives the syntax."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
MAIN = INFRA / "main.bicep"
MODULES = sorted((INFRA / "modules").glob("*.bicep"))
PARAMETERS = [INFRA / "main.bicepparam", *sorted((INFRA / "parameters").glob("*.bicepparam"))]

_PARSER = Parser(Language(tree_sitter_bicep.language()))
_DECLARES = {
    "parameter_declaration": "param",
    "variable_declaration": "var",
    "resource_declaration": "resource",
    "module_declaration": "module",
    "output_declaration": "output",
}


@dataclass(frozen=True)
class Declaration:
    """One param, var, resource, module or output. `kind` is the word that declares it."""

    kind: str
    name: str
    node: Node
    decorators: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return text_of(self.node)

    @property
    def target(self) -> str:
        """What a resource or module is made from: `Type@version`, or the path of a file."""
        literal = next(child for child in self.node.children if child.type == "string")
        return text_of(literal).strip("'")

    @property
    def existing(self) -> bool:
        return bool(re.match(r"resource\s+\w+\s+'[^']+'\s+existing\b", self.text))

    @property
    def has_default(self) -> bool:
        return any(child.type == "=" for child in self.node.children)

    @property
    def body(self) -> Node:
        """The object of a resource or module, out of a condition or loop around it."""
        return next(node for node in walk(self.node) if node.type == "object" and _is_body(node, self.node))

    @property
    def value(self) -> Node:
        """What stands to the right of the equals sign."""
        return self.node.children[-1]


def _is_body(node: Node, declaration: Node) -> bool:
    above = node.parent
    while above is not None and above.type in {"if_statement", "for_statement"}:
        if above.type == "for_statement" and above.child_by_field_name("body") not in {node, *_ancestors(node)}:
            return False
        above = above.parent
    return above == declaration


def _ancestors(node: Node) -> Iterator[Node]:
    while node.parent is not None:
        node = node.parent
        yield node


def text_of(node: Node) -> str:
    return (node.text or b"").decode()


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from walk(child)


def as_template(path: Path) -> str:
    """The text of a file in a form that both parsers take: a parameter file is a list of assignments."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".bicepparam":
        source = re.sub(r"^using '[^']+'\n", "", source)
        source = re.sub(r"^param (\w+) =", r"var \1 =", source, flags=re.MULTILINE)
    return source


@cache
def tree(path: Path) -> Node:
    return _PARSER.parse(as_template(path).encode()).root_node


def mistakes(path: Path) -> list[str]:
    """Where the syntax tree has errors or lacks something, as `line: text`."""
    return [
        f"{node.start_point[0] + 1}: {text_of(node)[:60]!r}"
        for node in walk(tree(path))
        if node.type == "ERROR" or node.is_missing
    ]


@cache
def declarations(path: Path) -> tuple[Declaration, ...]:
    found: list[Declaration] = []
    decorators: dict[str, str] = {}
    for node in tree(path).children:
        if node.type == "decorators":
            decorators = dict(_decorator(child) for child in node.children if child.type == "decorator")
        elif node.type in _DECLARES:
            name = next(child for child in node.children if child.type == "identifier")
            found.append(Declaration(_DECLARES[node.type], text_of(name), node, decorators))
            decorators = {}
    return tuple(found)


def _decorator(node: Node) -> tuple[str, str]:
    name, _, rest = text_of(node).removeprefix("@").partition("(")
    argument = rest.rsplit(")", 1)[0].strip()
    if argument.startswith("'"):
        argument = argument[1:-1].replace("\\'", "'")
    return name.strip(), argument


def of_kind(path: Path, *kinds: str) -> dict[str, Declaration]:
    return {found.name: found for found in declarations(path) if found.kind in kinds}


def properties(node: Node) -> dict[str, Node]:
    """The members of an object, by name; those whose name is made at run time are left out."""
    found: dict[str, Node] = {}
    for child in node.children:
        if child.type == "object_property":
            name = text_of(child.children[0]).strip("'")
            if "${" not in name:
                found[name] = child.children[-1]
    return found


def names_used(node: Node) -> Iterator[Node]:
    """The identifiers in an expression that stand for something declared: no keys, no members, no functions."""
    if node.type == "object_property":
        first, *rest = node.children
        yield from (found for found in walk(first) if found.type == "identifier" and first.type != "identifier")
        for child in rest:
            yield from names_used(child)
        return
    if node.type == "call_expression":
        function = node.child_by_field_name("function")
        for child in node.children:
            if child != function or child.type == "member_expression":
                yield from names_used(child)
        return
    if node.type in {"identifier", "variable_access"} and not node.children:
        yield node
        return
    for child in node.children:
        yield from names_used(child)


def functions_used(path: Path) -> set[str]:
    return set(re.findall(r"(?<![\w.])([a-z]\w*)\(", _without_strings(path)))


def _without_strings(path: Path) -> str:
    source = re.sub(r"'''.*?'''", "''", as_template(path), flags=re.DOTALL)
    source = re.sub(r"//[^\n]*", "", source)
    return re.sub(r"@\w+\([^\n]*", "", source)
