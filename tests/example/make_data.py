"""Make `assets/data/*.parquet` from the CSV files of nycflights13 (public domain, CC0).

Run by hand, once: `python tests/example/make_data.py FOLDER`, where FOLDER holds `flights.csv`,
`weather.csv`, `planes.csv`, `airports.csv` and `airlines.csv`; each may be in a zip file of its own, as
`flights.csv.zip`. Every row and column of the CSV files is kept and no value is changed: `NA` becomes null,
integers get the smallest type they fit in, and rows are sorted so that neighbors look alike, which is what
makes 33 MB of text 4 MB of Parquet.
"""

import sys
import zipfile
from pathlib import Path

import polars as pl
import polars.selectors as cs

TARGET = Path(__file__).parents[2] / "assets" / "data"

SORTED_BY = {
    "flights": ["time_hour", "origin", "minute", "carrier", "flight"],
    "weather": ["origin", "time_hour"],
    "planes": ["tailnum"],
    "airports": ["faa"],
    "airlines": ["carrier"],
}

ROW_GROUP = 65_536


def read_csv(folder: Path, name: str) -> pl.DataFrame:
    """The table `name` as text and 64-bit numbers, from `name.csv` or the only file of `name.csv.zip`."""
    plain = folder / f"{name}.csv"
    if plain.exists():
        return pl.read_csv(plain, null_values="NA", infer_schema_length=None)
    with zipfile.ZipFile(folder / f"{name}.csv.zip") as archive:
        return pl.read_csv(archive.read(f"{name}.csv"), null_values="NA", infer_schema_length=None)


def compact(table: pl.DataFrame) -> pl.DataFrame:
    """The same values in the smallest types: instants for `time_hour`, narrow integers for integers."""
    if "time_hour" in table.columns:
        table = table.with_columns(pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC"))
    narrow = [
        column.cast(pl.Int8 if column.is_between(-128, 127).all() else pl.Int16)
        for column in table.select(cs.integer())
    ]
    return table.with_columns(narrow)


def main(folder: Path) -> None:
    """Write the five files and print what was written."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, keys in SORTED_BY.items():
        table = compact(read_csv(folder, name)).sort(keys)
        path = TARGET / f"{name}.parquet"
        table.write_parquet(path, compression="zstd", compression_level=22, row_group_size=ROW_GROUP)
        print(f"{path.name}: {table.height:,} rows, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
