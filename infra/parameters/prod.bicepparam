using '../main.bicep'

// Production: zones, two instances that are always ready for calls, longer memory. Alert addresses and Easy Auth are not optional here.
param environmentName = 'prod'
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
param salesUrl = readEnvironmentVariable('P2C_SALES_URL')
param finopsUrl = readEnvironmentVariable('P2C_FINOPS_URL')
param webhookKey = readEnvironmentVariable('P2C_WEBHOOK_KEY', '')
param easyAuthClientId = readEnvironmentVariable('P2C_EASY_AUTH_CLIENT_ID')
param operatorPrincipalId = readEnvironmentVariable('P2C_OPERATORS', '')
param alertEmails = split(readEnvironmentVariable('P2C_ALERT_EMAILS'), ',')
param stuckHours = 2
param zoneRedundant = true
param alwaysReadyHttp = 2
param runRetentionDays = 365
param stateRecoveryDays = 30
param logRetentionDays = 90
param tags = {
  environment: 'prod'
}
