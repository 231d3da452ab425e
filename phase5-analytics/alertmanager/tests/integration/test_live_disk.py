"""A disk of the running stack's machine that fills up, and what reaches the receiver; the rules ten times as fast."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.slow]

DISK_MB = 64
# as set-up does where it needs root's rights
AS_ROOT = () if os.geteuid() == 0 else ("sudo", "--non-interactive")


def test_a_disk_that_fills_up_is_a_ticket_and_one_that_is_nearly_full_is_a_page(
    watched: Any, receiver: Any, tmp_path: Path
) -> None:
    with small_disk(tmp_path) as (device, folder):
        fill(folder, "until-86-percent", 0.86)
        ticket = receiver.wait("firing", 180, alertname="DiskFillingUp", device=device, severity="ticket")
        assert ticket["annotations"]["summary"] == f"{device} is filling up"
        fill(folder, "until-97-percent", 0.97)
        page = receiver.wait("firing", 180, alertname="DiskFillingUp", device=device, severity="page")
        assert page["annotations"]["summary"] == f"{device} is nearly full"
        (folder / "until-86-percent").unlink()
        receiver.wait("resolved", 180, alertname="DiskFillingUp", device=device, severity="page")
        receiver.wait("resolved", 180, alertname="DiskFillingUp", device=device, severity="ticket")


def fill(folder: Path, name: str, share: float) -> None:
    """Write a file that fills the disk up to ``share`` of what df counts."""
    found = os.statvfs(folder)
    used, avail = (found.f_blocks - found.f_bfree) * found.f_frsize, found.f_bavail * found.f_frsize
    (folder / name).write_bytes(bytes(int(share * (used + avail)) - used))


@contextmanager
def small_disk(folder: Path) -> Iterator[tuple[str, Path]]:
    """A file system of its own in a file: its device and where it is mounted."""
    image, place = folder / "disk.img", folder / "disk"
    place.mkdir()
    image.touch()
    os.truncate(image, DISK_MB * 1024 * 1024)
    subprocess.run(["/sbin/mkfs.ext4", "-q", image], check=True)
    subprocess.run([*AS_ROOT, "mount", "-o", "loop", image, place], check=True)
    try:
        subprocess.run([*AS_ROOT, "chown", f"{os.geteuid()}", place], check=True)
        device = subprocess.run(
            ["findmnt", "--noheadings", "--output", "SOURCE", place], check=True, capture_output=True, text=True
        )
        yield device.stdout.strip(), place
    finally:
        subprocess.run([*AS_ROOT, "umount", place], check=True)
