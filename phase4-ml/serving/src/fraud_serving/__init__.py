"""The scoring API, its online features and its decision records."""
