#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Functions that are not called: they overflow, are not thread-safe, hide errors or run what they are
# given. An exception says why on its own line: /* allowed: why */. Tests may read numbers and errors
# as they like.
#
#	tests/tidy/banned.sh [FILE …]	none: all C files
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
if [ $# = 0 ]; then
	mapfile -t files < <(git ls-files '*.c' '*.h')
	set -- "${files[@]}"
fi
[ $# -gt 0 ] || { echo "banned: no files" >&2; exit 1; }
LC_ALL=C awk '
BEGIN {
	why["strcpy"] = why["strcat"] = why["sprintf"] = why["vsprintf"] = why["gets"] = "writes without a limit"
	why["strtok"] = why["localtime"] = why["gmtime"] = why["ctime"] = why["asctime"] = why["strerror"] = why["rand"] = why["srand"] = "keeps hidden state"
	why["atoi"] = why["atol"] = why["atoll"] = why["atof"] = "cannot say that it failed"
	why["system"] = "runs a shell"
	why["PQexec"] = "takes SQL as a text"
	why["alloca"] = "has no limit"
}
FNR == 1 { comment = 0 }
{
	line = $0
	allowed = line ~ /\/\* allowed: [^ *]/
	gsub(/\\\\/, "", line)
	gsub(/\\"/, "", line)
	gsub(/"[^"]*"/, "\"\"", line)
	if (comment) {
		if (!sub(/^.*\*\//, "", line))
			next
		comment = 0
	}
	gsub(/\/\*[^*]*(\*[^\/][^*]*)*\*\//, "", line)
	sub(/\/\/.*/, "", line)
	if (sub(/\/\*.*/, "", line))
		comment = 1
	while (match(line, /[A-Za-z_][A-Za-z0-9_]*[ \t]*\(/)) {
		name = substr(line, RSTART, RLENGTH)
		sub(/[ \t]*\($/, "", name)
		if (name in why && !allowed && !(FILENAME ~ /^tests\// && why[name] ~ /^(cannot|keeps)/)) {
			print FILENAME ":" FNR ": " name "() " why[name]
			bad = 1
		}
		line = substr(line, RSTART + RLENGTH)
	}
}
END { exit bad }' "$@" && echo "$# files, nothing banned: passed"
