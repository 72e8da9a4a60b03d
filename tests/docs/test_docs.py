"""The documentation is true: its commands run, its links lead somewhere, and nothing public goes unmentioned."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import assetflow
from assetflow.catalog.views import MACROS, VIEWS
from assetflow.define.declare import OPTION_NAMES
from assetflow.define.settings import DESCRIPTIONS, load_settings
from assetflow.model.cause import CAUSES
from assetflow.model.record import StepStatus

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.glob("*.md")])
COMMANDS = ROOT / "assetflow" / "cli" / "commands"

NEVER_LASTING = {StepStatus.PENDING, StepStatus.RUNNING}


# --- reading pages ---------------------------------------------------------------------------------------------------


@dataclass
class Block:
    """A fenced block: its language, its text, the line it starts at, and the HTML comments since the block before."""

    language: str
    text: str
    line: int
    comments: list[str] = field(default_factory=list)
    follows: bool = False
    """Whether only blank lines stand between it and the block before."""


def blocks_of(page: str) -> Iterator[Block]:
    comments: list[str] = []
    inner: list[str] | None = None
    language, start, follows = "", 0, False
    for number, line in enumerate(page.splitlines(), 1):
        if inner is not None:
            if line == "```":
                yield Block(language, "\n".join(inner), start, comments, follows)
                inner, comments, follows = None, [], True
            else:
                inner.append(line)
        elif line.startswith("```"):
            inner, language, start = [], line[3:].strip(), number
        elif found := re.fullmatch(r"<!-- (.+) -->", line):
            comments.append(found[1])
        elif line.strip():
            follows = False
    assert inner is None, "a block is not closed"


def prose_of(page: Path) -> str:
    return page.read_text("utf-8")


ALL_PROSE = "\n".join(prose_of(page) for page in PAGES)


# --- commands --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example project with nothing made, beside no checkout."""
    folder = tmp_path_factory.mktemp("tour") / "project"
    folder.mkdir()
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "assets", folder / "assets", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "catalog" / "queries", folder / "catalog" / "queries")
    return folder


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ASSETFLOW_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    return subprocess.run(
        command,
        cwd=folder,
        env={**kept, "PATH": path, "COLUMNS": "200", "NO_COLOR": "1"},
        text=True,
        encoding="utf-8",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )


def plain(text: str) -> list[str]:
    """Lines in which what differs from run to run has one spelling, sorted: steps end in any order."""
    text = re.sub(r"\d{8}-\d{6}-[0-9a-f]{6}", "RUN", text)
    text = re.sub(r"RUN\.\d+", "RUN.N", text)
    text = re.sub(r"\d+\.\d+ s\b", "N s", text)
    text = re.sub(r"\b(d|f)1:[0-9a-f]+", r"\g<1>1:VERSION", text)
    return sorted(" ".join(line.split()) for line in text.splitlines() if line.strip())


def apply(diff: str, root: Path) -> None:
    """Carry out a diff that names its file and shows whole lines, each of which is there once."""
    name, *lines = diff.splitlines()
    assert name.startswith("--- "), diff
    file = root / name.removeprefix("--- ")
    removed = [line[1:] for line in lines if line.startswith("-")]
    added = [line[1:] for line in lines if line.startswith("+")]
    text = file.read_text("utf-8")
    for old, new in zip(removed, added, strict=True):
        assert text.count(f"{old}\n") == 1, f"{name}: {old!r}"
        text = text.replace(f"{old}\n", f"{new}\n")
    file.write_text(text, "utf-8")


def heed(comment: str, folder: Path) -> int | None:
    """What an HTML comment asks for: to undo an edit, or (the answer) an exit code."""
    match comment.split():
        case ["undo", name]:
            shutil.copy(ROOT / name, folder / name)
        case ["exit", code]:
            return int(code)
        case ["run"]:
            pass
        case _:
            raise AssertionError(f"not understood: <!-- {comment} -->")
    return None


def test_the_tour_runs_word_by_word(copy: Path) -> None:
    shown: subprocess.CompletedProcess[str] | None = None
    for block in blocks_of((DOCS / "tutorial.md").read_text("utf-8")):
        place = f"docs/tutorial.md:{block.line}"
        codes = [code for comment in block.comments if (code := heed(comment, copy)) is not None]
        match block.language:
            case "sh":
                shown = run(["bash", "-euo", "pipefail", "-c", block.text], copy)
                assert shown.returncode == (codes or [0])[0], f"{place}\n{shown.stdout}"
            case "python" if "run" in block.comments:
                shown = run([sys.executable, "-c", block.text], copy)
                assert shown.returncode == 0, f"{place}\n{shown.stdout}"
            case "diff":
                apply(block.text, copy)
            case "" if block.follows:
                assert shown is not None, place
                expected, actual = plain(block.text), plain(shown.stdout)
                if "…" in expected:
                    expected.remove("…")
                    assert set(expected) <= set(actual), f"{place}\n{shown.stdout}"
                else:
                    assert expected == actual, f"{place}\n{shown.stdout}"
            case "python" | "console":
                pass
            case other:
                raise AssertionError(f"{place}: a block of {other!r} that nothing checks")


def test_the_tour_leaves_the_example_as_it_was(copy: Path) -> None:
    for file in sorted((ROOT / "assets").glob("*.py")):
        assert (copy / "assets" / file.name).read_text("utf-8") == file.read_text("utf-8")


def marked(name: str) -> str:
    """The command between two markers of the README, as continuous integration takes it out."""
    page = (ROOT / "README.md").read_text("utf-8")
    found = re.findall(rf"<!-- {name} -->\n```sh\n(.+?)\n```\n<!-- /{name} -->", page, flags=re.DOTALL)
    assert len(found) == 1
    return str(found[0])


@pytest.mark.parametrize("name", ["example-command", "test-command"])
def test_the_readme_has_each_marked_command_once_in_one_line_of_valid_shell(name: str, tmp_path: Path) -> None:
    command = marked(name)
    assert len(command.splitlines()) == 1
    assert run(["bash", "-n", "-c", command], tmp_path).returncode == 0


def test_the_marked_commands_install_extras_that_exist() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    for name in ("example-command", "test-command"):
        for extra in re.findall(r"\.\[(\w+)\]", marked(name)):
            assert re.search(rf"^{extra} = \[", project, flags=re.MULTILINE), extra


def test_the_readme_project_runs_as_written(tmp_path: Path) -> None:
    page = (ROOT / "README.md").read_text("utf-8")
    blocks = [block for block in blocks_of(page) if block.language == "python"]
    project = next(block.text for block in blocks if "@af.asset" in block.text)
    script = next(block.text for block in blocks if "af.Project.load" in block.text)
    (tmp_path / "assets").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "assets" / "shop.py").write_text(project, "utf-8")
    (tmp_path / "data" / "orders.csv").write_text("day,amount\n2026-01-01,3\n2026-01-01,4\n2026-01-02,\n", "utf-8")
    done = run([sys.executable, "-c", script + "\nprint(frame.rows(), len(edges))"], tmp_path)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "[(datetime.date(2026, 1, 1), 7)] 2"


def test_every_command_line_of_the_readme_runs(copy: Path) -> None:
    page = (ROOT / "README.md").read_text("utf-8")
    for block in blocks_of(page):
        if block.language == "sh" and block.text.startswith("assetflow"):
            done = run(["bash", "-euo", "pipefail", "-c", block.text], copy)
            assert done.returncode == 0, f"README.md:{block.line}\n{done.stdout}"


@pytest.mark.parametrize("name", ["partitions.md", "catalog.md", "lineage.md"])
def test_every_sh_block_of_the_other_pages_runs(name: str, copy: Path) -> None:
    run(["assetflow", "materialize"], copy)
    for block in blocks_of((DOCS / name).read_text("utf-8")):
        if block.language == "sh":
            done = run(["bash", "-euo", "pipefail", "-c", block.text], copy)
            assert done.returncode == 0, f"docs/{name}:{block.line}\n{done.stdout}"


# --- links -----------------------------------------------------------------------------------------------------------


def anchors_of(page: Path) -> set[str]:
    found: set[str] = set()
    for line in prose_of(page).splitlines():
        if heading := re.match(r"#+ (.+)", line):
            kept = re.sub(r"[^\w\- ]", "", heading[1].lower())
            found.add(kept.replace(" ", "-"))
    return found


def links_of(page: Path) -> Iterator[str]:
    text = re.sub(r"```.*?```", "", prose_of(page), flags=re.DOTALL)
    # `x[1](y)` between backticks is code, not a link
    yield from re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`(?!\])", "", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_pages_and_headings_that_exist(page: Path) -> None:
    for link in links_of(page):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors_of(target), f"{page.name}: {link}"


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "README.md"], ids=lambda page: page.name)
def test_every_page_is_linked_from_another(page: Path) -> None:
    others = [other for other in PAGES if other != page]
    assert any(Path(link.partition("#")[0]).name == page.name for other in others for link in links_of(other))


# --- completeness ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in assetflow.__all__ if not name.startswith("__")])
def test_every_public_name_is_mentioned(name: str) -> None:
    assert re.search(rf"\b{name}\b", ALL_PROSE)


@pytest.mark.parametrize("option", [name for name in OPTION_NAMES if name != "compute"])
def test_every_option_of_an_asset_is_documented(option: str) -> None:
    assert f"`{option}=" in prose_of(DOCS / "concepts.md") or f"`{option}`" in prose_of(DOCS / "concepts.md")


@pytest.mark.parametrize("name", sorted(DESCRIPTIONS))
def test_every_setting_has_a_row_with_its_default(name: str, tmp_path: Path) -> None:
    row = re.search(rf"^\| `{name}` \| (.+?) \|", prose_of(DOCS / "concepts.md"), flags=re.MULTILINE)
    assert row is not None
    default = getattr(load_settings(tmp_path, {}), name)
    shown = re.sub(r"'", '"', str(list(default) if isinstance(default, tuple) else default))
    assert row[1].strip("`").strip('"') == shown.strip('"')


@pytest.mark.parametrize("kind", [cause.kind for cause in CAUSES])
def test_every_kind_of_cause_has_a_row(kind: str) -> None:
    assert f"| `{kind}` |" in prose_of(DOCS / "concepts.md")


@pytest.mark.parametrize("status", [status for status in StepStatus if status not in NEVER_LASTING])
def test_every_way_a_step_ends_has_a_row(status: StepStatus) -> None:
    assert f"| `{status}` |" in prose_of(DOCS / "concepts.md")


@pytest.fixture(scope="module")
def columns(copy: Path) -> dict[str, list[str]]:
    """The columns of every view of the catalog, in order."""
    sql = "select table_name || ' ' || column_name from information_schema.columns where table_schema = 'main'"
    done = run(["assetflow", "query", f"{sql} order by table_name, ordinal_position", "--format", "csv", "-q"], copy)
    assert done.returncode == 0, done.stdout
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines()[1:]:
        view, _, column = line.partition(" ")
        found.setdefault(view, []).append(column)
    return found


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_every_view_is_documented_with_exactly_its_columns(view: str, columns: dict[str, list[str]]) -> None:
    page = prose_of(DOCS / "catalog.md")
    section = re.search(rf"^\*\*`{view}`\*\*: .+?\nColumns: (.+?)\n\n", page, flags=re.MULTILINE | re.DOTALL)
    assert section is not None
    # what stands in brackets explains the column before it
    listed = re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", section[1].partition(". ")[0]))
    assert listed == columns[view]


@pytest.mark.parametrize("macro", sorted(MACROS))
def test_every_macro_is_documented(macro: str) -> None:
    assert f"| `{macro.partition('(')[0]}(" in prose_of(DOCS / "catalog.md")
    assert f"| `{macro.partition('(')[0]}(" in prose_of(DOCS / "lineage.md")


@pytest.mark.parametrize("query", sorted(path.stem for path in (ROOT / "catalog" / "queries").glob("*.sql")))
def test_every_saved_query_is_documented(query: str) -> None:
    page = prose_of(DOCS / "lineage.md")
    assert f"| `{query}` |" in page
    assert f"$ assetflow query {query}" in page


def test_saved_queries_answer_as_documented(copy: Path) -> None:
    for place in (copy / "catalog").iterdir():  # what other tests made there is history that the page does not tell
        if place.name != "queries":
            shutil.rmtree(place) if place.is_dir() else place.unlink()
    run(["assetflow", "materialize"], copy)
    (block,) = [block for block in blocks_of(prose_of(DOCS / "lineage.md")) if block.language == "console"]
    for shown in block.text.split("\n\n"):
        command, _, answer = shown.partition("\n")
        done = run(["bash", "-euo", "pipefail", "-c", command.removeprefix("$ ")], copy)
        expected, actual = steady(answer), steady(done.stdout)
        if "…" in expected:
            assert set(expected) - {"…"} <= set(actual), f"{command}\n{done.stdout}"
        else:
            assert expected == actual, f"{command}\n{done.stdout}"


def steady(answer: str) -> list[str]:
    """The lines of an answer without what times and machines make of it."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", "TIME", answer)
    text = re.sub(r"\b(c1:)?[0-9a-f]{32}\b", "HASH", text)
    return plain(re.sub(r"\b\d+\.\d+\b(?!\.)", "N", re.sub(r"\d{8}-\d{6}-[0-9a-f]{6}\.\d+", "ID", text)))


def test_pages_name_no_command_that_does_not_exist() -> None:
    known = {path.stem for path in COMMANDS.glob("*.py")}
    for page in PAGES:
        for line in prose_of(page).splitlines():
            for word in re.findall(r"(?:^|`|\$ )assetflow ([a-z]+)", line):
                assert word in known, f"{page.name}: {line}"


def test_the_glossary_is_sorted() -> None:
    words = re.findall(r"^\| ([a-z ]+) \| ", prose_of(DOCS / "glossary.md"), flags=re.MULTILINE)[1:]
    assert words == sorted(words)
    assert len(words) > 30
