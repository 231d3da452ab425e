"""Reads the version numbers that programs print, and compares them with what is wanted."""

import re
from pathlib import Path
from typing import Final

_DOTTED: Final = re.compile(r"(\d+(?:\.\d+)+)")
_NUMBER: Final = re.compile(r"(\d+)")
_JAVA: Final = re.compile(r'version "(\d+)')
_CHUNK: Final = 1 << 20


def first_version(text: str) -> tuple[int, ...]:
    """The first dotted number in what a program printed: ``go version go1.26.8 linux/amd64`` is (1, 26, 8).

    Without one it is the first number; a program that logs its version puts a date before it.

    Raises:
        ValueError: there is no number.
    """
    if match := _DOTTED.search(text) or _NUMBER.search(text):
        return tuple(int(part) for part in match[1].split("."))
    raise ValueError(f"no version number in {text[:80]!r}")


def java_major(text: str) -> int:
    """The major version in what ``java -version`` printed.

    Raises:
        ValueError: the text holds no version.
    """
    if match := _JAVA.search(text):
        return int(match[1])
    raise ValueError(f"no Java version in {text[:80]!r}")


def at_least(found: tuple[int, ...], wanted: str) -> bool:
    """Whether a version is the wanted one or a later one; parts that are not named count as zero."""
    minimum = tuple(int(part) for part in wanted.split("."))
    length = max(len(found), len(minimum))
    return found + (0,) * (length - len(found)) >= minimum + (0,) * (length - len(minimum))


def built_from(binary: Path, module: str, version: str) -> bool:
    """Whether a Go program says of itself that it was built from this version of this module.

    The linker writes the build's module list into the program as plain text.
    """
    mark = f"mod\t{module}\t{version}\t".encode()
    tail = b""
    if not binary.is_file():
        return False
    with binary.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if mark in tail + chunk:
                return True
            tail = chunk[-len(mark) :]
    return False
