"""What every scenario and look-alike plays on: the world of one day, and the tools to write payments into it."""

from dataclasses import dataclass

import numpy as np

from fraud_producer.simulator.behaviour import to_cents
from fraud_producer.simulator.circumstances import phones
from fraud_producer.simulator.config import DAY_US, SimulationConfig
from fraud_producer.simulator.geography import CITY_LATITUDE, CITY_LONGITUDE, Bools, Floats, Ints, weights
from fraud_producer.simulator.merchants import Merchants, Mode
from fraud_producer.simulator.payments import FRAUD_CODE_START, Channel, Kind, Payments
from fraud_producer.simulator.population import Users, local_times, phone_codes
from fraud_producer.simulator.transfers import transfers

MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Stage:
    """The world of one day with its honest payments, and a generator that all scenarios of the day share.

    ``moment_us`` asks for episodes that begin then and may cross midnight; without it they begin anywhere in the day
    and stay within it. ``chosen`` is a user who is among the victims, or is the one who does it himself.
    """

    rng: np.random.Generator
    config: SimulationConfig
    users: Users
    merchants: Merchants
    day: int
    honest: Payments
    moment_us: int | None = None
    chosen: int | None = None

    @property
    def ends_us(self) -> int:
        """When every episode is over: the end of the day, or of the next one when a moment was asked for."""
        return (self.day + (1 if self.moment_us is None else 2)) * DAY_US

    def victims(self, count: int) -> Ints:
        """Users who become victims; the more somebody pays, the more often his card is in the wrong hands."""
        return self.drawn(np.arange(len(self.users)), count, np.sqrt(self.users.activity))

    def some_of(self, candidates: Ints, count: int) -> Ints:
        """Users from ``candidates``, from everybody where there are none."""
        return self.drawn(candidates, count) if len(candidates) else self.victims(count)

    def drawn(self, candidates: Ints, count: int, appeal: Floats | None = None) -> Ints:
        """Users from ``candidates``, by ``appeal`` if it is given; the chosen one comes first, candidate or not."""
        users = self.rng.choice(candidates, count, p=None if appeal is None else weights(appeal)).astype(np.int64)
        if self.chosen is not None:
            users[:1] = self.chosen
        return users

    def start_times(self, user: Ints, margin_us: int) -> Ints:
        """Moments for an episode that takes up to ``margin_us``: a third at the victim's usual hours."""
        if self.moment_us is not None:
            return np.full(len(user), self.moment_us, dtype=np.int64)
        habitual = local_times(self.rng, self.users, user)
        in_time = self.rng.integers(0, DAY_US - margin_us, len(user))
        usual = (self.rng.random(len(user)) < 0.35) & (habitual < DAY_US - margin_us)
        return self.day * DAY_US + np.where(usual, habitual, in_time)

    def usual_times(self, user: Ints, margin_us: int) -> Ints:
        """Moments at these users' usual hours for what takes up to ``margin_us``; who would be late begins earlier."""
        habitual = local_times(self.rng, self.users, user)
        return self.day * DAY_US + np.where(habitual < DAY_US - margin_us, habitual, habitual - margin_us)

    def times_of_day(self, user: Ints, margin_us: int) -> Ints:
        """Moments of payments that are no run, each on its own in the day; the first of a chosen moment is that one."""
        if self.moment_us is None:
            return self.start_times(user, margin_us)
        later = self.minutes(0, 240, len(user))
        return self.moment_us + np.where(np.arange(len(user)) > 0, later, 0)

    def minutes(self, low: float, high: float, count: int) -> Ints:
        """Durations between two numbers of minutes, in microseconds."""
        return (self.rng.uniform(low, high, count) * MINUTE_US).astype(np.int64)

    def shops(self, country: Ints, *, cash: bool = True) -> Ints:
        """A local shop or cash machine in each country, by popularity and by how easily it is abused."""
        open_here = self.merchants.mode != Mode.ONLINE
        if not cash:
            open_here &= self.merchants.mode != Mode.ATM
        chosen = np.zeros(len(country), dtype=np.int64)
        appeal = self.merchants.popularity * self.merchants.fraud_affinity
        for index in np.unique(country):
            rows = np.flatnonzero(country == index)
            local = np.flatnonzero((self.merchants.country == index) & open_here)
            chosen[rows] = self.rng.choice(local, len(rows), p=weights(appeal[local]))
        return chosen

    def online_merchants(self, count: int, cheap: bool = False) -> Ints:
        """Merchants that sell online, by how easily they are abused; ``cheap`` prefers low amounts."""
        sells_online = np.flatnonzero((self.merchants.mode == Mode.ONLINE) | (self.merchants.mode == Mode.BOTH))
        appeal = np.sqrt(self.merchants.popularity[sells_online]) * self.merchants.fraud_affinity[sells_online]
        if cheap:
            appeal = appeal / np.exp(self.merchants.log_amount[sells_online])
        return self.rng.choice(sells_online, count, p=weights(appeal)).astype(np.int64)

    def popular(self, possible: Bools, count: int) -> Ints:
        """Merchants of those that are ``possible``, by popularity."""
        merchants = np.flatnonzero(possible)
        return self.rng.choice(merchants, count, p=weights(self.merchants.popularity[merchants])).astype(np.int64)

    def usual_cents(self, user: Ints, merchant: Ints, factor: Floats) -> Ints:
        """What the victim might have spent there himself, times a factor."""
        spread = self.merchants.spread[merchant] * self.rng.standard_normal(len(user))
        log_amount = self.merchants.log_amount[merchant] + self.users.spending[user] + spread
        return to_cents(np.exp(log_amount) * factor, self.merchants.mode[merchant] == Mode.ATM)

    def foreign_codes(self, count: int) -> Ints:
        """Devices, addresses or accounts that no customer has."""
        return FRAUD_CODE_START + self.rng.integers(0, 1 << 60, count)

    def own_phones(self, user: Ints) -> Ints:
        """The phones that the victims own today."""
        return phone_codes(user, phones(self.config.seed, len(self.users), self.day)[user])

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
        episode: Ints,
        user: Ints,
        event_time: Ints,
        merchant: Ints,
        cents: Ints,
        device: Ints,
        address: Ints,
        home_share: float = 0.5,
    ) -> Payments:
        """Card-not-present payments online; ``episode`` counts from zero, as everywhere on the stage."""
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
            counterparty=np.zeros(count, dtype=np.int64),
            counterparty_place=np.full(count, -1, dtype=np.int64),
            scenario=np.zeros(count, dtype=np.int64),
            episode=episode,
        )

    def till_payments(
        self,
        episode: Ints,
        user: Ints,
        event_time: Ints,
        merchant: Ints,
        cents: Ints,
        latitude: Floats,
        longitude: Floats,
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
            counterparty=nothing.copy(),
            counterparty_place=np.full(count, -1, dtype=np.int64),
            scenario=nothing.copy(),
            episode=episode,
        )

    def transfers(
        self,
        episode: Ints,
        user: Ints,
        event_time: Ints,
        cents: Ints,
        counterparty: Ints,
        counterparty_place: Ints,
        device: Ints,
        address: Ints,
        home_share: float,
    ) -> Payments:
        """Transfers from these users' accounts; codes of accounts are as in ``payments.account_ids``."""
        latitude, longitude = self.home_or_anywhere(user, home_share)
        made = transfers(
            self.rng,
            self.users,
            self.merchants,
            user=user,
            event_time=event_time,
            cents=cents,
            counterparty=counterparty,
            counterparty_place=counterparty_place,
            device=device,
            address=address,
            latitude=self._sometimes_missing(latitude),
            longitude=longitude,
        )
        made.episode = episode
        return made

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
