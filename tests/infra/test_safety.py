"""The Bicep files are safe by default: identities instead of keys, narrow roles, no secret that comes out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from p2c.state.runs import Runs
from tests.infra.bicep import (
    INFRA,
    MAIN,
    MODULES,
    PARAMETERS,
    Declaration,
    of_kind,
    properties,
    text_of,
    walk,
)

TEMPLATES = [MAIN, *MODULES]
REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "azure" / "bicep.md"

BUILT_IN_ROLES = {
    "storageBlobDataOwner": ("Storage Blob Data Owner", "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"),
    "storageBlobDataContributor": ("Storage Blob Data Contributor", "ba92f5b4-2d11-453d-a403-e96b0029c9fe"),
    "storageTableDataContributor": ("Storage Table Data Contributor", "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"),
    "serviceBusDataReceiver": ("Azure Service Bus Data Receiver", "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0"),
    "serviceBusDataSender": ("Azure Service Bus Data Sender", "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39"),
    "monitoringMetricsPublisher": ("Monitoring Metrics Publisher", "3913510d-42f4-4e42-8a64-420c390055eb"),
    "keyVaultSecretsUser": ("Key Vault Secrets User", "4633458b-17de-408a-b874-0445c86b69e6"),
}
SCOPES = {
    "hostBlobs": ("hostAccount", "storageBlobDataOwner"),
    "hostTables": ("hostAccount", "storageTableDataContributor"),
    "state": ("stateContainer", "storageBlobDataContributor"),
    "workReceiver": ("workQueue", "serviceBusDataReceiver"),
    "workSender": ("workQueue", "serviceBusDataSender"),
    "inboxReceiver": ("inboxQueue", "serviceBusDataReceiver"),
    "inboxSender": ("inboxQueue", "serviceBusDataSender"),
    "telemetry": ("component", "monitoringMetricsPublisher"),
    "reader": ("vault", "keyVaultSecretsUser"),
    "operatorState": ("stateContainer", "storageBlobDataContributor"),
}
"""Every role assignment there may be: where, and which role. A new one must be put here, with thought."""


def module(name: str) -> Path:
    return INFRA / "modules" / f"{name}.bicep"


def assignments() -> dict[str, Declaration]:
    return {
        name: found
        for path in TEMPLATES
        for name, found in of_kind(path, "resource").items()
        if found.target.startswith("Microsoft.Authorization/roleAssignments@")
    }


def setting(path: Path, resource: str, *names: str) -> str:
    """The text of a property of a resource, found by its path below `properties`."""
    node = properties(of_kind(path, "resource")[resource].body)["properties"]
    for name in names:
        node = properties(node)[name]
    return text_of(node)


def test_role_ids_are_those_of_the_built_in_roles() -> None:
    known = json.loads((INFRA / "role-definitions.json").read_text(encoding="utf-8"))
    assert known == {name: id_ for name, (_, id_) in BUILT_IN_ROLES.items()}


@pytest.mark.skipif(not REFERENCE.is_file(), reason="the reference files are not beside the project")
def test_role_ids_agree_with_the_reference() -> None:
    rows = dict(
        re.findall(r"^\| ([A-Z][\w ]+?) \| ([0-9a-f-]{36}) \|", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert {title: rows[title] for title, _ in BUILT_IN_ROLES.values()} == dict(BUILT_IN_ROLES.values())


def test_roles_are_assigned_where_they_are_needed_and_nowhere_else() -> None:
    found = {}
    for name, one in assignments().items():
        given = properties(one.body)
        role = re.search(r"roles\.(\w+)\)$", text_of(properties(given["properties"])["roleDefinitionId"]))
        assert role is not None
        found[name] = (text_of(given["scope"]), role[1])
    assert found == SCOPES


@pytest.mark.parametrize("name", sorted(SCOPES))
def test_role_assignments_are_named_and_reasoned(name: str) -> None:
    given = properties(assignments()[name].body)
    inner = {key: text_of(node) for key, node in properties(given["properties"]).items()}
    scope, role = SCOPES[name]
    assert text_of(given["name"]) == f"guid({scope}.id, {inner['principalId']}, roles.{role})"
    assert inner["roleDefinitionId"].startswith("subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ")
    assert inner["principalType"] in {"'ServicePrincipal'", "operatorPrincipalType"}
    assert inner["description"].endswith(".'")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_file_asks_for_keys(path: Path) -> None:
    assert not re.search(
        r"\blist\w*\(|\.list\w*\(|getSecret\(|AccountKey=|SharedAccessKey", path.read_text(encoding="utf-8")
    )


def test_secrets_are_secure_go_into_the_vault_and_never_come_out() -> None:
    for path in TEMPLATES:
        inputs = of_kind(path, "param")
        secure = {name for name, one in inputs.items() if "secure" in one.decorators}
        suspicious = {
            name for name, one in inputs.items() if re.search(r"(?i)secret|password|(?<!public)key(?!vault)", name)
        }
        assert suspicious <= secure, path.name
        for name, one in of_kind(path, "output").items():
            assert not re.search(r"(?i)secret|password|connectionstring|instrumentationkey", one.text), name
            assert not any(re.search(rf"\b{taken}\b", text_of(one.value)) for taken in secure), name
    webhook = of_kind(module("key-vault"), "resource")["webhook"]
    assert text_of(properties(properties(webhook.body)["properties"])["value"]) == "webhookKey"
    others = [path for path in MODULES if path.stem != "key-vault"]
    assert not any("webhookKey" in path.read_text(encoding="utf-8") for path in others)


@pytest.mark.parametrize("path", PARAMETERS, ids=lambda path: path.name)
def test_parameter_files_hold_no_secret(path: Path) -> None:
    secure = {name for name, one in of_kind(MAIN, "param").items() if "secure" in one.decorators}
    given = of_kind(path, "var")
    for name in secure & set(given):
        assert text_of(given[name].value).startswith("readEnvironmentVariable("), name


def test_keys_are_off_everywhere_but_at_the_ingress() -> None:
    assert setting(module("storage"), "account", "allowSharedKeyAccess") == "false"
    assert setting(module("storage"), "account", "allowBlobPublicAccess") == "false"
    assert setting(module("work-queue"), "namespace", "disableLocalAuth") == "true"
    assert setting(module("inbox-queue"), "namespace", "disableLocalAuth") == "false"
    assert setting(module("monitoring"), "component", "DisableLocalAuth") == "true"
    assert setting(module("key-vault"), "vault", "enableRbacAuthorization") == "true"
    for name in ("noFtpPassword", "noScmPassword"):
        assert setting(module("function-app"), name, "allow") == "false"


def test_the_ingress_has_one_rule_which_may_send_and_one_queue() -> None:
    found = of_kind(module("inbox-queue"), "resource")
    kinds = [one.target.split("@")[0] for one in found.values()]
    assert kinds.count("Microsoft.ServiceBus/namespaces/queues") == 1
    rules = [one for one in found.values() if "authorizationRules" in one.target]
    assert len(rules) == 1
    assert text_of(properties(properties(rules[0].body)["properties"])["rights"]).split() == ["[", "'Send'", "]"]
    everywhere = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES)
    assert everywhere.count("/authorizationRules@") == 1


def test_only_tls_1_2_and_https() -> None:
    assert setting(module("storage"), "account", "minimumTlsVersion") == "'TLS1_2'"
    assert setting(module("storage"), "account", "supportsHttpsTrafficOnly") == "true"
    assert setting(module("work-queue"), "namespace", "minimumTlsVersion") == "'1.2'"
    assert setting(module("inbox-queue"), "namespace", "minimumTlsVersion") == "'1.2'"
    assert setting(module("function-app"), "site", "httpsOnly") == "true"
    assert setting(module("function-app"), "site", "siteConfig", "minTlsVersion") == "'1.2'"
    assert setting(module("function-app"), "site", "siteConfig", "ftpsState") == "'Disabled'"


def test_the_state_can_be_listed_in_order_and_brought_back() -> None:
    assert setting(module("storage"), "account", "isHnsEnabled") == "false"
    given = properties(properties(of_kind(MAIN, "module")["stateStorage"].body)["params"])
    assert text_of(given["versioned"]) == "true"
    assert text_of(given["softDeleteDays"]) == text_of(given["versionDays"]) == "stateRecoveryDays"
    container = text_of(given["containerName"]).strip("'")
    prefixes = re.findall(r"'([^']+)'", text_of(given["expiringPrefixes"]))
    assert prefixes == [f"{container}/runs/"]


def test_what_expires_is_where_the_runs_are_kept() -> None:
    assert Runs.__init__.__defaults__ == ("runs",)


def test_names_follow_the_abbreviations() -> None:
    known = json.loads((INFRA / "abbreviations.json").read_text(encoding="utf-8"))
    source = MAIN.read_text(encoding="utf-8")
    assert set(re.findall(r"\bnames\.(\w+)", source)) == set(known)
    named = {"name", "actionGroupName", "componentName", "planName", "workspaceName", "namePrefix"}
    for call in of_kind(MAIN, "module").values():
        given = properties(properties(call.body)["params"])
        for parameter in named & set(given):
            value = text_of(given[parameter])
            assert value.startswith("'${names.") or ".outputs." in value, f"{call.name}.{parameter}"


@pytest.mark.parametrize(
    ("abbreviation", "middle", "most"),
    [("storage", "p2chost", 24), ("storage", "p2cstate", 24), ("keyVault", "p2c-", 24), ("functionApp", "p2c-", 32)],
)
def test_names_are_short_enough(abbreviation: str, middle: str, most: int) -> None:
    known = json.loads((INFRA / "abbreviations.json").read_text(encoding="utf-8"))
    assert f"'${{names.{abbreviation}}}{middle}${{token}}'" in MAIN.read_text(encoding="utf-8")
    unique_string = 13
    assert len(known[abbreviation] + middle) + unique_string <= most


def test_everything_that_takes_tags_has_those_that_azd_looks_for() -> None:
    assert text_of(of_kind(MAIN, "var")["allTags"].value) == "union(tags, { 'azd-env-name': environmentName })"
    for call in of_kind(MAIN, "module").values():
        if "tags" in of_kind((INFRA / call.target), "param"):
            assert text_of(properties(properties(call.body)["params"])["tags"]) == "allTags", call.name
    for path in TEMPLATES:
        for one in of_kind(path, "resource").values():
            given = properties(one.body)
            if "location" in given:
                assert "tags" in text_of(given["tags"]).lower(), one.name


def test_regions_are_never_written_down() -> None:
    for path in TEMPLATES:
        for one in of_kind(path, "resource").values():
            location = properties(one.body).get("location")
            if location is not None:
                assert text_of(location) in {"location", "'global'"}, one.name


def test_flex_consumption_is_told_in_its_own_way() -> None:
    site = module("function-app")
    assert setting(site, "site", "functionAppConfig", "runtime", "name") == "'python'"
    assert setting(site, "site", "functionAppConfig", "deployment", "storage", "authentication", "type") == (
        "'UserAssignedIdentity'"
    )
    keys = {text_of(node) for node in walk(of_kind(site, "var")["baseSettings"].node) if node.type == "identifier"}
    replaced = {
        "FUNCTIONS_EXTENSION_VERSION",
        "FUNCTIONS_WORKER_RUNTIME",
        "SCM_DO_BUILD_DURING_DEPLOYMENT",
        "ENABLE_ORYX_BUILD",
        "WEBSITE_RUN_FROM_PACKAGE",
        "AzureWebJobsStorage",
    }
    assert keys & replaced == set()
