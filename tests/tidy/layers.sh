#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Who may include whom. Arrows point down only:
#
#	server -> api, relay -> storage, chain -> base		cli -> chain, base
#
# storage and chain do not see each other. Foreign headers have a home: the files that are named here,
# and no others.
#
#	tests/tidy/layers.sh [FILE …]	none: all C files outside tests/
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
if [ $# = 0 ]; then
	mapfile -t files < <(git ls-files '*.c' '*.h' '*.def' | grep -v '^tests/')
	set -- "${files[@]}"
fi
[ $# -gt 0 ] || { echo "layers: no files" >&2; exit 1; }
LC_ALL=C awk '
BEGIN {
	below["server"] = "server api relay storage chain base"
	below["api"] = "api storage chain base"
	below["relay"] = "relay storage chain base"
	below["storage"] = "storage base"
	below["chain"] = "chain base"
	below["base"] = "base"
	below["cli"] = "cli chain base"
	# Generated code, by the folders that may know the contract with clients.
	below["server"] = below["server"] " ferry google grpc"
	below["api"] = below["api"] " ferry google"
	below["relay"] = below["relay"] " ferry"

	home["<libpq-fe.h"] = "storage/db.c storage/row.c"
	home["<microhttpd.h"] = "server/http.c"
	home["<grpc/"] = "server/grpc.c server/grpc_probe.c server/grpc_rpc.c server/grpc_rpc.h server/grpc_send.c"
	home["<secp256k1"] = "chain/secp.c chain/keystore.c chain/signer.c"
	home["<openssl/evp.h"] = "api/json_encode.c base/hpke.c base/jws.c chain/keystore.c chain/scrypt.c cli/show.c server/http_connect.c"
	home["<openssl/crypto.h"] = "base/hpke.c chain/keystore.c chain/scrypt.c chain/signer.c"
	home["<openssl/core_names.h"] = home["<openssl/kdf.h"] = home["<openssl/params.h"] = "base/hpke.c"
	home["<openssl/"] = "base/clock.c"
	home["<nettle/sha3.h"] = "chain/keccak.c"
	home["<nettle/"] = "base/digest.c"
	home["<curl/"] = "base/http_client.c"
	home["<jansson.h"] = "base/json.h api/openapi_schema.h"
	home["<protobuf-c/"] = "api/api.h api/json.h api/openapi_schema.h"
	home["<yaml.h"] = "server/yamldoc.c"
	home["<uthash.h"] = "relay/apply.h"
	home["<pthread.h"] = "base/http_client.c base/lock.h base/queue.c base/thread.c chain/secp.c"
	# What faces the internet never holds a private key.
	home["\"chain/signer.h"] = "chain/signer.c relay/world.h server/relay_process.c"
	# The system: free for all.
	n = split("alloca arpa assert ctype dirent endian errno fcntl getopt glob inttypes libgen limits locale malloc math net " \
		"netdb netinet poll signal spawn stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib string strings " \
		"sys termios time unistd wchar", list, " ")
	for (i = 1; i <= n; i++)
		system_header[list[i]] = 1
}
function complain(what) {
	print FILENAME ":" FNR ": " what
	bad = 1
}
function has(list, word) { return index(" " list " ", " " word " ") > 0 }
# The longest row of `home` that the header begins with.
function home_of(header,   h, best) {
	best = ""
	for (h in home)
		if (index(header, h) == 1 && length(h) > length(best))
			best = h
	return best
}
/^[ \t]*#[ \t]*include/ {
	folder = FILENAME
	sub(/\/.*/, "", folder)
	if (!(folder in below)) {
		complain("the folder " folder "/ has no row in tests/tidy/layers.sh")
		next
	}
	if (!match($0, /[<"][^>"]+[>"]/))
		next
	foreign = substr($0, RSTART, 1) == "<"
	header = substr($0, RSTART + 1, RLENGTH - 2)
	h = home_of((foreign ? "<" : "\"") header)
	if (h != "" && !has(home[h], FILENAME))
		complain("only " home[h] " may include " header)
	if (foreign) {
		first = header
		sub(/[\/.].*/, "", first)
		if (h == "" && !(first in system_header))
			complain("<" header "> has no home in tests/tidy/layers.sh")
		next
	}
	target = header
	if (!sub(/\/.*/, "", target))
		next # generated, beside build/gen
	if (!has(below[folder], target))
		complain(folder "/ may not include " target "/")
}
END { exit bad }' "$@" && echo "$# files, all arrows point down: passed"
