# syntax=docker/dockerfile:1
# Hive's standalone metastore with what it needs to reach S3 and PostgreSQL, without the rest of Hive and Hadoop.
ARG JAVA_IMAGE=eclipse-temurin:17.0.16_8-jre
ARG MAVEN_IMAGE=maven:3.9.11-eclipse-temurin-17

FROM ${MAVEN_IMAGE} AS build
ARG HIVE_METASTORE_VERSION HADOOP_VERSION AWS_SDK_VERSION
COPY infra/metastore/pom.xml /build/
RUN --mount=type=cache,target=/root/.m2 cd /build \
    && plugin=org.apache.maven.plugins:maven-dependency-plugin:3.8.1 \
    && mvn --batch-mode --quiet --strict-checksums "$plugin:copy-dependencies" -DincludeScope=runtime \
        -DHADOOP_VERSION=$HADOOP_VERSION -DAWS_SDK_VERSION=$AWS_SDK_VERSION -DoutputDirectory=/build/extra \
    && cd / && mvn --batch-mode --quiet --strict-checksums "$plugin:copy" -DoutputDirectory=/build \
        -Dartifact=org.apache.hive:hive-standalone-metastore-server:$HIVE_METASTORE_VERSION:tar.gz:bin \
    && mkdir /build/metastore \
    && tar --extract --gzip --strip-components=1 --directory /build/metastore --file /build/*-bin.tar.gz

FROM ${JAVA_IMAGE}
COPY --from=build /build/metastore /opt/metastore
COPY --from=build /build/extra /opt/metastore-extra
ENV METASTORE_HOME=/opt/metastore
RUN useradd --uid 10001 --create-home metastore
USER metastore
