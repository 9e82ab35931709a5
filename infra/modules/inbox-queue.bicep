metadata name = 'Ingress queue'
metadata description = 'The namespace that Dataverse and Finance and Operations send to. They can only sign in with a shared key, so keys are on here, and nothing else lives here.'

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

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: 'Standard'
    tier: 'Standard'
  }
  properties: {
    // The senders have no other way to sign in. That is why the lanes have a namespace of their own.
    disableLocalAuth: false
    minimumTlsVersion: '1.2'
    publicNetworkAccess: 'Enabled'
  }
}

resource queue 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = {
  parent: namespace
  name: queueName
  properties: {
    // Dataverse sets no session id, and what it puts into the message id is not documented.
    requiresSession: false
    requiresDuplicateDetection: false
    lockDuration: 'PT1M'
    maxDeliveryCount: maxDeliveries
    defaultMessageTimeToLive: 'P14D'
    deadLetteringOnMessageExpiration: true
    // Messages of Dataverse have up to 192 KB: this is room for days without a receiver.
    maxSizeInMegabytes: 5120
    enablePartitioning: false
  }
}

resource sendOnly 'Microsoft.ServiceBus/namespaces/queues/authorizationRules@2024-01-01' = {
  parent: queue
  name: 'senders'
  properties: {
    rights: [
      'Send'
    ]
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

@description('Name of the rule whose key the senders get. The key itself is read by a person, never by a deployment.')
output sendRuleName string = sendOnly.name
