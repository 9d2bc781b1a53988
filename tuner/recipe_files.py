"""Recipe files: the arguments of a sweep, written down so that one command trains a model again.

A TOML file with any argument of `tuner.sweep` that is plain, and a table `[space]`, in which a list is values to choose
from, a text LOW:HIGH or LOW:HIGH:log a range, and anything else a value that stays. `tuner/recipes/` holds those that
are shipped; they are known by name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zoo
from tuner.defaults import BATCH_SIZES, LEARNING_RATES, Space
from tuner.learners import DEFAULT_EMBEDDING_LOSS
from tuner.space import read_dimensions
from zoo._errors import ZooError, unknown

FOLDER = Path(__file__).parent / "recipes"
ARGUMENTS: Mapping[str, type | tuple[type, ...]] = {
    "format": str,
    "strict": bool,
    "trials": int,
    "epochs": int,
    "finish_epochs": int,
    "limit": int,
    "seed": int,
    "oracle": str,
    "augmentation": (str, dict),
    "embedding_loss": str,
    "teacher": str,
    "options": dict,
    "rename": dict,
    "space": dict,
}


def shipped() -> tuple[str, ...]:
    """Return the names of the recipes that come with the package."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def with_recipe(given: Mapping[str, Any], recipe: Path | str, model: str) -> dict[str, Any]:
    """Return the arguments of a sweep, those that are None taken from a recipe.

    Dimensions of the space, options and new names of labels are taken one by one: what is given of them changes nothing
    about the others.

    Raises: ZooError for a recipe that does not exist or cannot be read, UnknownName for an argument or dimension that
    is none.
    """
    read = _read(_find(recipe))
    loss = given["embedding_loss"] or read.get("embedding_loss", DEFAULT_EMBEDDING_LOSS)
    if "space" in read:
        read["space"] = _space(read["space"], model, loss)
    chosen = {name: read.get(name) if value is None else value for name, value in given.items()}
    if given["space"] is not None and "space" in read:
        chosen["space"] = given["space"].over(read["space"])
    for name in ("options", "rename"):
        if given.get(name) is not None and name in read:
            chosen[name] = {**read[name], **given[name]}
    if chosen["embedding_loss"] != read.get("embedding_loss"):
        chosen["teacher"] = given["teacher"]  # one belongs to the other
    return chosen


def check_recipe(recipe: Path | str) -> None:
    """Raise ZooError for a recipe that does not exist or cannot be read, UnknownName for an argument that is none."""
    _read(_find(recipe))


def embedding_loss_of(recipe: Path | str) -> str | None:
    """Return the loss of embeddings that a recipe asks for, None for none. Raises ZooError as `with_recipe` does."""
    loss: str | None = _read(_find(recipe)).get("embedding_loss")
    return loss


def _read(path: Path) -> dict[str, Any]:
    """Return the arguments in a recipe's file, each of its kind."""
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ZooError(f"The recipe {path} is no valid TOML: {error}.") from error
    for name, value in read.items():
        if name not in ARGUMENTS:
            raise unknown("argument", name, ARGUMENTS, f"A recipe such as {path} may hold: {', '.join(ARGUMENTS)}.")
        if not isinstance(value, ARGUMENTS[name]) or (isinstance(value, bool) and ARGUMENTS[name] is not bool):
            raise ZooError(f"'{name}' in the recipe {path} cannot be {value!r}.")
    return read


def _find(recipe: Path | str) -> Path:
    """Return the file of a recipe, which is one if its name looks like one."""
    path = Path(recipe)
    if path.suffix == ".toml" or len(path.parts) > 1:
        if not path.is_file():
            raise ZooError(f"There is no recipe {path}. Name a .toml file, or one of {', '.join(shipped())}.")
        return path
    if str(recipe) not in shipped():
        raise unknown("recipe", str(recipe), shipped(), f"Recipes are: {', '.join(shipped())}, or name a .toml file.")
    return FOLDER / f"{recipe}.toml"


def _space(table: Mapping[str, Any], model: str, embedding_loss: str) -> Space:
    words = []
    for name, value in table.items():
        values = value if isinstance(value, list) else [value]
        words.append(f"{name}={','.join(map(str, values))}")
    found = read_dimensions(words, zoo.get(model), embedding_loss)
    return Space(BATCH_SIZES, LEARNING_RATES, found)
