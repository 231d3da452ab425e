"""What a loss of power takes from a process that has just been killed: whatever the kernel has not yet put on the disk.

The kernel itself is asked, page by page: cachestat(2), Linux 6.5 or later, on a file system that writes back to a disk.
"""

import ctypes
import os
from pathlib import Path

CACHESTAT = 451
PAGE = os.sysconf("SC_PAGE_SIZE")


class _Range(ctypes.Structure):
    _fields_ = (("off", ctypes.c_uint64), ("len", ctypes.c_uint64))


class _Pages(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint64) for name in ("cached", "dirty", "writeback", "evicted", "recently_evicted")
    )


_libc = ctypes.CDLL(None, use_errno=True)


def unwritten_pages(file: int, length: int) -> int:
    """How many of the first ``length`` bytes' pages are changed and not on the disk; ``file`` is a descriptor.

    Raises:
        OSError: the kernel cannot say.
    """
    if not length:
        return 0
    found = _Pages()
    span = _Range(0, length)
    if _libc.syscall(CACHESTAT, file, ctypes.byref(span), ctypes.byref(found), 0):
        number = ctypes.get_errno()
        raise OSError(number, f"cachestat: {os.strerror(number)}; Linux 6.5 or later has it")
    return int(found.dirty + found.writeback)


def durable_length(path: Path) -> int:
    """Bytes at the beginning of a file that are on the disk: up to its first page that is not."""
    size = path.stat().st_size
    with path.open("rb") as file:
        clean, unknown = 0, -(-size // PAGE)
        if not unwritten_pages(file.fileno(), size):
            return size
        # so many pages are written for sure, and so many are not
        while unknown - clean > 1:
            middle = (clean + unknown) // 2
            if unwritten_pages(file.fileno(), middle * PAGE):
                unknown = middle
            else:
                clean = middle
    return clean * PAGE


def lose_unwritten(folder: Path, pattern: str) -> int:
    """Cut every file of a folder tree back to what is on the disk; how many bytes are gone."""
    # all are asked before the first is cut, which writes
    lengths = {path: durable_length(path) for path in sorted(folder.rglob(pattern))}
    lost = 0
    for path, length in lengths.items():
        lost += path.stat().st_size - length
        os.truncate(path, length)
    return lost
