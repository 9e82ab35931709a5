using 'main.bicep'

// What azd passes in comes from its environment: `azd env set NAME VALUE`. The files under parameters/ are for pipelines.
param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param resourceGroupName = readEnvironmentVariable('AZURE_RESOURCE_GROUP', '')
param salesUrl = readEnvironmentVariable('P2C_SALES_URL')
param finopsUrl = readEnvironmentVariable('P2C_FINOPS_URL')
param projectFile = readEnvironmentVariable('P2C_PROJECT', 'p2c.json')
// Taken from the project file by infra/scripts/check.py before each provisioning.
param schedules = json(readEnvironmentVariable('P2C_SCHEDULES', '{}'))
param watchedTemplates = json(readEnvironmentVariable('P2C_WATCHED', '[]'))
param webhookKey = readEnvironmentVariable('P2C_WEBHOOK_KEY', '')
param easyAuthClientId = readEnvironmentVariable('P2C_EASY_AUTH_CLIENT_ID', '')
param alertEmails = empty(readEnvironmentVariable('P2C_ALERT_EMAILS', '')) ? [] : split(readEnvironmentVariable('P2C_ALERT_EMAILS', ''), ',')
param operatorPrincipalId = readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')
param operatorPrincipalType = 'User'
