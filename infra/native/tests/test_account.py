import os
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest

from fraud_native.account import as_user, closed_parent

USER = "nobody"


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A folder of another user inside one that only we can enter."""
    parent = tmp_path / "closed"
    folder = parent / "data"
    folder.mkdir(parents=True)
    (folder / "file").write_text("reached", encoding="utf-8")
    if os.geteuid() == 0:
        account = pwd.getpwnam(USER)
        os.chown(folder, account.pw_uid, account.pw_gid)
    parent.chmod(0o700)
    return folder


def test_the_first_closed_parent_is_named(closed: Path) -> None:
    found = closed_parent(closed, USER)
    assert found is not None
    assert found in closed.parents


def test_an_open_path_has_no_closed_parent() -> None:
    assert closed_parent(Path("/usr/bin/env"), USER) is None


def test_a_process_of_another_user_reaches_its_folder_behind_a_closed_one(closed: Path) -> None:
    cat = shutil.which("cat") or "/bin/cat"
    done = subprocess.run(
        as_user([cat, str(closed / "file")], USER, closed), capture_output=True, text=True, check=False, cwd="/"
    )
    assert (done.stdout, done.stderr) == ("reached", "")


def test_nothing_changes_where_no_user_is_wanted(closed: Path) -> None:
    assert as_user(["/bin/true"], None, closed) == ["/bin/true"]
