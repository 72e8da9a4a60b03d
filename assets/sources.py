"""The files that somebody else writes: observed for changes, never materialized."""

import assetflow as af

flights_raw = af.source(
    "flights_raw",
    path="assets/data/flights.parquet",
    description="Every flight scheduled to leave New York in 2013, as the airlines reported it.",
)
weather_raw = af.source(
    "weather_raw",
    path="assets/data/weather.parquet",
    description="Hourly observations at the three airports of New York.",
)
planes_raw = af.source(
    "planes_raw",
    path="assets/data/planes.parquet",
    description="The FAA's register of planes, by tail number.",
)
airports_raw = af.source(
    "airports_raw",
    path="assets/data/airports.parquet",
    description="Airports of the United States, by FAA code.",
)
airlines_raw = af.source(
    "airlines_raw",
    path="assets/data/airlines.parquet",
    description="Airlines, by carrier code.",
)
