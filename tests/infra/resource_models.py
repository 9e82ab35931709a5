"""What properties a resource has: from Microsoft's management libraries, where these carry the type.

The libraries know the newest API version, so a name that is missing there is wrong in ours, too, as far as anything on
one machine can tell; the compiler in the delivery workflow has the last word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from types import ModuleType
from typing import Any

import azure.mgmt.keyvault.models as keyvault
import azure.mgmt.loganalytics.models as loganalytics
import azure.mgmt.monitor.models as monitor
import azure.mgmt.servicebus.models as servicebus
import azure.mgmt.storage.models as storage
import azure.mgmt.web.models as web

MODELS: dict[str, type[Any]] = {
    "Microsoft.Insights/actionGroups": monitor.ActionGroupResource,
    "Microsoft.Insights/metricAlerts": monitor.MetricAlertResource,
    "Microsoft.Insights/scheduledQueryRules": monitor.ScheduledQueryRuleResource,
    "Microsoft.KeyVault/vaults": keyvault.Vault,
    "Microsoft.KeyVault/vaults/secrets": keyvault.Secret,
    "Microsoft.OperationalInsights/workspaces": loganalytics.Workspace,
    "Microsoft.ServiceBus/namespaces": servicebus.SBNamespace,
    "Microsoft.ServiceBus/namespaces/queues": servicebus.SBQueue,
    "Microsoft.ServiceBus/namespaces/queues/authorizationRules": servicebus.SBAuthorizationRule,
    "Microsoft.Storage/storageAccounts": storage.StorageAccountCreateParameters,
    "Microsoft.Storage/storageAccounts/blobServices": storage.BlobServiceProperties,
    "Microsoft.Storage/storageAccounts/blobServices/containers": storage.BlobContainer,
    "Microsoft.Storage/storageAccounts/managementPolicies": storage.ManagementPolicy,
    "Microsoft.Web/serverfarms": web.AppServicePlan,
    "Microsoft.Web/sites": web.Site,
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": web.CsmPublishingCredentialsPoliciesEntity,
}
"""The model of each resource type that a library carries. Lacking there: see `LISTED`."""

LISTED: dict[str, frozenset[str]] = {
    "Microsoft.Authorization/roleAssignments": frozenset(
        {"condition", "conditionVersion", "description", "principalId", "principalType", "roleDefinitionId"}
    ),
    "Microsoft.Insights/components": frozenset(
        {"Application_Type", "DisableLocalAuth", "IngestionMode", "RetentionInDays", "WorkspaceResourceId"}
    ),
    "Microsoft.Insights/diagnosticSettings": frozenset({"logs", "metrics", "workspaceId"}),
    "Microsoft.ManagedIdentity/userAssignedIdentities": frozenset(),
    "Microsoft.Resources/resourceGroups": frozenset(),
}
"""The members of `properties` of the small types that no light library has."""

OF_BICEP = frozenset(
    {"name", "location", "tags", "parent", "scope", "dependsOn", "sku", "kind", "identity", "properties"}
)
"""Members of a resource that are the language's, or every resource's."""


def auth_settings() -> type[Any]:
    """The model of `sites/config` named `authsettingsV2`."""
    return web.SiteAuthSettingsV2


def members(model: type[Any]) -> dict[str, str]:
    """The members of a model by their name on the wire (dotted where the library flattens), each with its type's text.

    A model stands for its subclasses, too: which one it is, the data say.
    """
    found: dict[str, str] = {}
    for one in (model, *_descendants(model)):
        if hasattr(one, "_attribute_map"):
            found |= {entry["key"].replace("\\.", "\0"): entry["type"] for entry in one._attribute_map.values()}
        else:
            found |= dict(_fields(one))
    return found


def _descendants(model: type[Any]) -> Iterable[type[Any]]:
    for one in model.__subclasses__():
        yield one
        yield from _descendants(one)


def _fields(model: type[Any]) -> Iterable[tuple[str, str]]:
    for base in reversed(model.__mro__):
        for name, annotation in vars(base).get("__annotations__", {}).items():
            declared: Any = vars(base).get(name)
            if type(declared).__name__ == "_RestField":
                yield declared._rest_name_input or name, str(annotation)


def model_of(model: type[Any], described: str) -> type[Any] | None:
    """The model that a member's type names, None for a plain value or a free map."""
    library: ModuleType = _LIBRARIES[model.__module__.split(".")[2]]
    if described.startswith("{") or "Dict[" in described or "dict[" in described:
        return None
    for word in re.findall(r"\w+", described):
        found = getattr(library, word, None)
        if isinstance(found, type) and not issubclass(found, Enum):
            return found
    return None


_LIBRARIES: dict[str, ModuleType] = {
    "keyvault": keyvault,
    "loganalytics": loganalytics,
    "monitor": monitor,
    "servicebus": servicebus,
    "storage": storage,
    "web": web,
}
