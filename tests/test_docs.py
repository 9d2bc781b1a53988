"""What the documentation says is what the code does."""

from __future__ import annotations

import doctest
import re
import runpy
import shlex
from pathlib import Path

import pytest

import zoo
from zoo import _readme
from zoo._cli import _parser

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_tables_of_models_are_up_to_date() -> None:
    """Run 'python -m zoo._readme' after changing the registry, or publishing anew what is shipped."""
    readme = _readme.README.read_text(encoding="utf-8")
    assert _readme.with_tables(readme) == readme
    assert all(f"`{spec.name}`" in readme for spec in zoo.list_models() if spec.module.startswith("zoo."))


def test_the_page_of_results_is_up_to_date() -> None:
    """Run 'python benchmarks/report.py' after measuring or publishing anew."""
    report = runpy.run_path(str(ROOT / "benchmarks" / "report.py"))
    assert (ROOT / "docs" / "results.md").read_text(encoding="utf-8") == report["page"]()


def test_the_page_script_is_the_one_that_a_browser_runs() -> None:
    source = (ROOT / "tests" / "browser" / "test_plain_tfjs.py").read_text(encoding="utf-8")
    tested = re.search(r'README_SCRIPT = """\n(.*?)"""', source, re.DOTALL)
    assert tested is not None
    assert f"```js\n{tested[1]}```" in (ROOT / "README.md").read_text(encoding="utf-8")


def shell_commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines() if line.startswith("zoo ")]


@pytest.mark.parametrize("command", shell_commands())
def test_commands_of_the_readme_parse(command: str) -> None:
    arguments = _parser().parse_args(shlex.split(command)[1:])
    assert callable(arguments.run)


def test_the_readme_shows_commands() -> None:
    assert len(shell_commands()) >= 4


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_examples_in_docstrings_run() -> None:
    assert doctest.testmod(zoo).attempted > 0
    assert doctest.testmod(zoo).failed == 0


def test_versions_agree() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{zoo.__version__}"' in project
