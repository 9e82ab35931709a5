metadata name = 'Identity'
metadata description = 'The identity that the app signs in with everywhere: storage, Service Bus, telemetry, Sales, and Finance and Operations.'

@description('Required. Name of the identity.')
param name string

@description('Required. Region.')
param location string

@description('Required. Tags.')
param tags object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('Resource id, for the resources that use the identity.')
output id string = identity.id

@description('Application (client) id: what a person registers in Dataverse and in Finance and Operations.')
output clientId string = identity.properties.clientId

@description('Object id, for role assignments and federated credentials.')
output principalId string = identity.properties.principalId
