using '../main.bicep'

// Acceptance: as production in everything but size and who is woken.
param environmentName = 'test'
param location = readEnvironmentVariable('AZURE_LOCATION')
param salesUrl = readEnvironmentVariable('P2C_SALES_URL')
param finopsUrl = readEnvironmentVariable('P2C_FINOPS_URL')
param projectFile = 'projects/test.json'
param schedules = json(readEnvironmentVariable('P2C_SCHEDULES', '{}'))
param watchedTemplates = json(readEnvironmentVariable('P2C_WATCHED', '[]'))
param webhookKey = readEnvironmentVariable('P2C_WEBHOOK_KEY', '')
param easyAuthClientId = readEnvironmentVariable('P2C_EASY_AUTH_CLIENT_ID', '')
param operatorPrincipalId = readEnvironmentVariable('P2C_OPERATORS', '')
param alertEmails = empty(readEnvironmentVariable('P2C_ALERT_EMAILS', '')) ? [] : split(readEnvironmentVariable('P2C_ALERT_EMAILS', ''), ',')
param stuckHours = 6
param runRetentionDays = 30
param tags = {
  environment: 'test'
}
