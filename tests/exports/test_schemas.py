"""The published schemas: valid themselves, met by what is published, and in step with the code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import zoo
from exports.documents import CATALOG, MANIFEST, MAX_FILE_BYTES, SCHEMAS, check_document, parse_document
from exports.manifest import MANIFEST_FILE, MODEL_FILES, SCHEMA
from zoo._budget import PRECISION_BYTES
from zoo._specs import BUDGET_BYTES, RESIZE_RULES, TASKS
from zoo.catalog import CATALOG_FILE, CATALOG_SCHEMA
from zoo.tasks.grid import ENCODING


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [MANIFEST, CATALOG])
def test_schemas_are_valid(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))


def test_what_is_published_meets_them(artifact: Path, store: Path) -> None:
    for file, name in ((artifact / MANIFEST_FILE, MANIFEST), (store / CATALOG_FILE, CATALOG)):
        check_document(parse_document(file.read_bytes(), file.name), name, file.name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": "../up"}, r"models\[0\].path, which has to be a path that stays inside"),
        ({"version": "a/b"}, r"models\[0\].version, which has to be a name"),
        ({"score": "best"}, "a number or null"),
        ({"bytes": 1e10}, "a whole number"),
        ({"manifest_sha256": ""}, "64 hexadecimal digits"),
        ({"input_size": [160]}, "a list of at least 2"),
    ],
)
def test_a_strange_catalogue_breaks_its_schema(changes: dict[str, Any], message: str, store: Path) -> None:
    document = json.loads((store / CATALOG_FILE).read_text())
    document["models"][0].update(changes)
    with pytest.raises(zoo.BadArtifact, match=message):
        check_document(document, CATALOG, "the catalogue")


def test_they_say_what_the_code_says() -> None:
    manifest, definitions = schema(MANIFEST)["properties"], schema(MANIFEST)["$defs"]
    assert manifest["schema"]["const"] == SCHEMA
    assert schema(CATALOG)["properties"]["schema"]["const"] == CATALOG_SCHEMA
    assert tuple(manifest["task"]["enum"]) == TASKS
    assert tuple(manifest["input"]["properties"]["resize"]["enum"]) == RESIZE_RULES
    assert manifest["model"]["properties"]["bytes"]["maximum"] == BUDGET_BYTES
    assert set(manifest["model"]["properties"]["precision"]["enum"]) == {"mixed", *PRECISION_BYTES}
    assert tuple(manifest["files"]["required"]) == MODEL_FILES
    assert manifest["files"]["additionalProperties"]["properties"]["bytes"]["maximum"] == MAX_FILE_BYTES
    assert definitions["grid"]["properties"]["box_encoding"]["const"] == ENCODING
