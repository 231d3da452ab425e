"""Where users live, shops stand and travellers go: countries with their currency, cities with coordinates."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

EARTH_RADIUS_KM: Final = 6371.0


@dataclass(frozen=True, slots=True)
class City:
    """A place; ``home`` and ``travel`` are relative weights for living there and for going there."""

    name: str
    country: str
    latitude: float
    longitude: float
    home: float
    travel: float


CURRENCIES: Final = {
    "DE": "EUR",
    "FR": "EUR",
    "NL": "EUR",
    "ES": "EUR",
    "IT": "EUR",
    "AT": "EUR",
    "BE": "EUR",
    "PT": "EUR",
    "IE": "EUR",
    "GR": "EUR",
    "PL": "PLN",
    "GB": "GBP",
    "US": "USD",
    "TR": "TRY",
    "CH": "CHF",
    "TH": "THB",
    "AE": "AED",
    "CN": "CNY",
    "MX": "MXN",
    "RO": "RON",
}
COUNTRIES: Final = tuple(CURRENCIES)

CITIES: Final = (
    City("Berlin", "DE", 52.520, 13.405, 10, 2),
    City("Hamburg", "DE", 53.551, 9.994, 6, 1),
    City("Munich", "DE", 48.137, 11.575, 6, 2),
    City("Cologne", "DE", 50.938, 6.960, 5, 1),
    City("Frankfurt", "DE", 50.110, 8.682, 4, 1),
    City("Paris", "FR", 48.857, 2.352, 9, 5),
    City("Lyon", "FR", 45.764, 4.836, 4, 1),
    City("Marseille", "FR", 43.296, 5.370, 3, 2),
    City("Amsterdam", "NL", 52.368, 4.904, 6, 3),
    City("Rotterdam", "NL", 51.924, 4.478, 4, 1),
    City("Madrid", "ES", 40.417, -3.704, 6, 2),
    City("Barcelona", "ES", 41.385, 2.173, 4, 5),
    City("Palma", "ES", 39.570, 2.650, 1, 6),
    City("Rome", "IT", 41.903, 12.496, 5, 4),
    City("Milan", "IT", 45.464, 9.190, 5, 2),
    City("Vienna", "AT", 48.208, 16.374, 5, 3),
    City("Brussels", "BE", 50.850, 4.352, 4, 2),
    City("Warsaw", "PL", 52.230, 21.012, 4, 1),
    City("Krakow", "PL", 50.065, 19.945, 2, 2),
    City("London", "GB", 51.507, -0.128, 4, 6),
    City("Manchester", "GB", 53.481, -2.242, 2, 1),
    City("Lisbon", "PT", 38.722, -9.139, 0, 4),
    City("Dublin", "IE", 53.350, -6.260, 0, 2),
    City("Athens", "GR", 37.984, 23.728, 0, 4),
    City("Zurich", "CH", 47.377, 8.541, 0, 3),
    City("Istanbul", "TR", 41.008, 28.978, 0, 3),
    City("Antalya", "TR", 36.897, 30.713, 0, 4),
    City("New York", "US", 40.713, -74.006, 0, 3),
    City("Miami", "US", 25.762, -80.192, 0, 1),
    City("Los Angeles", "US", 34.052, -118.244, 0, 1),
    City("Bangkok", "TH", 13.756, 100.502, 0, 2),
    City("Dubai", "AE", 25.205, 55.271, 0, 2),
    City("Shanghai", "CN", 31.230, 121.474, 0, 1),
    City("Cancun", "MX", 21.161, -86.852, 0, 1),
    City("Bucharest", "RO", 44.427, 26.103, 0, 1),
)

CITY_COUNTRY: Final[Ints] = np.array([COUNTRIES.index(city.country) for city in CITIES], dtype=np.int64)
CITY_LATITUDE: Final[Floats] = np.array([city.latitude for city in CITIES])
CITY_LONGITUDE: Final[Floats] = np.array([city.longitude for city in CITIES])


def weights(values: "list[float] | Floats") -> Floats:
    """Shares that add up to one."""
    array = np.asarray(values, dtype=np.float64)
    shares: Floats = array / array.sum()
    return shares


HOME_SHARES: Final = weights([city.home for city in CITIES])
TRAVEL_SHARES: Final = weights([city.travel for city in CITIES])


def distance_km(latitude_a: Floats, longitude_a: Floats, latitude_b: Floats, longitude_b: Floats) -> Floats:
    """Great-circle distance in kilometres between points given in degrees."""
    phi_a, phi_b = np.radians(latitude_a), np.radians(latitude_b)
    half_phi = (phi_b - phi_a) / 2
    half_lambda = np.radians(longitude_b - longitude_a) / 2
    chord = np.sin(half_phi) ** 2 + np.cos(phi_a) * np.cos(phi_b) * np.sin(half_lambda) ** 2
    distance: Floats = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(chord))
    return distance
