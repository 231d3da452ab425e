# syntax=docker/dockerfile:1
# The official broker with the agent that shows its JMX figures to Prometheus.
ARG KAFKA_VERSION
ARG MAVEN_IMAGE=maven:3.9.11-eclipse-temurin-17

FROM ${MAVEN_IMAGE} AS agent
ARG JMX_EXPORTER_VERSION
RUN --mount=type=cache,target=/root/.m2 cd / \
    && mvn --batch-mode --quiet --strict-checksums org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
        -Dartifact=io.prometheus.jmx:jmx_prometheus_javaagent:$JMX_EXPORTER_VERSION -DoutputDirectory=/agent

FROM apache/kafka:${KAFKA_VERSION}
COPY --from=agent /agent/*.jar /opt/jmx/jmx_prometheus_javaagent.jar
