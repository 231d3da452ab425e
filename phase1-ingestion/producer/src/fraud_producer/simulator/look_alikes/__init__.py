"""Honest look-alikes of whole fraud episodes: each a module that says which crude rule it deceives, and does it.

A new one is a function ``(stage, episodes) -> Payments`` in a module of its name, an entry at the end of
``catalogue.LOOK_ALIKES``, a test in ``test_look_alikes.py`` that the pattern is there, and the rule that it deceives in
``test_crude_rules.py``. What everyday life brings along by itself is in ``behaviour`` and ``transfers``.
"""

from fraud_producer.simulator.look_alikes.catalogue import LOOK_ALIKES, LookAlike, honest_look_alikes

__all__ = ["LOOK_ALIKES", "LookAlike", "honest_look_alikes"]
