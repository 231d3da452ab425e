"""Every random draw has an address: the same seed, purpose and period always give the same numbers."""

from enum import IntEnum

import numpy as np
import numpy.typing as npt


class Purpose(IntEnum):
    """What a generator is used for. Numbers are part of the stream's identity: never reuse or change one."""

    MERCHANTS = 1
    USERS = 2
    TRIPS = 3
    PHONES = 4
    COMPROMISES = 5
    PAYMENTS = 6
    FRAUD = 7
    LABELS = 8
    INJECTION = 9
    TERMINALS = 10
    CROOKS = 11
    MULES = 12
    RISES = 13
    LOOK_ALIKES = 14
    LOGINS = 40
    CARD_EVENTS = 41
    KYC_PROFILES = 42
    PROFILES = 43
    EXTERNAL_ALERTS = 44
    TICKS = 45


def generator(seed: int, purpose: Purpose, period: int = 0) -> np.random.Generator:
    """A generator for one purpose in one period (a day or a longer epoch, counted from 1970)."""
    return np.random.default_rng([seed, int(purpose), period])


def scramble(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """Turn small numbers into ones that look unrelated and stay distinct (the finaliser of splitmix64)."""
    value = codes.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: npt.NDArray[np.uint64] = value ^ (value >> np.uint64(31))
    return mixed
