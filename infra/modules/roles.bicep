metadata name = 'Role assignments'
metadata description = 'What the app may do in Azure, each at the narrowest scope that works, with the reason in the assignment itself. The Key Vault, which is optional, brings its own.'

@description('Required. Object id of the app\'s identity.')
param principalId string

@description('Required. Name of the storage account of the host.')
param hostAccountName string

@description('Required. Name of the storage account of the state.')
param stateAccountName string

@description('Required. Name of the container of the state.')
param stateContainerName string

@description('Required. Name of the internal Service Bus namespace.')
param workNamespaceName string

@description('Required. Name of the queue of the lanes.')
param workQueueName string

@description('Required. Name of the ingress Service Bus namespace.')
param inboxNamespaceName string

@description('Required. Name of the ingress queue.')
param inboxQueueName string

@description('Required. Name of the Application Insights component.')
param componentName string

@description('Optional. Object id of a person or group that operates p2c from the command line; empty for nobody.')
param operatorPrincipalId string = ''

@description('Optional. What the operator is.')
@allowed([
  'User'
  'Group'
])
param operatorPrincipalType string = 'Group'

var roles = loadJsonContent('../role-definitions.json')

resource hostAccount 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: hostAccountName
}

resource stateAccount 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: stateAccountName
}

resource stateBlobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' existing = {
  parent: stateAccount
  name: 'default'
}

resource stateContainer 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' existing = {
  parent: stateBlobs
  name: stateContainerName
}

resource workNamespace 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = {
  name: workNamespaceName
}

resource workQueue 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' existing = {
  parent: workNamespace
  name: workQueueName
}

resource inboxNamespace 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = {
  name: inboxNamespaceName
}

resource inboxQueue 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' existing = {
  parent: inboxNamespace
  name: inboxQueueName
}

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

resource hostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: hostAccount
  name: guid(hostAccount.id, principalId, roles.storageBlobDataOwner)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataOwner)
    description: 'The host makes its own containers here (locks of the timers, keys of the functions) and reads the deployment package.'
  }
}

resource hostTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: hostAccount
  name: guid(hostAccount.id, principalId, roles.storageTableDataContributor)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageTableDataContributor)
    description: 'The host writes its diagnostic events to a table of its own making.'
  }
}

resource state 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: stateContainer
  name: guid(stateContainer.id, principalId, roles.storageBlobDataContributor)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataContributor)
    description: 'Runs read and write their state and lease lanes, in this container only.'
  }
}

// Data Owner would let the platform count the messages and add several instances at once; it would let the app delete the
// queue as well. With these two the platform looks at the first message and adds one instance at a time: docs/scale.md.
resource workReceiver 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: workQueue
  name: guid(workQueue.id, principalId, roles.serviceBusDataReceiver)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataReceiver)
    description: 'The work function takes the messages of the lanes.'
  }
}

resource workSender 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: workQueue
  name: guid(workQueue.id, principalId, roles.serviceBusDataSender)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataSender)
    description: 'Timers, HTTP, the inbox and slices put messages into the lanes.'
  }
}

resource inboxReceiver 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: inboxQueue
  name: guid(inboxQueue.id, principalId, roles.serviceBusDataReceiver)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataReceiver)
    description: 'The inbox function takes what Dataverse and Finance and Operations sent, from the systems themselves or by webhook.'
  }
}

resource inboxSender 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: inboxQueue
  name: guid(inboxQueue.id, principalId, roles.serviceBusDataSender)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataSender)
    description: 'The webhooks put what they were sent into the inbox and answer at once; a replay puts a poisoned message back.'
  }
}

resource telemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: component
  name: guid(component.id, principalId, roles.monitoringMetricsPublisher)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.monitoringMetricsPublisher)
    description: 'The component takes telemetry from identities only.'
  }
}

resource operatorState 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorPrincipalId)) {
  scope: stateContainer
  name: guid(stateContainer.id, operatorPrincipalId, roles.storageBlobDataContributor)
  properties: {
    principalId: operatorPrincipalId
    principalType: operatorPrincipalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataContributor)
    description: 'Operators look at runs and replay dead letters from the command line, which leases the lane.'
  }
}
