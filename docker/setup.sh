#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Install what Ferry needs and is not there yet: packages from Debian 12, and the npm packages of
# contracts/ (to run) and tests/ (with test or bench), inside this folder.
#
#	docker/setup.sh [--with test] [--with bench] [--check]
#
# Prints one line for each thing it does and nothing when there is nothing to do. Nothing that is
# already installed is installed again or upgraded. --check only names what is missing (exit 1).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

PACKAGES_RUN=(
	build-essential pkg-config curl ca-certificates procps util-linux
	libmicrohttpd-dev libgrpc-dev grpc-proto
	libprotobuf-dev libprotobuf-c-dev protobuf-c-compiler protobuf-compiler
	libpq-dev postgresql-15 postgresql-client-15
	libsecp256k1-dev libssl-dev nettle-dev
	libjansson-dev libyaml-dev libcurl4-openssl-dev uthash-dev check
)
PACKAGES_TEST=(clang libclang-rt-14-dev spin)
PACKAGES_BENCH=(wrk nghttp2-client)
PACKAGES_NODE=(nodejs npm)
NODE_MAJOR_MIN=18
LOCK_WAIT_S=900

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

packages=("${PACKAGES_RUN[@]}")
npm_folders=(contracts)
check_only=
while [ $# -gt 0 ]; do
	case "$1" in
	--with)
		case "${2:-}" in
		test) packages+=("${PACKAGES_TEST[@]}"); npm_folders=(contracts tests) ;;
		bench) packages+=("${PACKAGES_BENCH[@]}"); npm_folders=(contracts tests) ;;
		*) die "--with takes test or bench" ;;
		esac
		shift 2 ;;
	--check) check_only=1; shift ;;
	*) die "unknown argument '$1'; use: docker/setup.sh [--with test] [--with bench] [--check]" ;;
	esac
done

# A Node of the machine's own is used when it is new enough, wherever it came from.
node_is_usable() {
	local version
	version=$(node --version 2>/dev/null) || return 1
	version=${version#v}
	[ "${version%%.*}" -ge "$NODE_MAJOR_MIN" ] 2>/dev/null && command -v npm >/dev/null
}

# missing: those of "$@" that are not installed, one a line
missing() {
	local have
	have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null) || true
	have=$'\n'$have$'\n'
	local name
	for name; do
		case "$have" in
		*$'\n'"installed $name"$'\n'*) ;;
		*) printf '%s\n' "$name" ;;
		esac
	done
}

# Run a command as root: directly, or through sudo. The caller made sure that one of them works.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

can_be_root() {
	[ "$(id -u)" = 0 ] && return 0
	command -v sudo >/dev/null || return 1
	sudo -n true 2>/dev/null && return 0
	[ -t 0 ] || return 1
	say "sudo asks for your password to install: $*"
	sudo true
}

apt_get() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout="$LOCK_WAIT_S" \
		-o Acquire::Retries=3 "$@"
}

# Debian starts a cluster of its own when the server is installed; Ferry has a private one and wants
# no other. The setting is there during the installation only, and never when a server already is.
CREATECLUSTER=/etc/postgresql-common/createcluster.d/ferry-setup.conf

packages_install() {
	local log="$root/build/setup.log" quiet=
	can_be_root "$*" || die "these packages are missing and only root may install them;" \
		"run: apt-get update && apt-get install --no-install-recommends $*"
	mkdir -p "$root/build"
	say "installing $# packages: $*"
	say "(the output of apt-get goes to $log)"
	: >"$log"
	apt_run "reading Debian's package lists" "$log" update
	if [[ " $* " == *" postgresql-15 "* ]]; then
		as_root mkdir -p "${CREATECLUSTER%/*}"
		printf 'create_main_cluster = false\n' | as_root tee "$CREATECLUSTER" >/dev/null
		trap 'as_root rm -f "$CREATECLUSTER"' EXIT
	fi
	apt_run "downloading and unpacking" "$log" install --no-install-recommends "$@"
	if [ -e "$CREATECLUSTER" ]; then
		as_root rm -f "$CREATECLUSTER"
		trap - EXIT
	fi
	quiet=$(missing "$@")
	[ -z "$quiet" ] || die "still missing after the installation: ${quiet//$'\n'/ } (see $log)"
	say "packages are installed"
}

# apt_run WHAT LOG ARGUMENT...: apt-get with a sign of life every ten seconds. It waits for dpkg's lock by
# itself, but not for that of the package lists.
apt_run() {
	local what=$1 log=$2 started=$SECONDS
	shift 2
	say "$what"
	until apt_watched "$log" "$@"; do
		if ! tail -n 5 "$log" | grep -q 'Could not get lock' || [ $((SECONDS - started)) -gt "$LOCK_WAIT_S" ]; then
			tail -n 15 "$log" >&2
			die "apt-get $1 failed: the lines above are the end of $log"
		fi
		say "another program is installing packages; waiting for it"
		sleep 5
	done
}

apt_watched() {
	local log=$1 started=$SECONDS pid
	shift
	apt_get "$@" >>"$log" 2>&1 &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		sleep 1
		(( (SECONDS - started) % 10 != 9 )) || tail -n 1 "$log" | cut -c1-90 | sed 's/^/setup:   … /' >&2
	done
	wait "$pid"
}

# npm's cache lies inside the folder as well: nothing outside it is touched
npm_in() {
	local folder=$1
	shift
	(cd "$root/$folder" && npm "$@" --legacy-peer-deps --ignore-scripts --no-audit --no-fund \
		--no-update-notifier --cache "$root/build/npm-cache")
}

# npm_install FOLDER: the packages of its lock file, once for each content of it
npm_install() {
	local folder=$1 stamp sum
	[ -e "$root/$folder/package-lock.json" ] || return 0
	stamp="$root/$folder/node_modules/.ferry-stamp"
	sum=$(cat "$root/$folder/package-lock.json" "$root/$folder/package.json" | sha256sum)
	[ "$(cat "$stamp" 2>/dev/null)" != "$sum" ] || return 0
	[ -z "$check_only" ] || die "the npm packages of $folder/ are missing or old"
	say "installing the npm packages of $folder/ (a minute or so the first time)"
	local log="$root/build/setup-npm.log"
	mkdir -p "$root/build"
	if ! npm_in "$folder" ci >"$log" 2>&1; then
		# Newer npm refuses a lock file without the binaries of other systems (npm omits those that the registry
		# it was written with does not have); `install` takes the versions and checksums of the same file.
		grep -q 'Missing: .* from lock file' "$log" && npm_in "$folder" install --no-save >"$log" 2>&1 || {
			tail -n 15 "$log" >&2
			die "the npm packages of $folder/ cannot be installed: the lines above are the end of $log"
		}
	fi
	printf '%s\n' "$sum" >"$stamp"
}

# One at a time in this folder: a second run waits, then finds everything done.
exec 9<"${BASH_SOURCE[0]}"
flock -n 9 || { say "another set-up is under way in this folder; waiting for it"; flock 9; }

command -v dpkg-query >/dev/null || die "this is not Debian: install the packages yourself: ${packages[*]}"
node_is_usable || packages+=("${PACKAGES_NODE[@]}")
read -r -d '' -a wanted <<<"$(missing "${packages[@]}")" || true
if [ ${#wanted[@]} -gt 0 ]; then
	[ -z "$check_only" ] || die "missing: ${wanted[*]}"
	packages_install "${wanted[@]}"
	node_is_usable || die "node and npm $NODE_MAJOR_MIN or newer are needed; 'node --version' says" \
		"'$(node --version 2>&1 || true)' and stands before /usr/bin in PATH"
fi
for folder in "${npm_folders[@]}"; do
	npm_install "$folder"
done
