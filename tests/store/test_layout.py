"""Every asset partition has its own folder, on every file system."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetflow.store.layout import asset_folder, safe_name

# what Windows, macOS and Linux all take as a file name, told apart without regard to case
PORTABLE = re.compile(r"[A-Za-z0-9_.%~-]{1,120}")
DEVICES = {"con", "prn", "aux", "nul", "com1", "lpt9"}


@given(st.text())
def test_any_text_is_a_portable_name(text: str) -> None:
    name = safe_name(text)
    assert PORTABLE.fullmatch(name)
    assert name not in (".", "..")
    assert not name.endswith(".")
    assert name.split(".", 1)[0].lower() not in DEVICES


@given(st.text(), st.text())
def test_different_texts_have_names_that_differ_beyond_case(one: str, other: str) -> None:
    assert (safe_name(one).lower() == safe_name(other).lower()) is (one == other)


@pytest.mark.parametrize(
    "group",
    [
        ("a", "A", "á", "Á", "a ", " a", "a.", ".a", "a/", "a/b", "a\\b", "a%2Fb", "a~b", "a%7Eb"),
        ("con", "CON", "con.txt", "nul", "..", ".", "", "\0", "\n"),
        ("x" * 80, "x" * 81, "x" * 5000, "x" * 5001, "é" * 300, "é" * 301),
        ("\ud800", "\ud801", "?"),
        ("ß", "ss", "SS", "ﬁ", "fi", "K", "k", "\u212a"),
    ],
)
def test_known_troublemakers_keep_apart(group: tuple[str, ...]) -> None:
    names = [safe_name(text) for text in group]
    assert len({name.lower() for name in names}) == len(group)
    assert all(PORTABLE.fullmatch(name) for name in names)


@pytest.mark.parametrize(
    ("asset", "partition", "folder"),
    [
        ("delays", None, "delays"),
        ("marts/delays", "2013-01-01", "marts/delays/@2013-01-01"),
        ("delays", "2013-01-01|eu", "delays/@2013-01-01%7Ceu"),
        ("delays", "files/a b.csv", "delays/@files%2Fa%20b.csv"),
    ],
)
def test_usual_keys_stay_readable(asset: str, partition: str | None, folder: str) -> None:
    assert asset_folder(asset, partition) == folder


def test_an_unpartitioned_asset_is_not_the_partition_with_an_empty_key() -> None:
    assert asset_folder("a", None) != asset_folder("a", "")


def test_a_partition_is_never_a_segment_of_another_asset() -> None:
    assert asset_folder("a", "b") != asset_folder("a/b", None)


def test_the_folder_of_a_partition_is_below_that_of_its_asset() -> None:
    assert asset_folder("marts/delays", "eu") == "marts/delays/@eu"
