using '../main.bicep'

// Production: storage in three zones, an instance that is always ready for calls, longer memory. Alert addresses and Easy Auth are
// not optional here. Instances in zones (zoneRedundant) cost more than all the rest, and what is not done in a bad hour is done after it.
param environmentName = 'prod'
param location = readEnvironmentVariable('AZURE_LOCATION')
param salesUrl = readEnvironmentVariable('P2C_SALES_URL')
param finopsUrl = readEnvironmentVariable('P2C_FINOPS_URL')
param projectFile = 'projects/prod.json'
param schedules = json(readEnvironmentVariable('P2C_SCHEDULES', '{}'))
param watchedTemplates = json(readEnvironmentVariable('P2C_WATCHED', '[]'))
param webhookKey = readEnvironmentVariable('P2C_WEBHOOK_KEY', '')
param easyAuthClientId = readEnvironmentVariable('P2C_EASY_AUTH_CLIENT_ID')
param operatorPrincipalId = readEnvironmentVariable('P2C_OPERATORS', '')
param alertEmails = split(readEnvironmentVariable('P2C_ALERT_EMAILS'), ',')
param stuckHours = 2
param zoneRedundantStorage = true
param alwaysReadyHttp = 1
param runRetentionDays = 365
param stateRecoveryDays = 30
param logRetentionDays = 90
param tags = {
  environment: 'prod'
}
