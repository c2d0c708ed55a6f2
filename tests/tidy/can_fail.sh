#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A check that cannot fail checks nothing: each of the others is given something wrong, in a folder of
# its own, and must name the place and the rule.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/tests/tidy "$work"/{server,api,relay,storage,chain,base,cli,other}
cp "$here"/*.sh "$work/tests/tidy"
n=0
bad=0

# refuses CHECK FILE WORDS: FILE, whose content comes from standard input, is refused with these words
refuses() {
	local out
	cat >"$work/$2"
	n=$((n + 1))
	if out=$("$BASH" "$work/tests/tidy/$1.sh" "$2" 2>&1); then
		echo "$1 took: $2: $3"
		bad=1
	elif [[ $out != *"$3"* ]]; then
		printf '%s refused %s for another reason than "%s":\n%s\n' "$1" "$2" "$3" "$out"
		bad=1
	fi
}
# takes CHECK FILE: it is fine
takes() {
	local out
	cat >"$work/$2"
	n=$((n + 1))
	out=$("$BASH" "$work/tests/tidy/$1.sh" "$2" 2>&1) || { printf '%s refused %s:\n%s\n' "$1" "$2" "$out"; bad=1; }
}
lines() { awk -v n="$1" -v s="$2" 'BEGIN { for (i = 0; i < n; i++) print s }'; }

refuses layers storage/a.c 'storage/a.c:1: storage/ may not include chain/' <<<'#include "chain/abi.h"'
refuses layers chain/a.c 'chain/ may not include storage/' <<<'#include "storage/db.h"'
refuses layers base/a.h 'base/ may not include storage/' <<<'#include "storage/db.h"'
refuses layers relay/a.c 'relay/ may not include api/' <<<'#include "api/api.h"'
refuses layers cli/a.c 'cli/ may not include server/' <<<'#include "server/http.h"'
refuses layers relay/a.c 'may include libpq-fe.h' <<<'#include <libpq-fe.h>'
refuses layers api/a.c 'may include openssl/rsa.h' <<<'#include <openssl/rsa.h>'
refuses layers api/a.c 'may include chain/signer.h' <<<'#include "chain/signer.h"'
refuses layers base/a.c '<zlib.h> has no home' <<<'#include <zlib.h>'
refuses layers other/a.c 'the folder other/ has no row' <<<'#include <stdio.h>'
takes layers storage/db.c <<<'#include <libpq-fe.h>'
takes layers server/a.c <<<'#include "storage/db.h"'

lines 601 '/* */' | refuses sizes base/a.c 'base/a.c:601: 601 lines; at most 600'
lines 251 '/* */' | refuses sizes base/a.h '251 lines; at most 250'
lines 26 'text' | refuses sizes base/README.md '26 lines; at most 25'
{ echo 'int f(void)'; echo '{'; lines 71 '	;'; echo '}'; } | refuses sizes base/a.c 'base/a.c:2: a function of 71 lines'
{ echo 'int f(void)'; echo '{'; lines 70 '	;'; echo '}'; } | takes sizes base/a.c
printf '\t\t%0105d\n' 7 | refuses sizes base/a.c 'base/a.c:1: 121 columns'
printf '\t\t%0104d\n' 7 | takes sizes base/a.c
lines 1 "$(printf 'é%.0s' {1..120})" | takes sizes base/a.c

for call in 'strcpy(a, b)' 'sprintf(a, "x")' 'atoi(s)' 'system ("ls")' 'PQexec(c, s)' 'alloca(n)' 'strerror(errno)' 'rand()'; do
	refuses banned base/a.c "base/a.c:1: ${call%%[ (]*}" <<<"	$call;"
done
takes banned base/a.c <<'END'
	strcpy(a, b); /* allowed: both are of this file */
	/* strcpy(a, b) */
	say("strcpy(a, b)");
	my_strcpy(a, b);
	snprintf(a, n, "x");
END
refuses banned base/a.c 'base/a.c:1: strcpy' <<<'	strcpy(a, b); /* allowed: */'

refuses words base/a.c 'a path of one machine' <<<"/* see /wo""rk/main/x */"
refuses words base/a.json 'the host of a registry' <<<'"resol''ved": "https://registry.example/x.tgz"'
refuses words base/a.c 'unfinished' <<<"/* TO""DO */"
takes words base/a.c <<<"/* a framewo""rk/main, https://x/wo""rk/main */"

[ $bad = 0 ] && echo "$n cases, as expected: passed"
