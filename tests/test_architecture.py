"""Imports point one way, zoo <- tuner <- exports, and looking something up imports no framework."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {"zoo": {"tuner", "exports"}, "tuner": {"exports"}, "exports": set()}
FRAMEWORKS = ("keras", "tensorflow", "jax", "torch", "keras_tuner", "tensorflowjs")


def imported_packages(source: str) -> set[str]:
    """Return the top-level packages of every import statement, nested ones included."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


def arrows_back(package: str, root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)} imports {name}"
        for path in sorted((root / package).rglob("*.py"))
        for name in sorted(imported_packages(path.read_text(encoding="utf-8")) & FORBIDDEN[package])
    ]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_point_one_way(package: str) -> None:
    assert any((ROOT / package).rglob("*.py"))
    assert arrows_back(package, ROOT) == []


@pytest.mark.parametrize(
    "statement", ["import tuner.data", "from exports.store import commit", "def f():\n    from tuner import sweep"]
)
def test_an_arrow_back_is_found(statement: str, tmp_path: Path) -> None:
    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo" / "bad.py").write_text(statement)
    assert len(arrows_back("zoo", tmp_path)) == 1


@pytest.mark.parametrize(
    "words",
    [["list"], ["list", "--json"], ["find", "--task", "face-detection", "--json"], ["show", "--help"], ["--help"]],
)
def test_looking_up_imports_no_framework(words: list[str], store: Path, artifact: Path) -> None:
    assert artifact.is_relative_to(store)
    if words[0] == "find":
        words = [*words, "--store", str(store)]
    done = answered_without_framework(words, 0)
    assert done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict", "yunet_xs_320", "no/such.jpg"], "There is no picture no/such.jpg"),
        (["evaluate", "gate_64", "--store", "shipped", "--data", "no/such"], "Data folder no/such does not exist"),
        (["sweep", "gate_64", "--extra-data", "no/such"], "Data folder no/such does not exist"),
        (["sweep", "gate_64", "--space", "close_extr=0.5"], "Did you mean 'close_extra'?"),
        (["run", "gate_64", "--recipe", "crop"], "Did you mean 'crops'?"),
        (["run", "gate_46"], "Did you mean 'gate_64'?"),
    ],
)
def test_what_is_not_there_is_told_before_a_framework_is_imported(words: list[str], message: str) -> None:
    assert message in answered_without_framework(words, 2).stderr


def answered_without_framework(words: list[str], code: int) -> subprocess.CompletedProcess[str]:
    """Run the command line, which must end with this code and have imported no framework."""
    script = (
        "import sys\nfrom zoo._cli import main\n"
        "try:\n    code = main(sys.argv[1:])\nexcept SystemExit as done:\n    code = done.code or 0\n"
        f"heavy = sorted(set({FRAMEWORKS!r}) & set(sys.modules))\n"
        f"sys.exit(f'exit {{code}}, imported {{heavy}}' if code != {code} or heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done
