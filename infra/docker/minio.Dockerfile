# syntax=docker/dockerfile:1
# MinIO and its client, built from the pinned modules: upstream publishes no images any more.
ARG GO_IMAGE=golang:1.26.6-bookworm
ARG BASE_IMAGE=debian:12.12-slim

FROM ${GO_IMAGE} AS build
ARG MINIO_VERSION MC_VERSION
RUN --mount=type=cache,target=/root/.cache --mount=type=cache,target=/go/pkg \
    CGO_ENABLED=0 go install -trimpath -ldflags "-s -w" "github.com/minio/minio@$MINIO_VERSION" \
    && CGO_ENABLED=0 go install -trimpath -ldflags "-s -w" "github.com/minio/mc@$MC_VERSION"

FROM ${BASE_IMAGE}
# curl: the healthcheck, and the folder markers that mc cannot make
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home minio && install -d -o minio -g minio /data
COPY --from=build /go/bin/minio /go/bin/mc /usr/local/bin/
USER minio
