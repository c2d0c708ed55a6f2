#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The project speaks of itself only: no absolute path of the machine it was written on, no private host
# of a package registry, and no TODO.
#
#	tests/tidy/words.sh [FILE …]	none: all files
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
if [ $# = 0 ]; then
	mapfile -t files < <(git ls-files | grep -vE '^(LICENSE|tests/tidy/words\.sh)$')
	set -- "${files[@]}"
fi
[ $# -gt 0 ] || { echo "words: no files" >&2; exit 1; }
bad=0
# rule PATTERN WHY FILE…
rule() {
	local pattern=$1 why=$2
	shift 2
	if grep -InHE "$pattern" -- "$@" /dev/null | cut -c1-160 | sed "s|\$|   <- $why|"; then :; fi
	! grep -IqE "$pattern" -- "$@" || bad=1
}
rule '(^|[^[:alnum:]_./-])/(work|root|home)/[[:alnum:]_.]' 'a path of one machine' "$@"
rule '/tmp/(ferry/|bash_jobs|[a-z]+\.(sh|py|log|txt))' 'a path of one machine' "$@"
rule '"resolved": *"' 'the host of a registry in a lock file' "$@"
mapfile -t code < <(printf '%s\n' "$@" | grep -E '\.(c|h|sql|awk|sh|mjs|sol|proto|def|pml)$')
if [ ${#code[@]} -gt 0 ]; then
	rule '(^|[^[:alnum:]_])(TODO|FIXME|XXX|HACK)([^[:alnum:]_]|$)' 'unfinished' "${code[@]}"
fi
[ $bad = 0 ] && echo "$# files, no strange words: passed"
