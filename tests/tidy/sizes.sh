#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# How long things may be: a file 600 lines, a function 70, a header 250, a line 120 columns (tabs of 8; 100 is the aim),
# the README of a folder 25. Tables (*.def) and what is generated may be longer.
#
#	tests/tidy/sizes.sh [FILE …]	none: all C files and folder READMEs
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
if [ $# = 0 ]; then
	mapfile -t files < <(git ls-files '*.c' '*.h' '*/README.md')
	set -- "${files[@]}"
fi
[ $# -gt 0 ] || { echo "sizes: no files" >&2; exit 1; }
LC_ALL=C awk -v line_max="${FERRY_LINE_MAX:-120}" '
function complain(where, what) {
	print where ": " what
	bad = 1
}
# Columns of a line: tabs of 8, UTF-8 followers not counted.
function columns(s,   n, i, c) {
	if (length(s) * 8 <= line_max)
		return 0
	n = 0
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		if (c == "\t")
			n += 8 - n % 8
		else if (c !~ /[\200-\277]/)
			n++
	}
	return n
}
# Longer already when the rule came; they may only shrink.
BEGIN {
	known["docker/README.md"] = 64
	known["server/http_exchange.h"] = 287
	known["tests/unit/api/test_work.c"] = 635
	known["tests/unit/server/test_grpc.c"] = 601
}
function finish(   max) {
	if (file == "")
		return
	max = file in known ? known[file] : file ~ /README\.md$/ ? 25 : file ~ /\.h$/ && file !~ /^tests\// ? 250 : 600
	if (count > max)
		complain(file ":" count, count " lines; at most " max)
}
FNR == 1 {
	finish()
	file = FILENAME
	begin = 0
}
{ count = FNR }
file ~ /\.[ch]$/ && columns($0) > line_max { complain(file ":" FNR, columns($0) " columns; at most " line_max) }
# A function is a brace alone in the first column up to one that closes it there.
file ~ /\.[ch]$/ && /^\{$/ { begin = FNR }
file ~ /\.[ch]$/ && /^\}$/ && begin {
	if (FNR - begin - 1 > 70)
		complain(file ":" begin, "a function of " FNR - begin - 1 " lines; at most 70")
	begin = 0
}
END {
	finish()
	exit bad
}' "$@" && echo "$# files, none too long: passed"
