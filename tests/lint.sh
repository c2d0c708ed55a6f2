#!/bin/bash
# Lint what clients are given: proto/ with buf, openapi.json with redocly.
#
#	tests/lint.sh [build/none/ferryd]      what is beside it, tests/unit/api/test_openapi, prints it
#
# A linter that is not installed, or wants a newer Node than there is, is skipped and said so.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
bin=$root/tests/node_modules/.bin
ferryd=${1:-$root/build/none/ferryd}
print=$(cd "$(dirname "$ferryd")" && pwd -P)/tests/unit/api/test_openapi
failed=

# usable NAME PACKAGE: is the linter there, and does this Node do for it?
usable() {
	if [ ! -x "$bin/$1" ]; then
		echo "SKIP: $1: not installed (npm ci in tests/)"
		return 1
	fi
	local verdict
	# shellcheck disable=SC2016 # the dollars are JavaScript
	verdict=$(node -e '
		const want = /(\d+)\.?(\d*)/.exec(require(process.argv[1]).engines?.node ?? "0")
		const have = process.versions.node.split(".").map(Number)
		const enough = have[0] > +want[1] || (have[0] === +want[1] && have[1] >= +(want[2] || 0))
		console.log(enough ? "yes" : `it wants Node ${want[0]}`)
	' "$root/tests/node_modules/$2/package.json")
	[ "$verdict" = yes ] || { echo "SKIP: $1: $verdict"; return 1; }
}

if usable buf @bufbuild/buf; then
	"$bin/buf" lint "$root/proto" && echo "ok: buf lint" || failed=1
fi
if usable redocly @redocly/cli; then
	folder=$(mktemp -d)
	trap 'rm -rf "$folder"' EXIT
	"$print" --print > "$folder/openapi.json"
	# No telemetry and no look for a newer version: nothing leaves this machine.
	if log=$(cd "$folder" && REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true \
			"$bin/redocly" lint --extends=recommended --max-problems=50 openapi.json 2>&1) &&
	   ! grep -q 'Warning was generated' <<<"$log"; then
		echo "ok: redocly lint"
	else
		printf '%s\n' "$log"
		failed=1
	fi
fi
[ -z "$failed" ]
