import pytest

from fraud_native.interpolation import MissingVariableError, interpolate, interpolate_all, variables_in

VARIABLES = {"HOST": "127.0.0.1", "EMPTY": "", "PRICE": "5$"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${HOST}:${HOST}", "127.0.0.1:127.0.0.1"),
        ("$HOST/x", "127.0.0.1/x"),
        ("${MISSING:-there}", "there"),
        ("${EMPTY:-there}", "there"),
        ("${EMPTY-there}", ""),
        ("${MISSING-}", ""),
        ("${HOST:+set}", "set"),
        ("${EMPTY:+set}", ""),
        ("${EMPTY+set}", "set"),
        ("${IMAGE:-kafka:${HOST:?}}", "kafka:127.0.0.1"),
        ("$$HOST costs ${PRICE}", "$HOST costs 5$"),
        ("100% $ 5", "100% $ 5"),
    ],
)
def test_variables_are_filled_in_as_compose_does(text: str, expected: str) -> None:
    assert interpolate(text, VARIABLES) == expected


@pytest.mark.parametrize("text", ["${MISSING:?say why}", "${EMPTY:?say why}"])
def test_a_required_variable_that_is_missing_is_named_with_its_reason(text: str) -> None:
    with pytest.raises(MissingVariableError, match="is not set: say why"):
        interpolate(text, VARIABLES)


@pytest.mark.parametrize("text", ["${MISSING}", "$MISSING"])
def test_a_variable_without_a_default_must_exist(text: str) -> None:
    with pytest.raises(MissingVariableError, match="MISSING is not set"):
        interpolate(text, VARIABLES)


def test_nested_values_are_filled_in() -> None:
    assert interpolate_all({"a": ["$HOST", 1], "b": {"c": "${HOST}"}}, VARIABLES) == {
        "a": ["127.0.0.1", 1],
        "b": {"c": "127.0.0.1"},
    }


def test_the_variables_of_a_text_are_found() -> None:
    assert variables_in({"a": ["${ONE:-${TWO}}", "$THREE"], "b": "$$FOUR"}) == {"ONE", "TWO", "THREE"}
