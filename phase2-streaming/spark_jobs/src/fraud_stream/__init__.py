"""Kafka to Delta Bronze with Spark, and what proves it lost nothing."""
