import pytest
from py4j.protocol import Py4JJavaError

from fraud_stream.jvm_errors import in_one_line


class JvmError(Py4JJavaError):
    """An error whose text is here and not in a JVM."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            JvmError(
                "An error occurred while calling o55.save.\n: org.apache.spark.SparkException: too large\n\tat a.b"
            ),
            "org.apache.spark.SparkException: too large",
        ),
        (JvmError("An error occurred while calling o55.save."), "An error occurred while calling o55.save."),
        (ValueError("\nthe cause\nthe details"), "the cause"),
        (ConnectionError(), "ConnectionError"),
    ],
)
def test_the_cause_is_named_and_not_the_call(error: Exception, line: str) -> None:
    assert in_one_line(error) == line
