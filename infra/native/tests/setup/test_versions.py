from pathlib import Path

import pytest

from fraud_native.setup.versions import at_least, built_from, first_version, java_major


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64", (7, 0, 15)),
        ('time="2026-11-22T09:10:18Z" level=info msg="Redis Metrics Exporter 1.45.0-2+b4"', (1, 45, 0)),
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", (15, 18)),
    ],
)
def test_first_version_reads_what_programs_print(printed: str, version: tuple[int, ...]) -> None:
    assert first_version(printed) == version


def test_a_text_without_a_version_is_an_error() -> None:
    with pytest.raises(ValueError, match="no version number"):
        first_version("command not found")
    with pytest.raises(ValueError, match="no Java version"):
        java_major("Error: could not find libjava.so")


def test_java_major_of_old_and_new_forms() -> None:
    assert java_major('openjdk version "17.0.15" 2025-04-15') == 17
    assert java_major('openjdk version "25" 2025-09-16') == 25


@pytest.mark.parametrize(
    ("found", "wanted", "enough"),
    [((1, 24), "1.24", True), ((1, 23, 9), "1.24", False), ((1, 24), "1.24.0", True), ((2,), "1.24", True)],
)
def test_at_least_compares_numbers_not_texts(found: tuple[int, ...], wanted: str, enough: bool) -> None:
    assert at_least(found, wanted) is enough


def test_a_go_program_is_recognised_across_the_border_of_two_chunks(tmp_path: Path) -> None:
    program = tmp_path / "mc"
    program.write_bytes(b"\0" * ((1 << 20) - 7) + b"mod\tgithub.com/minio/mc\tv1.2.3\th1:x" + b"\0" * 9)
    assert built_from(program, "github.com/minio/mc", "v1.2.3")
    assert not built_from(program, "github.com/minio/mc", "v1.2")
    assert not built_from(program, "github.com/minio/minio", "v1.2.3")
    assert not built_from(tmp_path / "missing", "github.com/minio/mc", "v1.2.3")
