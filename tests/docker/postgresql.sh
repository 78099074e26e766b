#!/bin/sh
# As the public image does: make the user and the database where there are none, then serve.
set -eu
data=/var/lib/postgresql/data/main
if [ ! -s "$data/PG_VERSION" ]; then
    printf %s "$POSTGRES_PASSWORD" >/tmp/password
    initdb -D "$data" -A scram-sha-256 -U "$POSTGRES_USER" --pwfile /tmp/password -E UTF8 >/dev/null
    rm /tmp/password
    echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
    echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D "$data" postgres >/dev/null
fi
exec postgres -D "$data" -c 'listen_addresses=*' -c unix_socket_directories=/tmp
