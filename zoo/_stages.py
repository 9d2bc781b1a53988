"""The block structure of a built network: its layers gathered into stages that read in one screen.

A stage is the layers that share a name up to the first number or underscore (stem, stage1, neck16). What predicts from
one stride is one stage (head16), whatever the output; a layer without weights, such as a pooling of its own name,
belongs to the one stage that reads it. Stages come in the order of the graph and their numbers add up to `footprint`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any

from zoo._budget import footprint

INPUT = "InputLayer"
JOINED_OUTPUTS = "outputs"
RESHAPING = ("Reshape", "Flatten", "Rescaling")  # the size before them tells more
NAMES: Mapping[str, str] = {
    INPUT: "input",
    "Add": "add",
    "AveragePooling2D": "average pool",
    "Concatenate": "concat",
    "Dense": "fully connected",
    "GlobalAveragePooling2D": "global pool",
    "MaxPooling2D": "max pool",
    "Multiply": "scale",
    "UpSampling2D": "up",
}
# What a run of layers is called, as regular expressions over their descriptions.
BLOCKS_WITHIN: Mapping[str, str] = {
    r"global pool \+ pw \+ pw \+ scale": "squeeze-excite",
    r"pw \+ dw (\d+x\d+) \+ concat": r"ghost \1",
}
BLOCKS_WHOLE: Mapping[str, str] = {r"^pw \+ dw (\d+x\d+) \+ pw$": r"inverted residual \1"}

Sources = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Stage:
    """One stage and what it costs.

    `size` is (height, width) of its output, (rows,) of joined anchors or () of a vector; `filters` counts the numbers
    per place over all its outputs; `weight_bytes` is with uint8 kernels; `sources` are the stages it reads.
    """

    name: str
    kinds: str
    size: tuple[int, ...]
    filters: int
    parameters: int
    multiply_adds: int
    weight_bytes: int
    sources: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {**asdict(self), "size": list(self.size), "sources": list(self.sources)}

    @property
    def size_text(self) -> str:
        return "x".join(map(str, self.size)) or "vector"


def find_stages(model: Any) -> list[Stage]:
    """Gather the layers of a built Keras model into stages, each after those it reads."""
    layers = {layer.name: layer for layer in model.layers}
    sources = {name: _layers_before(layer, layers) for name, layer in layers.items()}
    stage_of = _assign(layers, sources, tuple(model.output) if isinstance(model.output, dict) else ())
    members: dict[str, list[str]] = {}
    for name, stage in stage_of.items():
        members.setdefault(stage, []).append(name)
    reads = {
        stage: _unique(stage_of[source] for name in names for source in sources[name] if stage_of[source] != stage)
        for stage, names in members.items()
    }
    return [
        _describe(stage, [layers[name] for name in _along_the_flow(members[stage], sources)], sources, reads[stage])
        for stage in _in_order(reads)
    ]


def _layers_before(layer: Any, known: Mapping[str, Any]) -> list[str]:
    """Return the names of the layers whose output the layer takes."""
    parents = (parent.operation.name for node in layer._inbound_nodes for parent in node.parent_nodes)
    return _unique(name for name in parents if name in known)


def _assign(layers: Mapping[str, Any], sources: Sources, outputs: Sequence[str]) -> dict[str, str]:
    """Return the stage of each layer."""
    stage_of = {name: _stage_name(name, outputs) for name in layers}
    for stage in _unique(stage_of.values()):
        names = {name for name in layers if stage_of[name] == stage}
        if any(layers[name].weights or type(layers[name]).__name__ == INPUT for name in names):
            continue
        before = _unique(stage_of[source] for name in names for source in sources[name] if source not in names)
        after = _unique(stage_of[name] for name in layers if name not in names and names & set(sources[name]))
        if len(after) == 1 and any(layers[name].weights for name in layers if stage_of[name] == after[0]):
            stage_of.update(dict.fromkeys(names, after[0]))
        elif len(before) == 1 and not after:
            stage_of.update(dict.fromkeys(names, before[0]))
    return stage_of


def _stage_name(layer: str, outputs: Sequence[str]) -> str:
    for output in outputs:
        if layer.startswith(f"{output}_"):
            stride = re.match(r"\d+", layer.removeprefix(f"{output}_"))
            return f"head{stride[0]}" if stride else JOINED_OUTPUTS
        if layer == output:
            return output
    start = re.match(r"[^\W\d_]+_?\d*", layer)
    return start[0].rstrip("_") if start else layer


def _in_order(reads: Sources) -> list[str]:
    """Return the stages so that each comes after those it reads, else in the order of their first layers."""
    waiting, done = list(reads), list[str]()
    while waiting:
        following = next((stage for stage in waiting if set(reads[stage]) <= set(done)), waiting[0])
        waiting.remove(following)
        done.append(following)
    return done


def _along_the_flow(names: Sequence[str], sources: Sources) -> list[str]:
    """Return the layers of a stage branch by branch; Keras lists them by depth."""
    done: list[str] = []

    def follow(name: str) -> None:
        if name in done or any(source in names and source not in done for source in sources[name]):
            return
        done.append(name)
        for reader in names:
            if name in sources[reader]:
                follow(reader)

    for name in names:
        follow(name)
    return done


def _describe(stage: str, layers: Sequence[Any], sources: Sources, reads: Sequence[str]) -> Stage:
    names = {layer.name: layer for layer in layers}
    read_within = {source for name in names for source in sources[name]}
    shapes = [_shape_before_rows(layer, sources, names) for layer in layers if layer.name not in read_within]
    size = shapes[-1][:-1]
    cost = footprint(SimpleNamespace(layers=layers))
    return Stage(
        name=stage,
        kinds=_kinds(layers, sources, merges=len(reads) > 1),
        size=size,
        filters=sum(shape[-1] for shape in shapes if shape[:-1] == size),
        parameters=cost.parameters,
        multiply_adds=cost.multiply_adds,
        weight_bytes=cost.predicted_bytes("uint8") - cost.topology_bytes,
        sources=tuple(reads),
    )


def _shape_before_rows(layer: Any, sources: Sources, within: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the shape, without the batch, of a layer, or of what it only reshapes."""
    while type(layer).__name__ in RESHAPING and sources[layer.name][0] in within:
        layer = within[sources[layer.name][0]]
    return tuple(layer.output.shape[1:])


def _kinds(layers: Sequence[Any], sources: Sources, *, merges: bool) -> str:
    """Describe the layers of a stage; additions within it are counted as skips, those of two stages named."""
    branches: list[list[str]] = []
    before, skips = "", 0
    for layer in layers:
        word = _kind(layer)
        if before not in sources[layer.name]:
            branches.append([])
        if word == "add" and not merges:
            skips += 1
        elif word:
            branches[-1].append(word)
        before = layer.name
    parts: list[tuple[str, int]] = []
    for words in filter(None, branches):
        for part, count in _runs(_renamed(" + ".join(words), BLOCKS_WITHIN).split(" + ")):
            repeated = parts.pop()[1] if parts and parts[-1][0] == part else 0
            parts.append((part, repeated + count))
    described = [_times(_renamed(part, BLOCKS_WHOLE), count) for part, count in parts]
    if len(parts) == 1 and parts[0][0].startswith("dw") and parts[0][1] - 1 == skips > 1:
        return f"dense block: {described[0]}"
    return ", ".join([*described, *(["skip"] if skips == 1 else [f"{skips} skips"] if skips else [])])


def _kind(layer: Any) -> str:
    """Say what a layer is in a word or two; nothing for those that go without saying."""
    kind = type(layer).__name__
    if kind in ("Conv2D", "DepthwiseConv2D"):
        height, width = layer.kernel_size
        if kind == "DepthwiseConv2D":
            return f"dw {height}x{width}"
        return "pw" if height == width == 1 else f"conv {height}x{width}"
    return NAMES.get(kind, kind if layer.weights and kind != "BatchNormalization" else "")


def _runs(words: Sequence[str]) -> list[tuple[str, int]]:
    """Join words into groups and how often each repeats; the repetition that covers most words goes first."""
    runs: list[tuple[str, int]] = []
    start, alone = 0, False
    while start < len(words):
        rest = words[start:]
        repeats = {period: _repeats(rest, period) for period in range(1, len(rest) // 2 + 1)}
        length, count = max(
            ((period, count) for period, count in repeats.items() if count > 1),
            key=lambda found: found[0] * found[1],
            default=(1, 1),
        )
        group = " + ".join(rest[:length])
        if count == 1 and alone:
            runs[-1] = (f"{runs[-1][0]} + {group}", 1)
        else:
            runs.append((group, count))
        start, alone = start + length * count, count == 1
    return runs


def _repeats(words: Sequence[str], period: int) -> int:
    count = 1
    while words[count * period : (count + 1) * period] == words[:period]:
        count += 1
    return count


def _times(text: str, count: int) -> str:
    if count == 1:
        return text
    return f"{count}x ({text})" if "+" in text else f"{count}x {text}"


def _renamed(text: str, names: Mapping[str, str]) -> str:
    for pattern, name in names.items():
        text = re.sub(pattern, name, text)
    return text


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
