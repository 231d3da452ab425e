# syntax=docker/dockerfile:1
# Our own services, from requirements.lock by the same bootstrap as without containers. Targets: fraud (producer,
# serving, MLflow), fraud-spark (the same with Java and Spark's jars), airflow (the same with Airflow's environment) and
# superset (Superset's environment alone).
# Built by: docker compose build
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm
ARG JAVA_IMAGE=eclipse-temurin:17.0.16_8-jre
ARG MAVEN_IMAGE=maven:3.9.11-eclipse-temurin-17

FROM ${PYTHON_IMAGE} AS environment
WORKDIR /opt/fraud
COPY . .
RUN --mount=type=cache,target=/root/.cache bash infra/native/bootstrap.sh

FROM ${MAVEN_IMAGE} AS jars
ARG SPARK_VERSION DELTA_VERSION HADOOP_VERSION AWS_SDK_VERSION
COPY infra/spark/pom.xml /spark/
RUN --mount=type=cache,target=/root/.m2 \
    mvn --batch-mode --quiet --strict-checksums --file /spark/pom.xml \
        -DSPARK_VERSION=$SPARK_VERSION -DDELTA_VERSION=$DELTA_VERSION \
        -DHADOOP_VERSION=$HADOOP_VERSION -DAWS_SDK_VERSION=$AWS_SDK_VERSION \
        org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory=/spark/jars
# Two versions of a library on one class path do not mix: what pyspark ships wins, but for the AWS SDK's own modules.
COPY --from=environment /opt/fraud/.venv/lib/python3.11/site-packages/pyspark/jars /spark/shipped
RUN cd /spark/jars && for jar in *.jar; do \
        artifact=$(echo "$jar" | sed 's/-[0-9].*//'); \
        case "$jar" in *-$AWS_SDK_VERSION.jar) continue ;; esac; \
        if ls /spark/shipped/$artifact-[0-9]*.jar >/dev/null 2>&1; then rm "$jar"; fi; \
    done

FROM ${PYTHON_IMAGE} AS airflow-environment
WORKDIR /opt/fraud/phase3-transforms/airflow
ARG UV_VERSION
COPY phase3-transforms/airflow/requirements.lock infra/native/requirements-uv.txt ./
RUN --mount=type=cache,target=/root/.cache \
    pip install --quiet --only-binary :all: --require-hashes --requirement requirements-uv.txt \
    && uv venv .venv \
    && uv pip sync --python .venv --require-hashes --compile-bytecode requirements.lock

FROM ${PYTHON_IMAGE} AS superset-environment
WORKDIR /opt/fraud/phase5-analytics/superset
ARG UV_VERSION
COPY phase5-analytics/superset/requirements.lock infra/native/requirements-uv.txt ./
RUN --mount=type=cache,target=/root/.cache \
    pip install --quiet --only-binary :all: --require-hashes --requirement requirements-uv.txt \
    && uv venv .venv \
    && uv pip sync --python .venv --require-hashes --compile-bytecode requirements.lock

FROM ${JAVA_IMAGE} AS java

FROM ${PYTHON_IMAGE} AS fraud
# curl is what the healthchecks ask with
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends curl && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home fraud \
    && install -d -o fraud -g fraud /var/lib/fraud /var/lib/fraud/ledger /opt/airflow
COPY --from=environment /opt/fraud /opt/fraud
ENV PATH=/opt/fraud/.venv/bin:$PATH TZ=UTC
WORKDIR /var/lib/fraud
USER fraud

FROM fraud AS fraud-spark
COPY --from=java /opt/java/openjdk /opt/java/openjdk
COPY --from=jars /spark/jars /opt/fraud/spark-jars

FROM fraud AS airflow
COPY --from=airflow-environment /opt/fraud/phase3-transforms/airflow/.venv /opt/fraud/phase3-transforms/airflow/.venv
ENV PATH=/opt/fraud/phase3-transforms/airflow/.venv/bin:$PATH
WORKDIR /opt/airflow

FROM ${PYTHON_IMAGE} AS superset
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends curl && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home fraud \
    && install -d -o fraud -g fraud /var/lib/fraud /var/lib/fraud/superset
COPY --from=superset-environment /opt/fraud/phase5-analytics/superset/.venv /opt/fraud/phase5-analytics/superset/.venv
COPY phase5-analytics/superset /opt/fraud/phase5-analytics/superset
ENV PATH=/opt/fraud/phase5-analytics/superset/.venv/bin:$PATH TZ=UTC
WORKDIR /var/lib/fraud
USER fraud
