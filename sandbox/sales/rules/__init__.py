"""The business rules of Sales, by stage, message and table."""

from collections import defaultdict
from collections.abc import Iterable

from sandbox.sales.changes import Message, Stage
from sandbox.sales.engine import Rule, Rules
from sandbox.sales.options import SalesOptions
from sandbox.sales.rules import bundles, documents, lines, products, solution

Registration = tuple[Stage, Message, str, Rule]


def all_rules(options: SalesOptions) -> Rules:
    """Give the rules of an environment: the platform's, and the solution's when it is installed."""
    collected: defaultdict[tuple[Stage, Message, str], list[Rule]] = defaultdict(list)
    registered: list[Iterable[Registration]] = [documents.RULES, bundles.RULES, lines.RULES, products.RULES]
    if options.solution:
        registered.append(solution.RULES)
    for rules in registered:
        for stage, message, table, rule in rules:
            collected[stage, message, table].append(rule)
    return {key: tuple(rules) for key, rules in collected.items()}
