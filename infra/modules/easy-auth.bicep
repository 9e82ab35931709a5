metadata name = 'Easy Auth'
metadata description = 'The platform checks the tokens of callers before the app sees a call; the app checks their roles. Without a secret: the app\'s identity vouches for the app registration.'

@description('Required. Name of the function app.')
param siteName string

@description('Required. Client id of the app registration that callers sign in to.')
param clientId string

@description('Optional. Client ids of the applications that may call, for example the connector\'s. Empty: any of the tenant that was given a role.')
param allowedApplications array = []

resource site 'Microsoft.Web/sites@2025-03-01' existing = {
  name: siteName
}

resource auth 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: site
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: true
      runtimeVersion: '~1'
    }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'Return401'
      // Health says nothing secret. The webhooks' callers have no token: the app compares their key itself.
      excludedPaths: [
        '/api/health'
        '/api/webhooks/dataverse'
        '/api/webhooks/finops'
      ]
    }
    httpSettings: {
      requireHttps: true
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: clientId
          clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: [
            clientId
            'api://${clientId}'
          ]
          defaultAuthorizationPolicy: {
            allowedApplications: empty(allowedApplications) ? null : allowedApplications
          }
        }
      }
    }
    login: {
      tokenStore: {
        enabled: false
      }
    }
  }
}
