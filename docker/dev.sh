#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Starts docker/dev.mjs; see there. What becomes the instance's supervisor holds a lock on its folder.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
command -v node >/dev/null || { echo "ferry: node is not installed; run docker/setup.sh" >&2; exit 1; }
[ -e "$root/contracts/node_modules/.ferry-stamp" ] || { echo "ferry: the npm packages are missing; run docker/setup.sh" >&2; exit 1; }
case "${1:-}" in
run | supervise | devnet)
	var=${FERRY_VAR:-$root/var}
	mkdir -p "$var"
	# node closes what it did not open itself when it starts a child, so the lock is the supervisor's alone
	exec 9>>"$var/lock"
	if ! flock -w "${FERRY_LOCK_WAIT:-0}" 9; then
		echo "ferry: an instance already runs in $var; stop it with make down, or give this one FERRY_VAR and ports of its own" >&2
		exit 1
	fi ;;
esac
exec node "$root/docker/dev.mjs" "$@"
