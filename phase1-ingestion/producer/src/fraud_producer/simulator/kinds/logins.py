"""Sign-ins: ordinary ones before online payments with the failures that people make, and attacks.

The honest look-alikes are deliberate: people mistype passwords, lock themselves out and sign in with a phone that was
never seen before. An attack is a storm of failures on one user (brute force) or one failure each on many (a leaked list
of passwords); a takeover's storm ends with a success on the device that pays a little later.
"""

from typing import Final

import numpy as np

from fraud_producer.simulator.geography import CITY_LATITUDE, CITY_LONGITUDE, Bools, Floats, Ints
from fraud_producer.simulator.kinds.day import HOUR_US, MINUTE_US, SECOND_US, Day, Victims, own_phones
from fraud_producer.simulator.kinds.places import countries_at
from fraud_producer.simulator.kinds.rows import Objects, Part, nothing, or_null, pick, same, spread, texts
from fraud_producer.simulator.payments import FRAUD_CODE_START, Channel, address_hashes, device_ids
from fraud_producer.simulator.population import home_addresses
from fraud_producer.simulator.randomness import scramble
from fraud_producer.simulator.scenarios.stage import steps

# Sign-ins per honest online payment at LOGIN_RATE=1: most merchants know the card, and a session serves several.
SIGN_INS_PER_PAYMENT: Final = 0.23
MISTYPED_SHARE: Final = 0.07
LOCKED_OUT_SHARE: Final = 0.004
CHALLENGED_SHARE: Final = 0.03
# Attacks that come to nothing, per 1,000 users and day.
BRUTE_FORCES: Final = 0.2
PASSWORD_LISTS: Final = 0.05
# Takeovers that guess the password; the others have it from a phishing page.
GUESSED_SHARE: Final = 0.6
# Scenarios whose fraudsters sign in as the victim; some always guess.
SIGNS_IN: Final = frozenset({"account_takeover", "brute_force_login"})
ALWAYS_GUESSES: Final = frozenset({"brute_force_login"})

_APP_METHODS: Final = {"BIOMETRIC": 0.6, "DEVICE_KEY": 0.15, "PASSWORD": 0.25}
_WEB_METHODS: Final = {"PASSWORD": 0.6, "ONE_TIME_CODE": 0.4}


def logins(rng: np.random.Generator, day: Day) -> list[Part]:
    """All sign-ins that follow from a day."""
    attacks = [_brute_forces(rng, day), _password_lists(rng, day)] if day.config.fraud_rate else []
    return _honest(rng, day) + attacks + logins_of_fraud(rng, day)


def logins_of_fraud(rng: np.random.Generator, day: Day) -> list[Part]:
    """Sign-ins of the fraudsters who paid on a day."""
    guessers = day.victims.of(ALWAYS_GUESSES)
    others = day.victims.of(SIGNS_IN - ALWAYS_GUESSES)
    return [
        *_takeovers(rng, day, guessers, np.ones(len(guessers), dtype=np.bool_)),
        *_takeovers(rng, day, others, rng.random(len(others)) < GUESSED_SHARE),
    ]


def sign_ins_at_home(day: Day, user: Ints, moment: Ints) -> Part:
    """These users look at their accounts on their phones, at home."""
    count = len(user)
    phone = own_phones(day, user)
    who = _Who(day, user, phone, home_addresses(day.users, user), day.users.latitude[user], day.users.longitude[user])
    sessions = texts([f"s-{number:016x}" for number in scramble(moment).tolist()])
    return who.part(moment, moment, "SUCCESS", same("BIOMETRIC", count), same("APP", count), session=sessions)


def _honest(rng: np.random.Generator, day: Day) -> list[Part]:
    """Sign-ins minutes before honest online payments, what went wrong before them, and a few for nothing."""
    payments = day.payments
    online = (payments.channel == Channel.ONLINE) | (payments.channel == Channel.MOBILE)
    # a standing order goes out by itself, from no device
    rows = np.flatnonzero(online & (payments.scenario == 0) & (payments.device != 0))
    times = rng.poisson(day.config.login_rate * SIGN_INS_PER_PAYMENT, len(rows))
    sign_in, step = steps(times)
    row = rows[sign_in]
    count = len(row)
    # the first is for the payment; any further one only looks at the account, some hours off
    lead = np.where(step == 0, spread(rng, 0.4, 9, count, MINUTE_US), spread(rng, 60, 720, count, MINUTE_US))
    moment = payments.event_time[row] - lead
    who = _Who.of_payments(day, row)
    app = payments.channel[row] == Channel.MOBILE
    method = np.where(app, pick(rng, _APP_METHODS, count), pick(rng, _WEB_METHODS, count))
    channel = np.where(app, same("APP", count), same("WEB", count))
    cause = payments.event_time[row]
    success = who.part(moment, cause, "SUCCESS", method, channel, session=_sessions(day, row, step))

    draw = rng.random(count)
    locked = np.flatnonzero(draw < LOCKED_OUT_SHARE)
    mistyped = np.flatnonzero((draw >= LOCKED_OUT_SHARE) & (draw < LOCKED_OUT_SHARE + MISTYPED_SHARE))
    challenged = np.flatnonzero(draw > 1 - CHALLENGED_SHARE)
    parts = [success]
    for chosen, low, high in ((mistyped, 1, 2), (locked, 3, 5)):
        failure, number = steps(rng.integers(low, high + 1, len(chosen)))
        source = chosen[failure]
        # somebody who is locked out calls first, and signs in an hour later
        pause = np.where(draw[source] < LOCKED_OUT_SHARE, 50 * MINUTE_US, 0)
        before = pause + (number + 1) * spread(rng, 6, 25, len(source), SECOND_US)
        parts.append(
            who.take(source).part(
                moment[source] - before,
                cause[source],
                "FAILURE",
                same("PASSWORD", len(source)),
                channel[source],
                reason="WRONG_PASSWORD",
            )
        )
    parts.append(
        who.take(locked).part(
            moment[locked] - 50 * MINUTE_US,
            cause[locked],
            "LOCKED",
            same("PASSWORD", len(locked)),
            channel[locked],
            reason="TOO_MANY_FAILURES",
        )
    )
    parts.append(
        who.take(challenged).part(
            moment[challenged] - spread(rng, 10, 60, len(challenged), SECOND_US),
            cause[challenged],
            "CHALLENGED",
            same("PASSWORD", len(challenged)),
            channel[challenged],
        )
    )
    return parts


def _takeovers(rng: np.random.Generator, day: Day, victims: Victims, guesses: Bools) -> list[Part]:
    """Sign-ins of fraudsters shortly before their first payment, with the storm of those who guess."""
    count = len(victims)
    row = victims.first
    cause = victims.first_us
    who = _Who.of_payments(day, row)
    # on the victim's own phone nobody needs to guess: it is open
    remote_access = day.payments.device[row] < FRAUD_CODE_START
    moment = victims.first_us - spread(rng, 2, 45, count, MINUTE_US)
    guessed = ~remote_access & guesses
    phished = np.flatnonzero(~remote_access & ~guessed)
    method = same("PASSWORD", count)
    method[phished] = "ONE_TIME_CODE"
    method[remote_access] = "DEVICE_KEY"
    channel = np.where(remote_access, same("APP", count), same("WEB", count))
    # numbers below zero are no step of an honest sign-in
    success = who.part(moment, cause, "SUCCESS", method, channel, session=_sessions(day, row, np.full(count, -1)))
    challenge = who.take(phished).part(
        moment[phished] - spread(rng, 15, 90, len(phished), SECOND_US),
        cause[phished],
        "CHALLENGED",
        same("PASSWORD", len(phished)),
        channel[phished],
    )
    stormed = np.flatnonzero(guessed)
    sizes = 4 + rng.geometric(0.12, len(stormed)).clip(1, 50)
    storm = _storm(rng, who.take(stormed), moment[stormed], cause[stormed], sizes)
    return [success, challenge, storm]


def _storm(rng: np.random.Generator, who: "_Who", end: Ints, cause: Ints, sizes: Ints) -> Part:
    """Failures seconds apart that end just before these moments, from up to four addresses each."""
    storm, number = steps(sizes)
    count = len(storm)
    pause = spread(rng, 1.5, 14, len(sizes), SECOND_US)
    source = who.take(storm)
    # the last failures come from the address that succeeds
    addresses = FRAUD_CODE_START + rng.integers(0, 1 << 60, (len(sizes), 3))
    from_other = rng.integers(0, 4, count)
    other = addresses[storm, np.minimum(from_other, 2)]
    address = np.where((from_other == 3) | (number < 2), source.address, other)
    return source.with_address(address).part(
        end[storm] - ((number + 1) * pause[storm] * rng.uniform(0.8, 1.0, count)).astype(np.int64),
        cause[storm],
        "FAILURE",
        same("PASSWORD", count),
        same("WEB", count),
        reason="WRONG_PASSWORD",
    )


def _brute_forces(rng: np.random.Generator, day: Day) -> Part:
    """Somebody guesses at one user's password until the account is locked."""
    attacks = int(rng.poisson(BRUTE_FORCES * len(day.users) / 1000))
    who = _Who.of_strangers(rng, day, rng.integers(0, len(day.users), attacks))
    sizes = rng.integers(15, 80, attacks)
    start = day.start_us + rng.integers(0, 23 * HOUR_US, attacks)
    pause = spread(rng, 0.8, 20, attacks, SECOND_US)
    attack, number = steps(sizes)
    moment = start[attack] + number * pause[attack]
    last = number == sizes[attack] - 1
    count = len(attack)
    part = who.take(attack).part(moment, moment, "FAILURE", same("PASSWORD", count), same("WEB", count))
    part["outcome"][last] = "LOCKED"
    part["failure_reason"] = np.where(last, same("TOO_MANY_FAILURES", count), same("WRONG_PASSWORD", count))
    return part


def _password_lists(rng: np.random.Generator, day: Day) -> Part:
    """One address tries a leaked password on each of many users, once."""
    attacks = int(rng.poisson(PASSWORD_LISTS * len(day.users) / 1000))
    sizes = rng.integers(20, 70, attacks)
    attack, number = steps(sizes)
    count = len(attack)
    who = _Who.of_strangers(rng, day, rng.integers(0, len(day.users), count))
    address = FRAUD_CODE_START + rng.integers(0, 1 << 60, attacks)
    start = day.start_us + rng.integers(0, 23 * HOUR_US, attacks)
    moment = start[attack] + number * spread(rng, 1, 9, attacks, SECOND_US)[attack]
    return who.with_address(address[attack]).part(
        moment,
        moment,
        "FAILURE",
        same("PASSWORD", count),
        same("WEB", count),
        reason="WRONG_PASSWORD",
    )


def _sessions(day: Day, row: Ints, step: Ints) -> Objects:
    """A session per sign-in: the same for the same payment and step."""
    numbers = scramble((day.day * 1_000_000 + row) * 64 + step).tolist()
    return texts([f"s-{number:016x}" for number in numbers])


class _Who:
    """Who signs in, from which device, address and place, one row each."""

    def __init__(self, day: Day, user: Ints, device: Ints, address: Ints, latitude: Floats, longitude: Floats) -> None:
        self.day = day
        self.user = user
        self.device = device
        self.address = address
        self.latitude = latitude
        self.longitude = longitude

    @classmethod
    def of_payments(cls, day: Day, row: Ints) -> "_Who":
        """As these payments were made."""
        paid = day.payments.take(row)
        return cls(day, paid.user, paid.device, paid.address, paid.latitude, paid.longitude)

    @classmethod
    def of_strangers(cls, rng: np.random.Generator, day: Day, user: Ints) -> "_Who":
        """Attackers of these users, each from a device and address that nobody has, somewhere."""
        count = len(user)
        codes = FRAUD_CODE_START + rng.integers(0, 1 << 60, (2, count))
        city = rng.integers(0, len(CITY_LATITUDE), count)
        return cls(day, user, codes[0], codes[1], CITY_LATITUDE[city], CITY_LONGITUDE[city])

    def take(self, rows: "Ints | Bools") -> "_Who":
        return _Who(
            self.day,
            self.user[rows],
            self.device[rows],
            self.address[rows],
            self.latitude[rows],
            self.longitude[rows],
        )

    def with_address(self, address: Ints) -> "_Who":
        return _Who(self.day, self.user, self.device, address, self.latitude, self.longitude)

    def part(
        self,
        event_time: Ints,
        cause_us: Ints,
        outcome: str,
        method: Objects,
        channel: Objects,
        *,
        reason: str | None = None,
        session: Objects | None = None,
    ) -> Part:
        """Their sign-ins at these moments."""
        count = len(self.user)
        return {
            "event_time": event_time,
            "cause_us": cause_us,
            "user_id": texts(self.day.users.ids)[self.user],
            "outcome": same(outcome, count),
            "failure_reason": same(reason, count),
            "method": method,
            "channel": channel,
            "device_id": texts(device_ids(self.device)),
            "ip_hash": texts(address_hashes(self.address)),
            "country": countries_at(self.day.users, self.user, self.latitude, self.longitude),
            "latitude": or_null(self.latitude),
            "longitude": or_null(np.where(np.isnan(self.latitude), np.nan, self.longitude)),
            "session_id": nothing(count) if session is None else session,
        }
