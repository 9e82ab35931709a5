metadata name = 'Storage account'
metadata description = 'One account without keys in use: the host has one (locks, deployment package), the state of the runs another.'

@description('Required. Name of the account: 3 to 24 small letters and digits.')
@minLength(3)
@maxLength(24)
param name string

@description('Required. Region.')
param location string

@description('Required. Tags.')
param tags object

@description('Required. Name of the one container that is made.')
param containerName string

@description('Optional. Redundancy of the account.')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_GZRS'
])
param skuName string = 'Standard_LRS'

@description('Optional. Keep the former versions of every blob, so that a damaged state can be put back.')
param versioned bool = false

@description('Optional. Days for which deleted blobs and containers can be brought back; 0 turns it off.')
@minValue(0)
@maxValue(365)
param softDeleteDays int = 7

@description('Optional. Days after which former versions go; used with versioning only.')
@minValue(1)
param versionDays int = 14

@description('Optional. Blob name prefixes (container first) whose blobs go by age. None: nothing goes by itself.')
param expiringPrefixes array = []

@description('Optional. Days after its last change at which a blob under an expiring prefix goes.')
@minValue(1)
param expiringDays int = 90

@description('Optional. Who reaches the account: Enabled, or Disabled behind private endpoints.')
@allowed([
  'Enabled'
  'Disabled'
])
param publicNetworkAccess string = 'Enabled'

var softDelete = softDeleteDays == 0 ? { enabled: false } : { enabled: true, days: softDeleteDays }

var expiryRules = [
  {
    name: 'expire-by-age'
    enabled: true
    type: 'Lifecycle'
    definition: {
      filters: {
        blobTypes: ['blockBlob']
        prefixMatch: expiringPrefixes
      }
      actions: {
        baseBlob: {
          delete: {
            daysAfterModificationGreaterThan: expiringDays
          }
        }
      }
    }
  }
]

var versionRules = [
  {
    name: 'drop-former-versions'
    enabled: true
    type: 'Lifecycle'
    definition: {
      filters: {
        blobTypes: ['blockBlob']
      }
      actions: {
        version: {
          delete: {
            daysAfterCreationGreaterThan: versionDays
          }
        }
      }
    }
  }
]

var rules = concat(empty(expiringPrefixes) ? [] : expiryRules, versioned ? versionRules : [])

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: skuName
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    // With a hierarchical namespace, listings are not in the order of the names, and the ledger is read in that order.
    isHnsEnabled: false
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: publicNetworkAccess
    supportsHttpsTrafficOnly: true
    networkAcls: {
      bypass: 'None'
      defaultAction: publicNetworkAccess == 'Enabled' ? 'Allow' : 'Deny'
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: versioned
    deleteRetentionPolicy: softDelete
    containerDeleteRetentionPolicy: softDelete
  }
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: blobs
  name: containerName
  properties: {
    publicAccess: 'None'
  }
}

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-01-01' = if (!empty(rules)) {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: rules
    }
  }
  // A rule about versions is refused while versioning is off.
  dependsOn: [
    blobs
  ]
}

@description('Name of the account.')
output name string = account.name

@description('Name of the container.')
output containerName string = container.name

@description('Address of the container.')
output containerUrl string = '${account.properties.primaryEndpoints.blob}${container.name}'
