using '../main.bicep'

// One developer's or team's environment: small, cheap, quick to throw away.
param environmentName = 'dev'
param location = readEnvironmentVariable('AZURE_LOCATION')
param salesUrl = readEnvironmentVariable('P2C_SALES_URL')
param finopsUrl = readEnvironmentVariable('P2C_FINOPS_URL')
param projectFile = 'projects/dev.json'
param schedules = json(readEnvironmentVariable('P2C_SCHEDULES', '{}'))
param watchedTemplates = json(readEnvironmentVariable('P2C_WATCHED', '[]'))
param webhookKey = readEnvironmentVariable('P2C_WEBHOOK_KEY', '')
param operatorPrincipalId = readEnvironmentVariable('P2C_OPERATORS', '')
param stuckHours = 24
param keyVaultPurgeProtection = false
param runRetentionDays = 14
param stateRecoveryDays = 7
param logDailyQuotaGb = 1
param tags = {
  environment: 'dev'
}
