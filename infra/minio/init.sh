#!/usr/bin/env bash
# Makes the bucket, one user per component with a least-privilege policy, and the folder markers. Safe to repeat.
set -euo pipefail
cd "$(dirname "$0")"
config="$(mktemp -d)"
trap 'rm -rf "$config"' EXIT
# MC_HOST_<alias> keeps the root key out of mc's configuration file and out of the process list
export MC_HOST_lake="${S3_ENDPOINT_URL/:\/\//://$MINIO_ROOT_USER:$MINIO_ROOT_PASSWORD@}"
mc() { command "${MC:-mc}" --config-dir "$config" --quiet "$@"; }

mc mb --ignore-existing --region "$S3_REGION" "lake/$S3_BUCKET"

add_user() { # policy, access key, secret key
    sed "s/@BUCKET@/$S3_BUCKET/g" "policies/$1.json" >"$config/$1.json"
    mc admin policy create lake "$1" "$config/$1.json"
    printf '%s\n%s\n' "$2" "$3" | mc admin user add lake
    # attaching what is attached already is an error
    if ! mc admin policy entities lake --user "$2" | grep -qw "$1"; then
        mc admin policy attach lake "$1" --user "$2"
    fi
}
add_user spark "$SPARK_S3_ACCESS_KEY" "$SPARK_S3_SECRET_KEY"
add_user trino "$TRINO_S3_ACCESS_KEY" "$TRINO_S3_SECRET_KEY"
add_user metastore "$METASTORE_S3_ACCESS_KEY" "$METASTORE_S3_SECRET_KEY"
add_user mlflow "$MLFLOW_S3_ACCESS_KEY" "$MLFLOW_S3_SECRET_KEY"
add_user gold-reader "$GOLD_READER_S3_ACCESS_KEY" "$GOLD_READER_S3_SECRET_KEY"
add_user checkpoint-reader "$CHECKPOINT_READER_S3_ACCESS_KEY" "$CHECKPOINT_READER_S3_SECRET_KEY"

# The metastore's key only reads: without these markers it would try to make the schemas' folders, and fail.
# mc refuses names that end in a slash. The root key goes to curl by its standard input.
for prefix in bronze quarantine silver gold operations; do
    printf 'user = "%s:%s"\n' "$MINIO_ROOT_USER" "$MINIO_ROOT_PASSWORD" |
        curl --config - --fail --silent --show-error --aws-sigv4 "aws:amz:$S3_REGION:s3" \
            --request PUT --header 'Content-Length: 0' "$S3_ENDPOINT_URL/$S3_BUCKET/$prefix/"
done
