"""What Spark's JVM says when something fails, short enough for a line of the log."""

from py4j.protocol import Py4JJavaError


def in_one_line(error: BaseException) -> str:
    """The line of an error's text that names its cause, or its class where it has no text."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    # the first line of a Java error names only the call that met it
    is_call = isinstance(error, Py4JJavaError) and len(lines) > 1
    return lines[1].removeprefix(": ") if is_call else lines[0]
