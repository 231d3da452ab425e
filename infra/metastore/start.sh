#!/usr/bin/env bash
# Brings the metastore's schema up to date (safe at every start), then serves it.
set -euo pipefail
conf="$(cd "$(dirname "$0")" && pwd)/conf"
java="${JAVA_HOME:+$JAVA_HOME/bin/}java"
# our jars first: the AWS SDK and Hadoop versions of the extra folder must win
classpath="$conf:$METASTORE_EXTRA_JARS/*:$METASTORE_HOME/lib/*"
# the quick compiler only: halves the processor time of a start
options=(-Xms64m -Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC "-Dlog4j2.configurationFile=$conf/log4j2.properties" -cp "$classpath")
"$java" "${options[@]}" org.apache.hadoop.hive.metastore.tools.schematool.MetastoreSchemaTool -dbType postgres -initOrUpgradeSchema
exec "$java" "${options[@]}" org.apache.hadoop.hive.metastore.HiveMetaStore -p "$METASTORE_PORT"
