metadata name = 'p2c'
metadata description = 'Everything that p2c needs in Azure, in one resource group: a Flex Consumption function app with an identity of its own, state, queues, telemetry and alerts.'

targetScope = 'subscription'

@description('Required. Name of this environment (dev, test, prod, a customer): part of the names of all resources.')
@minLength(1)
@maxLength(32)
param environmentName string

@description('Required. Region, one that offers Flex Consumption.')
@minLength(1)
param location string

@description('Required. Address of the Sales environment, for example https://contoso.crm.dynamics.com.')
@minLength(9)
param salesUrl string

@description('Required. Address of the Finance and Operations environment, for example https://contoso.operations.dynamics.com.')
@minLength(9)
param finopsUrl string

@description('Optional. Name of the resource group; empty: made of the environment\'s name.')
param resourceGroupName string = ''

@description('Optional. Tags for every resource, besides azd\'s.')
param tags object = {}

@description('Optional. Path of the project file in the deployment package.')
param projectFile string = 'p2c.json'

@description('Optional. How to sign in to Sales. With clientSecret, put the secret sales-client-secret into the Key Vault.')
@allowed([
  'managedIdentity'
  'workloadIdentity'
  'clientSecret'
])
param salesAuthKind string = 'managedIdentity'

@description('Optional. Tenant of the app registration for Sales; empty: the subscription\'s.')
param salesAuthTenantId string = ''

@description('Optional. Client id of the app registration for Sales; empty: the app\'s own identity.')
param salesAuthClientId string = ''

@description('Optional. How to sign in to Finance and Operations. With clientSecret, put the secret finops-client-secret into the Key Vault.')
@allowed([
  'managedIdentity'
  'workloadIdentity'
  'clientSecret'
])
param finopsAuthKind string = 'managedIdentity'

@description('Optional. Tenant of the app registration for Finance and Operations; empty: the subscription\'s.')
param finopsAuthTenantId string = ''

@description('Optional. Client id of the app registration for Finance and Operations; empty: the app\'s own identity.')
param finopsAuthClientId string = ''

@description('Optional. NCRONTAB schedules (six fields, UTC) that differ from the templates\' own, by template id.')
param schedules object = {}

@description('Optional. Seconds that a slice of a run lasts before it hands the lane on.')
@minValue(5)
@maxValue(300)
param sliceSeconds int = 30

@description('Optional. How often a message is delivered before it is dead-lettered.')
@minValue(1)
@maxValue(2000)
param maxDeliveries int = 10

@description('Optional. Make a Key Vault. One is made in any case when a webhook key or a client secret asks for it.')
param keyVaultEnabled bool = false

@description('Optional. Nobody can purge the Key Vault before its 90 days of soft delete are over. Once on, it stays on.')
param keyVaultPurgeProtection bool = true

@description('Optional. Key that callers of the webhooks must show; it goes into the Key Vault. Empty: the webhooks refuse every call.')
@secure()
param webhookKey string = ''

@description('Optional. Client id of the app registration that callers sign in to; empty: no Easy Auth, function keys instead.')
param easyAuthClientId string = ''

@description('Optional. Client ids of the applications that may call; empty: any that was given a role.')
param easyAuthAllowedApplications array = []

@description('Optional. Version of Python.')
@allowed([
  '3.11'
  '3.12'
  '3.13'
])
param pythonVersion string = '3.13'

@description('Optional. Memory of an instance in MB.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int = 2048

@description('Optional. Most instances; 40 is the least that Flex Consumption takes.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Optional. Instances that are always ready for HTTP calls.')
@minValue(0)
@maxValue(10)
param alwaysReadyHttp int = 0

@description('Optional. Spread the instances over the zones of the region. Two instances of each function are then always ready, and paid for: docs/scale.md.')
param zoneRedundant bool = false

@description('Optional. Keep storage in three zones of the region. Choose it before the first deployment: accounts are not converted.')
param zoneRedundantStorage bool = false

@description('Optional. Resource id of a subnet delegated to Microsoft.App/environments; empty: no network of one\'s own.')
param subnetId string = ''

@description('Optional. More settings of the app, by name: P2C_FULL_EVERY_HOURS, P2C_PAGE_SIZE, P2C_ENTITIES and their like (docs/project.md). Those that are set here by themselves win. No secrets.')
param moreSettings object = {}

@description('Optional. Days after which the records of runs go.')
@minValue(7)
param runRetentionDays int = 90

@description('Optional. Days for which deleted or overwritten state can be brought back.')
@minValue(1)
@maxValue(365)
param stateRecoveryDays int = 14

@description('Optional. Days for which logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('Optional. Most gigabytes of logs in a day; -1 is no limit.')
@minValue(-1)
param logDailyQuotaGb int = 5

@description('Optional. Who gets the alerts by mail. Nobody: the alerts show in the portal only.')
param alertEmails array = []

@description('Optional. Ids of the templates that must run, the project\'s own included, without those that it does not use; empty: all of the package.')
param watchedTemplates array = []

@description('Optional. Hours without a successful run after which a template counts as stuck.')
@allowed([
  1
  2
  3
  4
  5
  6
  24
])
param stuckHours int = 2

@description('Optional. Object id of a person or group that operates p2c from the command line; empty for nobody.')
param operatorPrincipalId string = ''

@description('Optional. What the operator is.')
@allowed([
  'User'
  'Group'
])
param operatorPrincipalType string = 'Group'

var names = loadJsonContent('abbreviations.json')
var standardSchedules = loadJsonContent('schedules.json')
var allSchedules = union(standardSchedules, schedules)
var watched = empty(watchedTemplates) ? objectKeys(standardSchedules) : watchedTemplates
var allTags = union(tags, { 'azd-env-name': environmentName })
var token = toLower(uniqueString(subscription().id, environmentName, location))
var workQueueName = 'p2c-work'
var inboxQueueName = 'p2c-inbox'
var storageSku = zoneRedundantStorage ? 'Standard_ZRS' : 'Standard_LRS'
var secretsNeeded = salesAuthKind == 'clientSecret' || finopsAuthKind == 'clientSecret'
var webhooksEnabled = !empty(webhookKey)
var vaultNeeded = keyVaultEnabled || webhooksEnabled || secretsNeeded

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: empty(resourceGroupName) ? '${names.resourceGroup}p2c-${environmentName}' : resourceGroupName
  location: location
  tags: allTags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: '${names.userAssignedIdentity}p2c-${token}'
    location: location
    tags: allTags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    workspaceName: '${names.workspace}p2c-${token}'
    componentName: '${names.applicationInsights}p2c-${token}'
    location: location
    tags: allTags
    retentionDays: logRetentionDays
    dailyQuotaGb: logDailyQuotaGb
  }
}

module hostStorage 'modules/storage.bicep' = {
  name: 'host-storage'
  scope: group
  params: {
    name: '${names.storage}p2chost${token}'
    location: location
    tags: allTags
    skuName: storageSku
    containerName: 'app-package'
  }
}

module stateStorage 'modules/storage.bicep' = {
  name: 'state-storage'
  scope: group
  params: {
    name: '${names.storage}p2cstate${token}'
    location: location
    tags: allTags
    skuName: storageSku
    containerName: 'state'
    versioned: true
    versionDays: stateRecoveryDays
    softDeleteDays: stateRecoveryDays
    // Records of runs are for reading back; checkpoints, ledger and what waits stay until p2c removes them.
    expiringPrefixes: [
      'state/runs/'
    ]
    expiringDays: runRetentionDays
  }
}

module work 'modules/work-queue.bicep' = {
  name: 'work-queue'
  scope: group
  params: {
    name: '${names.serviceBus}p2c-work-${token}'
    location: location
    tags: allTags
    queueName: workQueueName
    maxDeliveries: maxDeliveries
    workspaceId: monitoring.outputs.workspaceId
  }
}

module inbox 'modules/inbox-queue.bicep' = {
  name: 'inbox-queue'
  scope: group
  params: {
    name: '${names.serviceBus}p2c-inbox-${token}'
    location: location
    tags: allTags
    queueName: inboxQueueName
    maxDeliveries: maxDeliveries
    workspaceId: monitoring.outputs.workspaceId
  }
}

module keyVault 'modules/key-vault.bicep' = if (vaultNeeded) {
  name: 'key-vault'
  scope: group
  params: {
    name: '${names.keyVault}p2c-${token}'
    location: location
    tags: allTags
    principalId: identity.outputs.principalId
    webhookKey: webhookKey
    purgeProtection: keyVaultPurgeProtection
    workspaceId: monitoring.outputs.workspaceId
  }
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    principalId: identity.outputs.principalId
    hostAccountName: hostStorage.outputs.name
    stateAccountName: stateStorage.outputs.name
    stateContainerName: stateStorage.outputs.containerName
    workNamespaceName: work.outputs.name
    workQueueName: work.outputs.queueName
    inboxNamespaceName: inbox.outputs.name
    inboxQueueName: inbox.outputs.queueName
    componentName: monitoring.outputs.componentName
    operatorPrincipalId: operatorPrincipalId
    operatorPrincipalType: operatorPrincipalType
  }
}

module app 'modules/function-app.bicep' = {
  name: 'function-app'
  scope: group
  params: {
    name: '${names.functionApp}p2c-${token}'
    planName: '${names.plan}p2c-${token}'
    location: location
    tags: allTags
    serviceName: 'p2c'
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    hostAccountName: hostStorage.outputs.name
    packageContainerUrl: hostStorage.outputs.containerUrl
    stateContainerUrl: stateStorage.outputs.containerUrl
    workHost: work.outputs.host
    workQueueName: work.outputs.queueName
    inboxHost: inbox.outputs.host
    inboxQueueName: inbox.outputs.queueName
    maxDeliveries: maxDeliveries
    componentName: monitoring.outputs.componentName
    salesUrl: salesUrl
    finopsUrl: finopsUrl
    salesAuth: {
      kind: salesAuthKind
      tenantId: salesAuthTenantId
      clientId: salesAuthClientId
      secretName: 'sales-client-secret'
    }
    finopsAuth: {
      kind: finopsAuthKind
      tenantId: finopsAuthTenantId
      clientId: finopsAuthClientId
      secretName: 'finops-client-secret'
    }
    schedules: allSchedules
    projectFile: projectFile
    sliceSeconds: sliceSeconds
    moreSettings: moreSettings
    keyVaultUri: vaultNeeded ? keyVault!.outputs.uri : ''
    webhooksEnabled: webhooksEnabled
    easyAuthClientId: easyAuthClientId
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyHttp: alwaysReadyHttp
    zoneRedundant: zoneRedundant
    subnetId: subnetId
  }
  // Roles take a while to reach the data services: the app starts after they were given.
  dependsOn: [
    roles
  ]
}

module easyAuth 'modules/easy-auth.bicep' = if (!empty(easyAuthClientId)) {
  name: 'easy-auth'
  scope: group
  params: {
    siteName: app.outputs.name
    clientId: easyAuthClientId
    allowedApplications: easyAuthAllowedApplications
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    namePrefix: '${names.alert}p2c-${environmentName}-'
    actionGroupName: '${names.actionGroup}p2c-${token}'
    location: location
    tags: allTags
    workspaceId: monitoring.outputs.workspaceId
    workNamespaceId: work.outputs.id
    inboxNamespaceId: inbox.outputs.id
    workQueueName: workQueueName
    inboxQueueName: inboxQueueName
    templates: watched
    emails: alertEmails
    stuckHours: stuckHours
  }
}

@description('Name of the resource group.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Name of the function app, for publishing with Core Tools.')
output P2C_APP_NAME string = app.outputs.name

@description('Address of the function app.')
output P2C_APP_URL string = app.outputs.url

@description('Client id of the app\'s identity: register it in Dataverse and in Finance and Operations.')
output P2C_IDENTITY_CLIENT_ID string = identity.outputs.clientId

@description('Object id of the app\'s identity: the subject of federated credentials.')
output P2C_IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId

@description('Address of the container of the state, for the command line (P2C_STATE).')
output P2C_STATE string = stateStorage.outputs.containerUrl

@description('Name of the ingress namespace.')
output P2C_INBOX_NAMESPACE string = inbox.outputs.name

@description('Name of the ingress queue.')
output P2C_INBOX_QUEUE string = inbox.outputs.queueName

@description('Name of the rule whose key Dataverse, and Finance and Operations get.')
output P2C_INBOX_SEND_RULE string = inbox.outputs.sendRuleName

@description('Name of the Key Vault; empty when there is none.')
output P2C_KEY_VAULT string = vaultNeeded ? keyVault!.outputs.name : ''
