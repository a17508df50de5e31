#!/usr/bin/env bash
# Imports that are killed and resumed, and two at once: a few of tests/crash/run's rounds.
set -euo pipefail
exec "$(dirname "$0")/../crash/run" 6
