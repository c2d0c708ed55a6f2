#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs what must hold, one part after the other, and says in the end how many parts passed.
#
#	tests/run.sh [PART …]      unit fuzz tidy contracts e2e lint model; all when none is named
#
# SAN=asan|tsan runs the instrumented programs. Output of a part that fails is shown whole; each part's
# output is kept under build/$SAN/log.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
SAN=${SAN:-none}
log=build/$SAN/log
mkdir -p "$log"
passed=0
failed=0
names=()

export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=1:detect_leaks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-suppressions=$PWD/tests/tsan.supp:halt_on_error=1}

# part NAME COMMAND…: runs it, one line of outcome
part() {
	local name=$1 started=$SECONDS file
	shift
	file=$log/${name//\//.}.log
	printf '  %-34s ' "$name"
	if "$@" >"$file" 2>&1 </dev/null; then
		passed=$((passed + 1))
		printf 'passed  %4d s  %s\n' $((SECONDS - started)) "$(grep -aE '^[0-9]+%: Checks|passed|^# pass|SKIP|skipped' "$file" | tail -n 1 | cut -c1-70)"
	else
		failed=$((failed + 1))
		names+=("$name")
		printf 'FAILED  %4d s  (%s)\n' $((SECONDS - started)) "$file"
		tail -n 60 "$file"
	fi
}

unit() {
	local t
	for t in tests/unit/*/test_*.c; do
		t=${t%.c}
		part "${t#tests/}" timeout 300 "build/$SAN/$t"
	done
}

fuzz() {
	local t
	for t in tests/fuzz/fuzz_*.c; do
		t=$(basename "${t%.c}")
		[ -d "tests/fuzz/corpus/${t#fuzz_}" ] || continue
		part "fuzz/$t" timeout 120 "build/$SAN/tests/fuzz/$t" "tests/fuzz/corpus/${t#fuzz_}"
	done
}

tidy() {
	local t
	for t in tests/tidy/*.sh; do
		[ -e "$t" ] && part "tidy/$(basename "$t" .sh)" bash "$t"
	done
}

contracts() { part contracts bash -c 'cd contracts && npm test --silent'; }

e2e() {
	local t
	for t in tests/e2e/*.test.mjs; do
		[ -e "$t" ] && part "e2e/$(basename "$t" .test.mjs)" timeout 1200 node "$t"
	done
}

lint() { [ ! -e tests/lint.sh ] || part lint bash tests/lint.sh build/$SAN/ferryd; }
model() { [ ! -e tests/model/run.sh ] || part model bash tests/model/run.sh; }

[ $# -gt 0 ] || set -- unit fuzz tidy model contracts e2e lint
for name; do
	case $name in
	unit | fuzz | tidy | contracts | e2e | lint | model) "$name" ;;
	*) echo "tests/run.sh: there is no part $name" >&2; exit 2 ;;
	esac
done
[ $failed = 0 ] || printf 'failed: %s\n' "${names[@]}"
printf '%d passed, %d failed\n' $passed $failed
[ $failed = 0 ]
