#!/bin/sh
# Renders prometheus.yml for this stack, then becomes Prometheus. Both runtimes run it.
set -eu
folder="$(cd "$(dirname "$0")" && pwd)"
config="$PROMETHEUS_DATA_DIR/prometheus.yml"
# Prometheus wants addresses where the other services want URLs
API_TARGET="${API_URL#*//}"
MINIO_TARGET="${S3_ENDPOINT_URL#*//}"
TRINO_TARGET="${TRINO_URL#*//}"
PROMETHEUS_TARGET="${PROMETHEUS_URL#*//}"
ALERTMANAGER_TARGET="${ALERTMANAGER_URL#*//}"
export API_TARGET MINIO_TARGET TRINO_TARGET PROMETHEUS_TARGET ALERTMANAGER_TARGET
umask 077
mkdir -p "$PROMETHEUS_DATA_DIR"
awk -f "$folder/../render.awk" "$folder/prometheus.yml" >"$config"
exec "$PROMETHEUS" \
    --config.file="$config" \
    --storage.tsdb.path="$PROMETHEUS_DATA_DIR/tsdb" \
    --storage.tsdb.retention.time="$PROMETHEUS_RETENTION" \
    --web.listen-address="$FRAUD_BIND_HOST:$PROMETHEUS_PORT" \
    --web.external-url="http://127.0.0.1:$PROMETHEUS_PORT/"
