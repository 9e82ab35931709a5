#!/usr/bin/env bash
# Prints the Python to build the virtual environment with: 3.13 where there is one that runs, else the newest from 3.11 on.
# A pyenv shim can exist and still fail, so each candidate is run, not only looked for.
set -u
candidates=()
for version in 3.13 3.14 3.12 3.11; do
  candidates+=("python$version")
  if command -v pyenv >/dev/null 2>&1; then
    for found in "$(pyenv root)"/versions/"$version"*/bin/python; do
      candidates+=("$found")
    done
  fi
done
candidates+=(python3 python)
for python in "${candidates[@]}"; do
  if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    echo "$python"
    exit 0
  fi
done
echo "No Python 3.11 or later was found; install one (3.13 is preferred)." >&2
exit 1
