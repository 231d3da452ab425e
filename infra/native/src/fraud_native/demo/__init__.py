"""`make demo`: the whole path once, from an Avro message to a scored payment, and a report of it."""
