"""What the API and feature_writer agree on beside the script itself."""

import hashlib
from typing import Final

from fraud_contracts import recent_key
from fraud_features import RECENT_SCRIPT
from fraud_serving.settings import Settings

SCRIPT_SHA: Final = hashlib.sha1(RECENT_SCRIPT.encode(), usedforsecurity=False).hexdigest()
"""Name under which Redis keeps the script."""


def caught_up_key(settings: Settings) -> str:
    """Key that feature_writer sets once it has read every event of its topics.

    It names them: with one topic more the history is not complete yet. A Redis that lost its memory has no such key: a
    payment scored meanwhile is flagged instead of being taken for a user's first.
    """
    return recent_key("writer", f"{settings.feature_writer_topic}+{settings.feature_writer_logins_topic}")
