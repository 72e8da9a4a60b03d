"""Values of a project's own classes: read wherever it is loaded, and equal bytes wherever they were made."""

from __future__ import annotations

from pathlib import Path

import assetflow as af
from tests.executor.making import file_project

SHAPES = """
class Shape:
    def __init__(self, sides):
        self.sides = sides

    def doubled(self):
        return Shape(self.sides * {factor})

    class Inner:
        pass

def free(sides):
    return Shape(sides)
"""

ASSETS = """
import shapes

@af.asset
def made():
    return {"shape": shapes.Shape(3), "class": shapes.Shape.Inner, "function": shapes.free}

@af.asset
def doubled(made) -> int:
    return made["shape"].doubled().sides + made["function"](1).sides
"""


def made(root: Path, factor: int) -> af.Project:
    """A project like another, but for what its classes do."""
    root.mkdir()
    (root / "shapes.py").write_text(SHAPES.replace("{factor}", str(factor)))
    return file_project(root, ASSETS)


def test_of_several_projects_in_a_process_each_reads_its_own_classes(tmp_path: Path) -> None:
    with made(tmp_path / "one", 2) as one, made(tmp_path / "two", 10) as two:
        assert one.materialize().ok
        assert two.materialize(executor="process").ok
        assert (one.load("doubled"), two.load("doubled")) == (7, 31)
        assert type(one.load("made")["shape"]) is not type(two.load("made")["shape"])
        versions = [
            project.query("select data_version from materializations where asset = 'made'") for project in (one, two)
        ]
        assert versions[0] == versions[1]
    with af.Project.at(tmp_path / "one") as again:
        again.plan()
        assert again.load("made")["shape"].doubled().sides == 6
