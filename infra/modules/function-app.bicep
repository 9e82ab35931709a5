metadata name = 'Function app'
metadata description = 'Flex Consumption plan, the site and its app settings: this module is the one owner of the settings.'

@description('Required. Name of the app. Its first 32 characters are the host id, which must be the app\'s own.')
@maxLength(32)
param name string

@description('Required. Name of the plan.')
param planName string

@description('Required. Region.')
param location string

@description('Required. Tags.')
param tags object

@description('Required. Name of the service in azure.yaml, by which azd finds the app.')
param serviceName string

@description('Required. Resource id of the app\'s identity.')
param identityId string

@description('Required. Client id of the app\'s identity.')
param identityClientId string

@description('Required. Name of the storage account of the host.')
param hostAccountName string

@description('Required. Address of the container of deployment packages.')
param packageContainerUrl string

@description('Required. Address of the container of the state.')
param stateContainerUrl string

@description('Required. Host name of the internal Service Bus namespace.')
param workHost string

@description('Required. Name of the queue of the lanes.')
param workQueueName string

@description('Required. Host name of the ingress Service Bus namespace.')
param inboxHost string

@description('Required. Name of the ingress queue.')
param inboxQueueName string

@description('Required. How often the queues deliver a message before they dead-letter it.')
param maxDeliveries int

@description('Required. Name of the Application Insights component.')
param componentName string

@description('Required. Address of the Sales environment.')
param salesUrl string

@description('Required. Address of the Finance and Operations environment.')
param finopsUrl string

@description('Required. How to sign in to Sales: kind, tenantId, clientId, secretName.')
param salesAuth object

@description('Required. How to sign in to Finance and Operations: kind, tenantId, clientId, secretName.')
param finopsAuth object

@description('Required. NCRONTAB schedule (six fields, UTC) of each template, by its id.')
param schedules object

@description('Optional. Path of the project file in the deployment package.')
param projectFile string = 'p2c.json'

@description('Optional. Seconds that a slice of a run lasts.')
@minValue(5)
@maxValue(300)
param sliceSeconds int = 30

@description('Required. More settings of the app, by name; those that are set here by themselves win.')
param moreSettings object

@description('Optional. Address of the Key Vault, with a slash at its end; empty when there is none.')
param keyVaultUri string = ''

@description('Optional. Take the key of the webhooks from the vault. Without one, the webhooks refuse every call.')
param webhooksEnabled bool = false

@description('Optional. Client id of the app registration that callers sign in to; empty: no Easy Auth, function keys instead.')
param easyAuthClientId string = ''

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

@description('Optional. Most instances. What really limits p2c is what one user may ask of the two systems.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Optional. Instances that are always ready for HTTP calls; 0 costs nothing while nobody calls.')
@minValue(0)
@maxValue(10)
param alwaysReadyHttp int = 0

@description('Optional. Spread the instances over the zones of the region.')
param zoneRedundant bool = false

@description('Optional. Resource id of a subnet delegated to Microsoft.App/environments; empty: no network of one\'s own.')
param subnetId string = ''

var webhookReference = '@Microsoft.KeyVault(SecretUri=${keyVaultUri}secrets/webhook-key)'
var salesSecretReference = '@Microsoft.KeyVault(SecretUri=${keyVaultUri}secrets/${salesAuth.secretName})'
var finopsSecretReference = '@Microsoft.KeyVault(SecretUri=${keyVaultUri}secrets/${finopsAuth.secretName})'
var alwaysReady = alwaysReadyHttp == 0 ? [] : [
  {
    name: 'http'
    instanceCount: alwaysReadyHttp
  }
]

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource site 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': serviceName })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    publicNetworkAccess: 'Enabled'
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      alwaysOn: false
      ftpsState: 'Disabled'
      http20Enabled: true
      minTlsVersion: '1.2'
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: pythonVersion
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReady
      }
    }
  }
}

resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: site
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource noScmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: site
  name: 'scm'
  properties: {
    allow: false
  }
}

// The host goes into error when a setting that a trigger names is missing, so every one of them is here.
var baseSettings = {
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  APPLICATIONINSIGHTS_CONNECTION_STRING: component.properties.ConnectionString
  AZURE_CLIENT_ID: identityClientId
  AzureWebJobsStorage__accountName: hostAccountName
  AzureWebJobsStorage__clientId: identityClientId
  AzureWebJobsStorage__credential: 'managedidentity'
  P2C_EASY_AUTH: empty(easyAuthClientId) ? 'off' : 'on'
  P2C_FINOPS__AUTH__CLIENT_ID: empty(finopsAuth.clientId) ? identityClientId : finopsAuth.clientId
  P2C_FINOPS__AUTH__KIND: finopsAuth.kind
  P2C_FINOPS__AUTH__TENANT_ID: empty(finopsAuth.tenantId) ? tenant().tenantId : finopsAuth.tenantId
  P2C_FINOPS__URL: finopsUrl
  P2C_INBOX__clientId: identityClientId
  P2C_INBOX__credential: 'managedidentity'
  P2C_INBOX__fullyQualifiedNamespace: inboxHost
  P2C_INBOX_QUEUE: inboxQueueName
  P2C_MAX_DELIVERIES: string(maxDeliveries)
  P2C_PROJECT: projectFile
  P2C_PUBLIC_URL: 'https://${site.properties.defaultHostName}'
  P2C_SALES__AUTH__CLIENT_ID: empty(salesAuth.clientId) ? identityClientId : salesAuth.clientId
  P2C_SALES__AUTH__KIND: salesAuth.kind
  P2C_SALES__AUTH__TENANT_ID: empty(salesAuth.tenantId) ? tenant().tenantId : salesAuth.tenantId
  P2C_SALES__URL: salesUrl
  P2C_SCHEDULE_ACCOUNTS: schedules.accounts
  P2C_SCHEDULE_CONTACTS: schedules.contacts
  P2C_SCHEDULE_CONTACTS_TO_CUSTOMERS: schedules['contacts-to-customers']
  P2C_SCHEDULE_INVOICES: schedules.invoices
  P2C_SCHEDULE_ORDERS_TO_FINOPS: schedules['orders-to-finops']
  P2C_SCHEDULE_ORDERS_TO_SALES: schedules['orders-to-sales']
  P2C_SCHEDULE_PRODUCTS: schedules.products
  P2C_SCHEDULE_QUOTES: schedules.quotes
  P2C_SLICE_SECONDS: string(sliceSeconds)
  P2C_STATE: stateContainerUrl
  P2C_STATE_AUTH__CLIENT_ID: identityClientId
  P2C_STATE_AUTH__KIND: 'managedIdentity'
  P2C_WORK__clientId: identityClientId
  P2C_WORK__credential: 'managedidentity'
  P2C_WORK__fullyQualifiedNamespace: workHost
  P2C_WORK_QUEUE: workQueueName
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
}

var webhookSettings = webhooksEnabled ? { P2C_WEBHOOK_KEY: webhookReference } : {}
var salesSecretSettings = salesAuth.kind == 'clientSecret' ? { P2C_SALES__AUTH__CLIENT_SECRET: salesSecretReference } : {}
var finopsSecretSettings = finopsAuth.kind == 'clientSecret' ? { P2C_FINOPS__AUTH__CLIENT_SECRET: finopsSecretReference } : {}
var easyAuthSettings = empty(easyAuthClientId) ? {} : {
  // The identity stands in for a secret of the app registration: it is a federated credential there.
  OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identityClientId
  WEBSITE_AUTH_AAD_ALLOWED_TENANTS: tenant().tenantId
}

resource settings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: site
  name: 'appsettings'
  properties: union(moreSettings, baseSettings, webhookSettings, salesSecretSettings, finopsSecretSettings, easyAuthSettings)
}

@description('Name of the app.')
output name string = site.name

@description('Address of the app.')
output url string = 'https://${site.properties.defaultHostName}'
