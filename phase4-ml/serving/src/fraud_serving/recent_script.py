"""What the API and feature_writer agree on beside the script itself."""

import hashlib
from typing import Final

from fraud_contracts import recent_key
from fraud_features import RECENT_SCRIPT

SCRIPT_SHA: Final = hashlib.sha1(RECENT_SCRIPT.encode(), usedforsecurity=False).hexdigest()
"""Name under which Redis keeps the script."""


def caught_up_key(topic: str) -> str:
    """Key that feature_writer sets once it has read every event of its topic.

    A Redis that lost its memory has no such key: a payment scored meanwhile is flagged instead of being taken for a
    user's first.
    """
    return recent_key("writer", topic)
