#!/bin/sh
# Gives the volume to the user redis and becomes the server as that user.
set -eu
if [ "$(id -u)" = 0 ]; then
    chown redis:redis /data
    exec setpriv --reuid=redis --regid=redis --init-groups "$0" "$@"
fi
exec redis-server --dir /data --appendonly yes --bind '* -::*' --protected-mode no "$@"
