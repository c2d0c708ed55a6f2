#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Tries every run of the model (lane.pml) with spin, and then with each rule broken: those must fail.
#
#	tests/model/run.sh [NAME …]	rules broken; none: all, after the model itself
#
# FERRY_MODEL_ALL=1: also with all bad luck at once (9 million states, half a minute).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
if ! command -v spin >/dev/null; then
	echo "SKIP: spin is not installed (Debian: apt-get install spin)"
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# try NAME FLAGS…: verifies; the report is left in $work/NAME.out
try() {
	local name=$1
	shift
	mkdir -p "$work/$name"
	cp lane.pml "$work/$name"
	(
		cd "$work/$name"
		spin -a "$@" lane.pml >spin.out
		gcc -O2 -w -DSAFETY -DCOLLAPSE -DVECTORSZ=512 -DMEMLIM=1800 -o pan pan.c
		timeout 300 ./pan -m10000 -w22 >../"$name.out" 2>&1
	) || { cat "$work/$name/spin.out" "$work/$name.out"; return 1; }
}
errors() { sed -n 's/.*errors: \([0-9]*\).*/\1/p' "$work/$1.out"; }
states() { sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$work/$1.out"; }

# holds NAME FLAGS…: the whole space is tried, without an error
holds() {
	try "$@"
	if [ "$(errors "$1")" != 0 ] || grep -qE 'out of memory|MEMLIM|depth too small|truncated|not completed' "$work/$1.out"; then
		cat "$work/$1.out"
		echo "FAILED: $1"
		exit 1
	fi
	printf '%-24s errors: 0   %s states\n' "$1" "$(states "$1")"
}
# breaks NAME FLAGS…: an error must be found
breaks() {
	try "$@"
	if [ "$(errors "$1")" = 0 ]; then
		cat "$work/$1.out"
		echo "FAILED: $1: the model does not notice it"
		exit 1
	fi
	printf '%-24s is noticed: %s\n' "$1" "$(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' "$work/$1.out")"
}

if [ $# = 0 ]; then
	holds replaced_nonces -DNO_BITMAP -DTAKEOVERS=1 -DREORGS=0
	holds reorganisations -DNO_BITMAP -DTAKEOVERS=2 -DFOREIGNERS=0
	holds crashes -DNO_BITMAP -DCRASHES=2 -DLOSSES=2 -DFOREIGNERS=0 -DSKIPS=0
	holds strangers -DSTRANGER -DTAKEOVERS=1 -DFOREIGNERS=0
	[ -z "${FERRY_MODEL_ALL:-}" ] || holds all_at_once -DNO_BITMAP -DTAKEOVERS=1
	set -- NO_FENCE CHECK_ONLY NO_JOURNAL NO_FINALITY NO_PATIENCE NO_AGAIN
fi
for rule; do
	breaks "$rule" -DNO_BITMAP "-D$rule"
done
echo "passed"
