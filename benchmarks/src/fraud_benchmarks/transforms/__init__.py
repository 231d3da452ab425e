"""Silver and Gold: an increment against a full refresh, and against the increment of a short history."""
