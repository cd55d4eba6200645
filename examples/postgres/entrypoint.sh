#!/bin/sh
# Makes the database in an empty volume, with the password of POSTGRES_PASSWORD, and becomes the server as the user postgres.
set -eu
bin=$(dirname "$(ls /usr/lib/postgresql/*/bin/postgres)")
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /run/postgresql
    chown postgres:postgres "$PGDATA" /run/postgresql
    chmod 700 "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    : "${POSTGRES_PASSWORD:?give the first start a password: -e POSTGRES_PASSWORD=…}"
    printf '%s' "$POSTGRES_PASSWORD" >/tmp/password
    "$bin/initdb" --username=postgres --pwfile=/tmp/password --auth-host=scram-sha-256 --auth-local=trust >/dev/null
    rm /tmp/password
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    echo "made a database in $PGDATA"
fi
exec "$bin/postgres" -c listen_addresses='*' "$@"
