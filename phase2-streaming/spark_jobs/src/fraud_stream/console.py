"""Where the commands of this room print."""

import sys

from rich.console import Console

# a pipe has no width: tables must not be cut to the 80 columns of a terminal that is not there
console = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 200)
