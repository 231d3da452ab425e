"""Payment simulator, file replay and Kafka producer."""
