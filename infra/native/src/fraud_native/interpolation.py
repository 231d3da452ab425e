"""Compose's variables in texts: ``$VAR``, ``${VAR}``, ``${VAR:-default}``, ``${VAR:?message}``, ``${VAR:+other}``."""

import re
from collections.abc import Mapping
from typing import Any, Final

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
# innermost braces first, so that a default may itself hold a variable
_BRACED: Final = re.compile(rf"\$\{{({_NAME})(?:(:?[-?+])([^${{}}]*))?\}}")
_PLAIN: Final = re.compile(rf"\$({_NAME})")
_VARIABLES: Final = re.compile(rf"\$\{{?({_NAME})")
_DOLLAR: Final = "\0"


class MissingVariableError(ValueError):
    """A variable that must be set is not."""


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Replaces the variables of a text as Compose does; ``$$`` stands for one dollar.

    Raises:
        MissingVariableError: a variable marked with ``?``, or one without a default, is missing.
    """

    def braced(match: re.Match[str]) -> str:
        name, operator, operand = match.group(1), match.group(2) or "", match.group(3) or ""
        value = variables.get(name)
        present = value is not None and not (operator.startswith(":") and value == "")
        if operator.endswith("+"):
            return operand if present else ""
        if present and value is not None:
            return value.replace("$", _DOLLAR)
        if operator.endswith("-"):
            return operand
        raise MissingVariableError(f"{name} is not set{': ' + operand if operand else ''}")

    def plain(match: re.Match[str]) -> str:
        if (value := variables.get(match.group(1))) is None:
            raise MissingVariableError(f"{match.group(1)} is not set")
        return value.replace("$", _DOLLAR)

    text = text.replace("$$", _DOLLAR)
    while (replaced := _BRACED.sub(braced, text)) != text:
        text = replaced
    return _PLAIN.sub(plain, text).replace(_DOLLAR, "$")


def interpolate_all(value: Any, variables: Mapping[str, str]) -> Any:
    """Interpolates every text inside nested lists and dictionaries."""
    if isinstance(value, str):
        return interpolate(value, variables)
    if isinstance(value, list):
        return [interpolate_all(item, variables) for item in value]
    if isinstance(value, dict):
        return {key: interpolate_all(item, variables) for key, item in value.items()}
    return value


def variables_in(value: Any) -> set[str]:
    """Names of all variables that a text, list or dictionary refers to."""
    if isinstance(value, str):
        return set(_VARIABLES.findall(value.replace("$$", "")))
    if isinstance(value, dict):
        value = list(value.values())
    return {name for item in value for name in variables_in(item)} if isinstance(value, list) else set()
