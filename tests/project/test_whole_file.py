"""Small files are there whole or not at all, whoever writes them at once and whatever the disk says."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from assetflow.whole_file import keep, write_whole


def test_readers_see_whole_files_while_threads_write_them(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    texts = [letter * 200_000 for letter in "abc"]
    write_whole(path, texts[0])
    threads = [
        threading.Thread(target=lambda text=text: [write_whole(path, text) for _ in range(30)]) for text in texts
    ]
    for thread in threads:
        thread.start()
    seen = set[str]()
    while any(thread.is_alive() for thread in threads):
        seen.add(path.read_text())
    assert seen <= set(texts)
    assert os.listdir(tmp_path) == ["cache"]


def test_a_cache_makes_its_folder_and_says_when_it_cannot(tmp_path: Path) -> None:
    assert keep(tmp_path / "new" / "deeper" / "cache", "é")
    assert (tmp_path / "new" / "deeper" / "cache").read_bytes() == "é".encode()

    (tmp_path / "file").write_text("")
    assert not keep(tmp_path / "file" / "cache", b"x")


def test_what_cannot_take_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder" / "full").mkdir(parents=True)

    with pytest.raises(OSError):
        write_whole(tmp_path / "folder", b"x")
    assert os.listdir(tmp_path) == ["folder"]
