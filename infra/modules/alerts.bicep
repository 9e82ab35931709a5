metadata name = 'Alerts'
metadata description = 'What an operator must hear of, and who hears it. Each says what to do; docs/operations.md says more.'

@description('Required. What the names of the rules begin with.')
param namePrefix string

@description('Required. Name of the action group.')
param actionGroupName string

@description('Required. Region.')
param location string

@description('Required. Tags.')
param tags object

@description('Required. Resource id of the Log Analytics workspace that the queries read.')
param workspaceId string

@description('Required. Resource id of the internal Service Bus namespace.')
param workNamespaceId string

@description('Required. Resource id of the ingress Service Bus namespace.')
param inboxNamespaceId string

@description('Required. Name of the queue of the lanes.')
param workQueueName string

@description('Required. Name of the ingress queue.')
param inboxQueueName string

@description('Required. Ids of the templates that must run; a template that never ran counts as stuck.')
param templates array

@description('Optional. Addresses that get the alerts.')
param emails array = []

@description('Optional. Hours without a successful run after which a template counts as stuck.')
@allowed([
  1
  2
  3
  4
  5
  6
  24
])
param stuckHours int = 2

@description('Optional. Refusals for going too fast in a quarter of an hour that are still normal.')
@minValue(1)
param throttledAllowed int = 200

// A day has a form of its own among the windows that Azure takes.
var stuckWindow = stuckHours == 24 ? 'P1D' : 'PT${stuckHours}H'

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: actionGroupName
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'p2c'
    enabled: true
    emailReceivers: [
      for (email, index) in emails: {
        name: 'mail-${index}'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource failedRuns 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: '${namePrefix}failed-runs'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'p2c: a run failed'
    description: 'A run ended with the status Error: nothing is lost, but its template stands still until the cause is gone. See the run\'s error and hint: p2c runs, or GET /api/runs.'
    severity: 1
    enabled: true
    scopes: [
      workspaceId
    ]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      allOf: [
        {
          query: '''
AppTraces
| where Message == 'run ended' and tostring(Properties.p2c_status) == 'Error'
| extend template = tostring(Properties.p2c_template)
'''
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          dimensions: [
            {
              name: 'template'
              operator: 'Include'
              values: [
                '*'
              ]
            }
          ]
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    autoMitigate: true
    actions: {
      actionGroups: [
        actionGroup.id
      ]
    }
  }
}

resource stuck 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: '${namePrefix}stuck-templates'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'p2c: a template has not run'
    description: 'A template has had no successful run for ${stuckHours} h. Timers fail by silence: look whether the app is up (GET /api/health), whether its schedule is right, and whether its lane is blocked (p2c status).'
    severity: 1
    enabled: true
    scopes: [
      workspaceId
    ]
    evaluationFrequency: 'PT15M'
    windowSize: stuckWindow
    criteria: {
      allOf: [
        {
          query: format('''
AppTraces
| where Message == 'run ended' and tostring(Properties.p2c_status) in ('Completed', 'Warning')
| summarize ran = make_set(tostring(Properties.p2c_template))
| mv-expand template = set_difference(dynamic({0}), ran) to typeof(string)
| where isnotempty(template)
''', string(templates))
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          dimensions: [
            {
              name: 'template'
              operator: 'Include'
              values: [
                '*'
              ]
            }
          ]
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    autoMitigate: true
    actions: {
      actionGroups: [
        actionGroup.id
      ]
    }
  }
}

resource needsPerson 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: '${namePrefix}dead-letters'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'p2c: documents need a person'
    description: 'Documents were rejected or failed, or a message was given up. p2c dead-letters list groups documents by what is wrong; put the data right, then p2c dead-letters replay. Messages are in GET /api/dead-letters.'
    severity: 2
    enabled: true
    scopes: [
      workspaceId
    ]
    evaluationFrequency: 'PT15M'
    // Twice the frequency: a record that is minutes late in the workspace is in one window at least.
    windowSize: 'PT30M'
    criteria: {
      allOf: [
        {
          query: '''
AppTraces
| where (Message == 'run ended' and (toint(Properties.p2c_count_rejected) > 0 or toint(Properties.p2c_count_failed) > 0))
    or (Message == 'documents taken' and tostring(Properties.p2c_outcome) in ('rejected', 'failed'))
    or Message in ('given up', 'message dead-lettered')
| extend template = tostring(Properties.p2c_template)
'''
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          dimensions: [
            {
              name: 'template'
              operator: 'Include'
              values: [
                '*'
              ]
            }
          ]
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    autoMitigate: true
    actions: {
      actionGroups: [
        actionGroup.id
      ]
    }
  }
}

resource throttled 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: '${namePrefix}throttling'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'p2c: a system holds p2c back'
    description: 'More than ${throttledAllowed} requests in a quarter of an hour were refused for going too fast. p2c slows down by itself; when it lasts, another client uses up the same limits or the volume has outgrown one user: see docs/scale.md.'
    severity: 3
    enabled: true
    scopes: [
      workspaceId
    ]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT15M'
    criteria: {
      allOf: [
        {
          query: '''
AppTraces
| where Message has ' again after ' and Message has ': throttled '
| extend system = tostring(split(Message, ':')[0])
'''
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: throttledAllowed
          dimensions: [
            {
              name: 'system'
              operator: 'Include'
              values: [
                '*'
              ]
            }
          ]
          failingPeriods: {
            numberOfEvaluationPeriods: 2
            minFailingPeriodsToAlert: 2
          }
        }
      ]
    }
    autoMitigate: true
    actions: {
      actionGroups: [
        actionGroup.id
      ]
    }
  }
}

resource queueDeadLetters 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for queue in [
    { label: 'work', scope: workNamespaceId, name: workQueueName }
    { label: 'inbox', scope: inboxNamespaceId, name: inboxQueueName }
  ]: {
    name: '${namePrefix}dead-letter-queue-${queue.label}'
    location: 'global'
    tags: tags
    properties: {
      description: 'Messages lie in the dead-letter queue of ${queue.name}: they failed as often as the queue allows. p2c keeps its own record with the reason: GET /api/dead-letters. Nothing leaves this queue by itself.'
      severity: 2
      enabled: true
      scopes: [
        queue.scope
      ]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            name: 'dead-letters'
            criterionType: 'StaticThresholdCriterion'
            metricNamespace: 'Microsoft.ServiceBus/namespaces'
            metricName: 'DeadletteredMessages'
            timeAggregation: 'Maximum'
            operator: 'GreaterThan'
            threshold: 0
            dimensions: [
              {
                name: 'EntityName'
                operator: 'Include'
                values: [
                  queue.name
                ]
              }
            ]
          }
        ]
      }
      autoMitigate: true
      actions: [
        {
          actionGroupId: actionGroup.id
        }
      ]
    }
  }
]

resource inboxAge 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${namePrefix}inbox-age'
  location: 'global'
  tags: tags
  properties: {
    description: 'The inbox has not been empty for half an hour, so its oldest message is as old: events arrive faster than they are taken, or nobody takes them. Look whether the inbox function runs and may receive.'
    severity: 2
    enabled: true
    scopes: [
      inboxNamespaceId
    ]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT30M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: 'never-empty'
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: 'Microsoft.ServiceBus/namespaces'
          metricName: 'ActiveMessages'
          // Service Bus tells no ages; a queue whose least count stays above zero holds something that long.
          timeAggregation: 'Minimum'
          operator: 'GreaterThan'
          threshold: 0
          dimensions: [
            {
              name: 'EntityName'
              operator: 'Include'
              values: [
                inboxQueueName
              ]
            }
          ]
        }
      ]
    }
    autoMitigate: true
    actions: [
      {
        actionGroupId: actionGroup.id
      }
    ]
  }
}
