#!/bin/sh
# COPY of a file of readings into PostgreSQL 15, as a private server over a socket in a folder of its own.
#
#   postgres-copy.sh FILE FOLDER [with-key]
#
# FILE: tab-separated meter, start second, value. Prints the seconds that the server took for COPY, and no more. With
# `with-key` the table has the natural key of a reading as its primary key, which COPY alone does not need.
set -eu
file=$1 folder=$2 key=${3:-}
bin=/usr/lib/postgresql/15/bin
if [ ! -x "$bin/postgres" ]; then
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql-15; } >&2
fi
# The server refuses to run as root.
as_server() {
    if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}
if [ "$(id -u)" = 0 ]; then chown postgres "$folder"; chmod a+r "$file"; fi
chmod a+x "$(dirname "$folder")" "$folder"
if [ ! -d "$folder/data" ]; then
    as_server "$bin/initdb" -D "$folder/data" -A trust -U postgres >&2
fi
as_server "$bin/pg_ctl" -D "$folder/data" -w -o "-c listen_addresses='' -k $folder" -l "$folder/log" start >&2
trap 'as_server "$bin/pg_ctl" -D "$folder/data" -m fast stop >&2' EXIT
sql() { as_server "$bin/psql" -h "$folder" -U postgres -d postgres -v ON_ERROR_STOP=1 -qAt "$@"; }
sql -c 'DROP TABLE IF EXISTS readings' \
    -c "CREATE TABLE readings (meter integer NOT NULL, start bigint NOT NULL, value bigint NOT NULL)"
if [ "$key" = with-key ]; then sql -c 'ALTER TABLE readings ADD PRIMARY KEY (meter, start)'; fi
begin=$(date +%s.%N)
sql -c "\\copy readings FROM '$file'"
end=$(date +%s.%N)
echo "$end - $begin" | awk '{ printf "%.6f\n", $1 - $3 }'
