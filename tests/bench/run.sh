#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds what measures and runs it: bench.mjs has the list. Prints a table and writes bench/latest.md.
#
#	tests/bench/run.sh [PART …]      parts: idle accept read e2e identity watch claim; all when none is named
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
SAN=${SAN:-none}
make --no-print-directory SAN="$SAN" all build/"$SAN"/tests/bench/{load,bare,sign}
exec node tests/bench/bench.mjs "$@"
