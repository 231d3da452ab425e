"""Deletes the data of a stack."""

import shutil

from fraud_native.paths import Stack


def remove_data(stack: Stack) -> None:
    """Deletes the stack's state folder but for its ``.env``, and for the state of the other stack inside it."""
    kept = {stack.env_file, *(Stack(name).state for name in ("main", "test"))}
    if not stack.state.exists():
        return
    for path in stack.state.iterdir():
        if path in kept:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
