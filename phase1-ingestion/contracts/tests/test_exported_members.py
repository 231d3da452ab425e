"""The public surface of fraud_contracts is what ``__all__`` says."""

import ast
import inspect

import fraud_contracts


def test_all_is_sorted_and_complete() -> None:
    imported = {
        alias.asname or alias.name
        for node in ast.parse(inspect.getsource(fraud_contracts)).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(fraud_contracts.__all__) == imported
    assert len(fraud_contracts.__all__) == len(imported)


def test_every_name_exists() -> None:
    assert [name for name in fraud_contracts.__all__ if not hasattr(fraud_contracts, name)] == []
