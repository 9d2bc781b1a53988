"""Whether the parts of a manifest agree with each other, which a schema cannot say: shapes, names and sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo._errors import ZooError
from zoo._specs import GridHead, ImageSpec

MAX_OUTPUT_VALUES = 16_000_000
"""No honest model answers a picture with more numbers; a page lays out memory by them."""


def check_agreement(manifest: Mapping[str, Any]) -> None:
    """Raise ZooError where parts of a manifest that fits its schema do not fit each other."""
    low, high = manifest["input"]["value_range"]
    if not low < high:
        raise ZooError(f"input.value_range falls from {low:g} to {high:g}.")
    outputs = {output["name"]: tuple(output["shape"]) for output in manifest["outputs"]}
    if len(outputs) < len(manifest["outputs"]):
        raise ZooError("Two outputs have one name.")
    for name, shape in _decoded_shapes(manifest).items():
        if outputs.get(name) != shape:
            raise ZooError(f"decode reads an output {name} of shape {shape}, and outputs has {outputs.get(name)}.")
    if sum(map(math.prod, outputs.values())) > MAX_OUTPUT_VALUES:
        raise ZooError(f"Its outputs have more than {MAX_OUTPUT_VALUES:,} numbers.")
    if "trainable" in manifest and set(manifest["trainable"]["outputs"]) != set(outputs):
        raise ZooError("The outputs of the layers model are others than those of the graph model.")
    _check_golden(manifest, outputs)
    topologies = [manifest[key]["topology"] for key in ("model", "trainable") if key in manifest]
    for path in [*topologies, *(entry["path"] for entry in _golden_entries(manifest))]:
        if path not in manifest["files"]:
            raise ZooError(f"It lists no hash for {path}, so that cannot be trusted.")


def _decoded_shapes(manifest: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the outputs that the decode rule reads, and their shapes."""
    decode, inputs, classes = manifest["decode"], manifest["input"], len(manifest["labels"])
    match decode["kind"]:
        case "grid":
            head = GridHead(
                tuple(decode["strides"]), tuple(map(tuple, decode["anchor_sides"])), tuple(decode["keypoints"])
            )
            anchors = head.num_anchors(ImageSpec(inputs["height"], inputs["width"], inputs["channels"]))
            points = {"keypoint_offsets": (anchors, 2 * head.num_keypoints)} if head.keypoints else {}
            return {"class_logits": (anchors, classes), "box_offsets": (anchors, 4), **points}
        case "embedding":
            return {"embedding": (decode["size"],)}
        case _:
            return {"class_logits": (classes,)}


def _check_golden(manifest: Mapping[str, Any], outputs: Mapping[str, tuple[int, ...]]) -> None:
    inputs, golden = manifest["input"], manifest["golden"]
    pictures, *picture = golden["input"]["shape"]
    if picture != [inputs["height"], inputs["width"], inputs["channels"]]:
        raise ZooError(f"The golden pictures are {picture}, and the input is another.")
    found = {name: tuple(entry["shape"]) for name, entry in golden["outputs"].items()}
    if found != {name: (pictures, *shape) for name, shape in outputs.items()}:
        raise ZooError(f"The golden outputs are not what outputs gives for {pictures} pictures.")
    for entry in _golden_entries(manifest):
        size = math.prod(entry["shape"]) * np.dtype(entry["dtype"]).itemsize
        listed = manifest["files"].get(entry["path"], {}).get("bytes", size)
        if listed != size:
            raise ZooError(f"{entry['path']} has {listed:,} bytes; its shape {entry['shape']} takes {size:,}.")


def _golden_entries(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [manifest["golden"]["input"], *manifest["golden"]["outputs"].values()]
