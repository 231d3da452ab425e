"""What ends a benchmark; the text is one sentence for the user."""


class BenchmarkError(Exception):
    """A benchmark cannot be run, or a process that it started failed."""
