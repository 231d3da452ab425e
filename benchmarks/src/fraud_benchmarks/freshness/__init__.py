"""How long a message takes from its acknowledgement until a reader of the Delta table sees it."""
