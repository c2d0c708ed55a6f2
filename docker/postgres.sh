#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A private PostgreSQL 15 cluster under $FERRY_VAR/pg (default var/pg): unix socket only, never root.
#
#	docker/postgres.sh init      make the cluster, the role and the database `ferry`, unless they exist
#	docker/postgres.sh start     init, then start in the background and wait until it answers
#	docker/postgres.sh exec      init, then become the server (for a supervisor; it ends with its parent)
#	docker/postgres.sh wait      wait until it answers (60 s at most)
#	docker/postgres.sh reset     drop the database `ferry` of the running server and make it anew
#	docker/postgres.sh stop      stop the server and wait until it is gone
#	docker/postgres.sh status    "running PID" (exit 0) or "stopped" (exit 3)
#	docker/postgres.sh url       the libpq URL of the database
#	docker/postgres.sh wipe      stop it and delete the cluster
#
# When we are root, the server runs as the user `postgres`, also below a folder that only root may
# enter: it is then given the one right to pass (CAP_DAC_READ_SEARCH). Where that is not to be had,
# the cluster lies in a folder 0700 under the system's temporary folder; where only the path of the
# socket is too long for the kernel (or has a comma, which libpq cannot say), the socket alone does.
# $FERRY_VAR/pg/place says where both are.
set -euo pipefail
unset "${!PG@}"
export LC_ALL=C

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
BIN=${FERRY_PG_BIN:-/usr/lib/postgresql/15/bin}
SOCKET_NAME=.s.PGSQL.5432
SOCKET_PATH_MAX=107
START_S=60
STOP_S=30

say() { printf 'postgres: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

[ -x "$BIN/postgres" ] || die "PostgreSQL 15 is not installed ($BIN/postgres); run docker/setup.sh"
mkdir -p "${FERRY_VAR:-$root/var}"
var=$(cd "${FERRY_VAR:-$root/var}" && pwd -P)
home=$var/pg
[[ $var != *$'\n'* ]] || die "the path of FERRY_VAR has a line break in it; choose another"
if [ "$(id -u)" = 0 ]; then owner=postgres; else owner=$(id -un); fi

# Run as the owner of the cluster, with the right to pass closed folders when $pass is set.
pass=
as_owner() {
	if [ "$owner" != postgres ] || [ "$(id -u)" != 0 ]; then
		"$@"
	else
		setpriv --reuid postgres --regid postgres --init-groups --pdeathsig "${pdeath:-clear}" \
			${pass:+--inh-caps=+dac_read_search --ambient-caps=+dac_read_search} -- "$@"
	fi
}

# Can the owner write into folder $1? Sets $pass when it needs the right to pass for it.
owner_reaches() {
	# tried, not asked: access(2), hence test -w, does not count capabilities
	pass=
	as_owner touch "$1" 2>/dev/null && return 0
	[ "$(id -u)" = 0 ] || return 1
	pass=1
	as_owner touch "$1" 2>/dev/null && return 0
	pass=
	return 1
}

own() { [ "$(id -u)" != 0 ] || chown postgres:postgres "$1"; }

folder_make() {
	mkdir -p "$1"
	chmod 700 "$1"
	own "$1"
}

folder_is_ours() { [ -d "$1" ] && [ ! -L "$1" ] && [ "$(stat -c '%U %a' "$1")" = "$owner 700" ]; }

temporary_folder() {
	local below=${TMPDIR:-/tmp} folder
	[[ $below != *,* ]] && [ "$(printf %s "$below/ferry-pg-XXXXXXXX/run/$SOCKET_NAME" | wc -c)" -le $SOCKET_PATH_MAX ] || below=/tmp
	folder=$(mktemp -d "$below/ferry-pg-XXXXXXXX")
	own "$folder"
	printf '%s\n' "$folder"
}

place_read() {
	data='' run=''
	[ ! -e "$home/place" ] || { read -r data && read -r run; } <"$home/place" || true
	folder_is_ours "$data" && folder_is_ours "$run" && owner_reaches "$data"
}

place_make() {
	local base=$home temporary
	mkdir -p "$home"
	[ ! -e "$base/data" ] || [ "$(stat -c %U "$base/data")" = "$owner" ] ||
		die "$base/data belongs to $(stat -c %U "$base/data"), not to $owner; delete it or set FERRY_VAR to another folder"
	chmod 755 "$home" 2>/dev/null || die "$home belongs to another user; delete it or set FERRY_VAR to another folder"
	folder_make "$base/data"
	if ! owner_reaches "$base/data"; then
		rmdir "$base/data" 2>/dev/null || true
		base=$(temporary_folder)
		say "the user postgres cannot be let into $home; the cluster lies in $base"
		folder_make "$base/data"
		owner_reaches "$base/data" || die "the user postgres cannot write into $base; set TMPDIR to a folder it may enter"
	fi
	run=$base/run
	if [[ $run == *,* ]] || [ "$(printf %s "$run/$SOCKET_NAME" | wc -c)" -gt $SOCKET_PATH_MAX ]; then
		temporary=$(temporary_folder)
		say "the path $run cannot hold a socket (too long, or a comma); it lies in $temporary"
		run=$temporary/run
	fi
	folder_make "$run"
	data=$base/data
	printf '%s\n' "$data" "$run" >"$home/place.new"
	mv "$home/place.new" "$home/place"
}

# A value of postgresql.conf, which has quotes of its own.
conf_quote() { printf "'%s'" "${1//\'/\'\'}"; }

conf_print() {
	cat <<-CONF
	# Written by docker/postgres.sh at every start: changes made here are lost.
	listen_addresses = ''
	unix_socket_directories = $(conf_quote "\"${run//\"/\"\"}\"")
	unix_socket_permissions = 0700
	max_connections = 100
	shared_buffers = 256MB
	work_mem = 8MB
	maintenance_work_mem = 64MB
	effective_cache_size = 1GB
	random_page_cost = 1.1
	jit = off
	fsync = on
	synchronous_commit = on
	full_page_writes = on
	wal_level = replica
	wal_compression = lz4
	min_wal_size = 128MB
	max_wal_size = 2GB
	checkpoint_timeout = 15min
	autovacuum_naptime = 10s
	autovacuum_vacuum_scale_factor = 0.05
	autovacuum_vacuum_cost_delay = 1ms
	timezone = 'UTC'
	log_timezone = 'UTC'
	lc_messages = 'C'
	logging_collector = off
	log_line_prefix = '%m [%p] %a '
	log_min_duration_statement = 1000
	log_checkpoints = off
	cluster_name = 'ferry'
	CONF
}

init() {
	place_read || place_make
	if ! as_owner test -e "$data/ferry.complete"; then
		say "making the cluster in $data"
		# what an earlier attempt that was cut short left behind
		as_owner find "$data" -mindepth 1 -delete
		local log
		log=$(as_owner "$BIN/initdb" -D "$data" -U postgres -E UTF8 --locale=C -A trust -N 2>&1) ||
			die "initdb failed in $data: $(tail -n 3 <<<"$log" | tr '\n' ' ')"
		printf '%s\n' "CREATE ROLE ferry LOGIN CREATEDB;" "$CREATE_DATABASE" |
			as_owner "$BIN/postgres" --single -D "$data" -c log_min_messages=panic postgres >/dev/null ||
			die "the database could not be made in $data"
		as_owner touch "$data/ferry.complete"
	fi
	conf_print | as_owner tee "$data/postgresql.conf" >/dev/null
	# only the owner and root can enter the folder of the socket: who gets there may connect
	printf 'local all all trust\n' | as_owner tee "$data/pg_hba.conf" >/dev/null
}
CREATE_DATABASE="CREATE DATABASE ferry OWNER ferry TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';"

# The server's process id, when it runs: the one that its file names and that works in its folder.
server_pid() {
	local pid
	pid=$(as_owner head -n 1 "$data/postmaster.pid" 2>/dev/null) || return 1
	[ -n "$pid" ] && [ "$(as_owner readlink "/proc/$pid/cwd" 2>/dev/null)" = "$data" ] || return 1
	printf '%s\n' "$pid"
}

answers() { "$BIN/pg_isready" -q -h "$run" -U ferry -d ferry -t 2; }

wait_until_it_answers() {
	local end=$((SECONDS + START_S))
	until answers; do
		[ -z "${1:-}" ] || kill -0 "$1" 2>/dev/null || return 1
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

start() {
	init
	if server_pid >/dev/null; then wait_until_it_answers; return; fi
	local log=$var/log/postgres.log child
	mkdir -p "$var/log"
	[ ! -e "$log" ] || mv "$log" "$log.1"
	(cd / && as_owner setsid "$BIN/postgres" -D "$data" </dev/null >"$log" 2>&1 9<&-) &
	child=$!
	trap 'stop; exit 1' INT TERM HUP
	if ! wait_until_it_answers $child; then
		tail -n 10 "$log" >&2
		stop
		die "the server did not start; the lines above are the end of $log"
	fi
	trap - INT TERM HUP
	disown $child
}

become_server() {
	trap 'exit 130' INT TERM HUP
	init
	trap - INT TERM HUP
	cd /
	pdeath=INT
	if [ "$(id -u)" = 0 ]; then
		exec setpriv --reuid postgres --regid postgres --init-groups --pdeathsig INT \
			${pass:+--inh-caps=+dac_read_search --ambient-caps=+dac_read_search} \
			-- "$BIN/postgres" -D "$data"
	fi
	exec setpriv --pdeathsig INT -- "$BIN/postgres" -D "$data"
}

gone_within() {
	local end=$((SECONDS + $2))
	while server_pid >/dev/null; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

stop() {
	local signal pid
	for signal in INT QUIT KILL; do
		pid=$(server_pid) || return 0
		as_owner kill -$signal "$pid" 2>/dev/null || true
		gone_within "$pid" $STOP_S && return 0
	done
	die "the server $pid does not stop"
}

wipe() {
	stop
	local folder
	for folder in "$data" "$run"; do
		rm -rf "$folder"
		case "$folder" in "$home"/*) ;; *) rmdir "${folder%/*}" 2>/dev/null || true ;; esac
	done
	rm -rf "$home"
}

url() {
	local LC_ALL=C i c out=
	for ((i = 0; i < ${#run}; i++)); do
		c=${run:i:1}
		case "$c" in
		[a-zA-Z0-9/._-]) out+=$c ;;
		*) out+=$(printf %s "$c" | od -An -tx1 | tr -d ' \n' | sed 's/../%&/g') ;;
		esac
	done
	printf 'postgresql:///ferry?host=%s&user=ferry\n' "$out"
}

case "${1:-}" in
init) init ;;
start) start ;;
exec) become_server ;;
wait)
	until place_read; do
		[ $SECONDS -lt $START_S ] || die "there is no cluster under $home"
		sleep 0.05
	done
	wait_until_it_answers || die "the server does not answer after $START_S s" ;;
reset)
	place_read || die "there is no cluster under $home"
	"$BIN/psql" -qX -v ON_ERROR_STOP=1 -h "$run" -U postgres -d postgres \
		-c "SET client_min_messages = error" -c "DROP DATABASE IF EXISTS ferry WITH (FORCE)" -c "$CREATE_DATABASE"
	;;
stop) place_read || exit 0; stop ;;
status)
	if place_read && pid=$(server_pid); then echo "running $pid"; else echo stopped; exit 3; fi ;;
url) place_read || place_make; url ;;
wipe) place_read || exit 0; wipe ;;
*) sed -n '3,20s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
