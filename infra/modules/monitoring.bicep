metadata name = 'Monitoring'
metadata description = 'Log Analytics workspace and the Application Insights component on it. Telemetry is accepted from identities only.'

@description('Required. Name of the workspace.')
param workspaceName string

@description('Required. Name of the Application Insights component.')
param componentName string

@description('Required. Region.')
param location string

@description('Required. Tags.')
param tags object

@description('Optional. Days for which logs are kept.')
@minValue(30)
@maxValue(730)
param retentionDays int = 30

@description('Optional. Most gigabytes of logs that are taken in a day, so that a fault cannot cost without limit; -1 is no limit.')
@minValue(-1)
param dailyQuotaGb int = 5

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    retentionInDays: retentionDays
    sku: {
      name: 'PerGB2018'
    }
    features: {
      // Who may read a resource may read its logs.
      enableLogAccessUsingOnlyResourcePermissions: true
    }
    workspaceCapping: {
      dailyQuotaGb: dailyQuotaGb
    }
  }
}

resource component 'Microsoft.Insights/components@2020-02-02' = {
  name: componentName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
    IngestionMode: 'LogAnalytics'
  }
}

@description('Resource id of the workspace.')
output workspaceId string = workspace.id

@description('Name of the component.')
output componentName string = component.name
