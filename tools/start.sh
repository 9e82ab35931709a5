#!/usr/bin/env bash
# Starts the function app here: with Azure Functions Core Tools where they are installed, else with the local host on
# Microsoft's worker runtime, which brings a stand-in for Service Bus with it.
set -eu
cd "$(dirname "$0")/.."
if [ ! -f local.settings.json ]; then
  cp local.settings.json.example local.settings.json
  echo "local.settings.json was made from the example: put your addresses into it." >&2
fi
if command -v func >/dev/null 2>&1; then
  exec func start
fi
exec .venv/bin/python -m sandbox.host --app . --port 7071 --servicebus-port 7072 --settings local.settings.json \
  --set 'P2C_WORK_URL={servicebus}' --set P2C_WORK__TOKEN=sandbox --set 'P2C_PUBLIC_URL={host}' --schedules
