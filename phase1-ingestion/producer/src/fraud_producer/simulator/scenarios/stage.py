"""What every scenario plays on: the world of one day, and the tools to write payments into it."""

from dataclasses import dataclass

import numpy as np

from fraud_producer.simulator.behaviour import local_times, to_cents
from fraud_producer.simulator.circumstances import phones
from fraud_producer.simulator.config import DAY_US, SimulationConfig
from fraud_producer.simulator.geography import CITY_LATITUDE, CITY_LONGITUDE, Floats, Ints, weights
from fraud_producer.simulator.merchants import Merchants, Mode
from fraud_producer.simulator.payments import FRAUD_CODE_START, Bools, Channel, Kind, Payments
from fraud_producer.simulator.population import Users

MINUTE_US = 60_000_000
# same layout as an owner's devices: used when the fraud runs on the victim's own phone
_OWN_PHONE_RANGE = 10_000


@dataclass(frozen=True, slots=True)
class Stage:
    """The world of one day with its honest payments, and the generator that all scenarios of the day share."""

    rng: np.random.Generator
    config: SimulationConfig
    users: Users
    merchants: Merchants
    day: int
    honest: Payments

    def victims(self, count: int) -> Ints:
        """Users who become victims; the more somebody pays, the more often his card is in the wrong hands."""
        return self.rng.choice(len(self.users), count, p=weights(np.sqrt(self.users.activity))).astype(np.int64)

    def start_times(self, user: Ints, margin_us: int) -> Ints:
        """Moments for an episode that takes up to ``margin_us``: a third at the victim's usual hours."""
        habitual = local_times(self.rng, self.users, user)
        any_time = self.rng.integers(0, DAY_US, len(user))
        chosen = np.where(self.rng.random(len(user)) < 0.35, habitual, any_time)
        return self.day * DAY_US + np.minimum(chosen, DAY_US - margin_us)

    def minutes(self, low: float, high: float, count: int) -> Ints:
        """Durations between two numbers of minutes, in microseconds."""
        return (self.rng.uniform(low, high, count) * MINUTE_US).astype(np.int64)

    def shops(self, country: Ints) -> Ints:
        """A local shop or cash machine in each country, by popularity and by how easily it is abused."""
        chosen = np.zeros(len(country), dtype=np.int64)
        appeal = self.merchants.popularity * self.merchants.fraud_affinity
        for index in np.unique(country):
            rows = np.flatnonzero(country == index)
            local = np.flatnonzero((self.merchants.country == index) & (self.merchants.mode != Mode.ONLINE))
            chosen[rows] = self.rng.choice(local, len(rows), p=weights(appeal[local]))
        return chosen

    def online_merchants(self, count: int, cheap: bool = False) -> Ints:
        """Merchants that sell online, by how easily they are abused; ``cheap`` prefers low amounts."""
        sells_online = np.flatnonzero((self.merchants.mode == Mode.ONLINE) | (self.merchants.mode == Mode.BOTH))
        appeal = np.sqrt(self.merchants.popularity[sells_online]) * self.merchants.fraud_affinity[sells_online]
        if cheap:
            appeal = appeal / np.exp(self.merchants.log_amount[sells_online])
        return self.rng.choice(sells_online, count, p=weights(appeal)).astype(np.int64)

    def usual_cents(self, user: Ints, merchant: Ints, factor: Floats) -> Ints:
        """What the victim might have spent there himself, times a factor."""
        spread = self.merchants.spread[merchant] * self.rng.standard_normal(len(user))
        log_amount = self.merchants.log_amount[merchant] + self.users.spending[user] + spread
        return to_cents(np.exp(log_amount) * factor, self.merchants.mode[merchant] == Mode.ATM)

    def foreign_codes(self, count: int) -> Ints:
        """Devices or addresses that no owner has."""
        return FRAUD_CODE_START + self.rng.integers(0, 1 << 60, count)

    def own_phones(self, user: Ints) -> Ints:
        """The phones that the victims own today."""
        phone = phones(self.config.seed, len(self.users), self.day)[user]
        return (user * 2 + 1) * _OWN_PHONE_RANGE + phone

    def home_or_anywhere(self, user: Ints, home_share: float) -> tuple[Floats, Floats]:
        """Coordinates: near the victim's home for a share of the rows (a proxy), else in any city."""
        count = len(user)
        city = self.rng.integers(0, len(CITY_LATITUDE), count)
        hides = self.rng.random(count) < home_share
        latitude = np.where(hides, self.users.latitude[user], CITY_LATITUDE[city])
        longitude = np.where(hides, self.users.longitude[user], CITY_LONGITUDE[city])
        return latitude + self.rng.normal(0, 0.05, count), longitude + self.rng.normal(0, 0.07, count)

    def remote_payments(
        self,
        user: Ints,
        event_time: Ints,
        merchant: Ints,
        cents: Ints,
        device: Ints,
        address: Ints,
        home_share: float = 0.5,
    ) -> Payments:
        """Card-not-present payments online."""
        latitude, longitude = self.home_or_anywhere(user, home_share)
        count = len(user)
        mobile = self.rng.random(count) < 0.35
        return Payments(
            event_time=event_time,
            user=user,
            merchant=merchant,
            cents=cents,
            card=self._cards(user),
            channel=np.where(mobile, Channel.MOBILE, Channel.ONLINE).astype(np.int64),
            kind=np.full(count, Kind.PURCHASE, dtype=np.int64),
            card_present=np.zeros(count, dtype=np.bool_),
            device=device,
            address=address,
            place=self.merchants.country[merchant],
            latitude=self._sometimes_missing(latitude),
            longitude=longitude,
            scenario=np.zeros(count, dtype=np.int64),
        )

    def till_payments(
        self, user: Ints, event_time: Ints, merchant: Ints, cents: Ints, latitude: Floats, longitude: Floats
    ) -> Payments:
        """Payments with the card, or a copy of it, at a till or a cash machine."""
        count = len(user)
        cash: Bools = self.merchants.mode[merchant] == Mode.ATM
        nothing = np.zeros(count, dtype=np.int64)
        return Payments(
            event_time=event_time,
            user=user,
            merchant=merchant,
            cents=cents,
            card=self._cards(user),
            channel=np.where(cash, Channel.ATM, Channel.POS).astype(np.int64),
            kind=np.where(cash, Kind.WITHDRAWAL, Kind.PURCHASE).astype(np.int64),
            card_present=self.rng.random(count) >= 0.03,
            device=nothing,
            address=nothing.copy(),
            place=self.merchants.country[merchant],
            latitude=self._sometimes_missing(latitude + self.rng.normal(0, 0.05, count)),
            longitude=longitude + self.rng.normal(0, 0.07, count),
            scenario=nothing.copy(),
        )

    def _cards(self, user: Ints) -> Ints:
        """One card per victim and day, so that an episode stays on the card that was stolen."""
        return ((user + self.day) % 10 < 10 * self.users.second_card_share[user]).astype(np.int64)

    def _sometimes_missing(self, latitude: Floats) -> Floats:
        return np.where(self.rng.random(len(latitude)) < 0.05, np.nan, latitude)


def steps(sizes: Ints) -> tuple[Ints, Ints]:
    """For episodes of these sizes: the episode of each payment, and its position within the episode."""
    episode = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)
    first = np.cumsum(sizes) - sizes
    return episode, np.arange(len(episode), dtype=np.int64) - first[episode]
