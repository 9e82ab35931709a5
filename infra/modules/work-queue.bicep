metadata name = 'Internal queue'
metadata description = 'The namespace that only p2c itself uses: one queue whose sessions are the lanes. No keys: identities only.'

@description('Required. Name of the namespace.')
param name string

@description('Required. Region.')
param location string

@description('Required. Tags.')
param tags object

@description('Required. Name of the queue.')
param queueName string

@description('Required. How often a message is delivered before it is dead-lettered.')
@minValue(1)
@maxValue(2000)
param maxDeliveries int

@description('Required. Resource id of the Log Analytics workspace for its logs and metrics.')
param workspaceId string

@description('Optional. Who reaches the namespace. Disabled (private endpoints) needs the Premium tier.')
@allowed([
  'Enabled'
  'Disabled'
])
param publicNetworkAccess string = 'Enabled'

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    // Basic has neither sessions nor duplicate detection.
    name: 'Standard'
    tier: 'Standard'
  }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: publicNetworkAccess
  }
}

resource queue 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = {
  parent: namespace
  name: queueName
  properties: {
    // These two are fixed when the queue is made: changing either means another queue.
    requiresSession: true
    requiresDuplicateDetection: true
    duplicateDetectionHistoryTimeWindow: 'PT1H'
    // How long a lane stays shut after its instance died; while one lives, the host renews the lock.
    lockDuration: 'PT1M'
    // A message that always fails blocks its lane until it is dead-lettered.
    maxDeliveryCount: maxDeliveries
    defaultMessageTimeToLive: 'P14D'
    deadLetteringOnMessageExpiration: true
    maxSizeInMegabytes: 1024
    enablePartitioning: false
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: namespace
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
    metrics: [
      {
        category: 'AllMetrics'
        enabled: true
      }
    ]
  }
}

@description('Resource id of the namespace, for its alerts.')
output id string = namespace.id

@description('Name of the namespace.')
output name string = namespace.name

@description('Host name of the namespace, as identity-based connections want it.')
output host string = split(split(namespace.properties.serviceBusEndpoint, '/')[2], ':')[0]

@description('Name of the queue.')
output queueName string = queue.name
