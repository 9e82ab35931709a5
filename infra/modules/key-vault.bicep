metadata name = 'Key Vault'
metadata description = 'For the few secrets that no identity can replace: the key of the webhooks, a client secret, what Finance and Operations needs for its endpoint.'

@description('Required. Name of the vault.')
param name string

@description('Required. Region.')
param location string

@description('Required. Tags.')
param tags object

@description('Required. Resource id of the Log Analytics workspace for its audit log.')
param workspaceId string

@description('Required. Object id of the app\'s identity.')
param principalId string

@description('Optional. Key that callers of the webhooks must show. Empty: the secret is not touched.')
@secure()
param webhookKey string = ''

@description('Optional. Nobody can purge the vault before its days of soft delete are over. Once on, it stays on.')
param purgeProtection bool = true

@description('Optional. Who reaches the vault: Enabled, or Disabled behind a private endpoint.')
@allowed([
  'Enabled'
  'Disabled'
])
param publicNetworkAccess string = 'Enabled'

var roles = loadJsonContent('../role-definitions.json')

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    enablePurgeProtection: purgeProtection ? true : null
    softDeleteRetentionInDays: 90
    publicNetworkAccess: publicNetworkAccess
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: publicNetworkAccess == 'Enabled' ? 'Allow' : 'Deny'
    }
  }
}

resource webhook 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = if (!empty(webhookKey)) {
  parent: vault
  name: 'webhook-key'
  properties: {
    value: webhookKey
    contentType: 'text/plain'
  }
}

resource reader 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, principalId, roles.keyVaultSecretsUser)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)
    description: 'App settings refer to secrets of this vault, which holds p2c\'s secrets and no others.'
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'audit'
        enabled: true
      }
    ]
  }
}

@description('Name of the vault.')
output name string = vault.name

@description('Address of the vault, for references to its secrets.')
output uri string = vault.properties.vaultUri
