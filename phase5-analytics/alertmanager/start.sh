#!/bin/sh
# Renders alertmanager.yml for this stack, then becomes Alertmanager. Both runtimes run it.
set -eu
folder="$(cd "$(dirname "$0")" && pwd)"
config="$ALERTMANAGER_DATA_DIR/alertmanager.yml"
# the address of a receiver may hold a secret
umask 077
mkdir -p "$ALERTMANAGER_DATA_DIR"
awk -f "$folder/../render.awk" "$folder/alertmanager.yml" >"$config"
# one instance has nobody to talk to: its cluster listener stays off
exec "$ALERTMANAGER" \
    --config.file="$config" \
    --storage.path="$ALERTMANAGER_DATA_DIR" \
    --cluster.listen-address= \
    --web.listen-address="$FRAUD_BIND_HOST:$ALERTMANAGER_PORT" \
    --web.external-url="http://127.0.0.1:$ALERTMANAGER_PORT/"
