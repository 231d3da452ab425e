"""Runs a program as another system user: PostgreSQL refuses to run as root.

Standard library only: it is imported at every start of a service.
"""

import os
import pwd
from pathlib import Path

# Lets the process pass folders that are closed to its user; it grants no writing.
_PASS_FOLDERS = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")


def as_user(command: list[str], user: str | None, folder: Path) -> list[str]:
    """The command under ``setpriv``, or the command itself when we are not root or no user is wanted.

    Where a parent of ``folder`` is closed to the user (a clone under ``/root``, say), the process also gets the one
    capability that lets it through.
    """
    if not user or os.geteuid() != 0:
        return command
    passage = _PASS_FOLDERS if closed_parent(folder, user) else ()
    group = pwd.getpwnam(user).pw_gid
    return ["/usr/bin/setpriv", f"--reuid={user}", f"--regid={group}", "--init-groups", *passage, "--", *command]


def closed_parent(folder: Path, user: str) -> Path | None:
    """The first parent folder that a user cannot enter."""
    account = pwd.getpwnam(user)
    for parent in reversed(folder.absolute().parents):
        status = parent.stat()
        owner = status.st_uid == account.pw_uid and status.st_mode & 0o100
        group = status.st_gid == account.pw_gid and status.st_mode & 0o010
        if not (owner or group or status.st_mode & 0o001):
            return parent
    return None
