"""The country that coordinates lie in, as a look-up of an address would say."""

import numpy as np

from fraud_producer.simulator.geography import CITY_COUNTRY, CITY_LATITUDE, CITY_LONGITUDE, COUNTRIES, Floats, Ints
from fraud_producer.simulator.kinds.rows import Objects, texts
from fraud_producer.simulator.population import Users

_CODES = texts(COUNTRIES)


def countries_at(users: Users, user: Ints, latitude: Floats, longitude: Floats) -> Objects:
    """Code of the nearest city's country; where the place is not known (NaN), the country the user lives in."""
    known = ~np.isnan(latitude)
    north = np.where(known, latitude, 0.0)[:, None] - CITY_LATITUDE
    east = (np.where(known, longitude, 0.0)[:, None] - CITY_LONGITUDE) * np.cos(np.radians(CITY_LATITUDE))
    nearest = (north**2 + east**2).argmin(axis=1)
    return country_codes(np.where(known, CITY_COUNTRY[nearest], users.country[user]))


def country_codes(country: Ints) -> Objects:
    """Codes of countries' positions."""
    codes: Objects = _CODES[country]
    return codes
