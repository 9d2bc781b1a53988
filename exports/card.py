"""The model card: what a model is for, what it was trained on and how, how good it is, and where it ends.

Markdown with pictures beside, part of the artifact and covered by its hashes. Written from the run and from what was
measured; it adds no number of its own.
"""

from __future__ import annotations

import io
import json
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exports.curves import draw_curve
from exports.evaluate import Findings, Measurement
from exports.manifest import told_summary
from exports.pictures import draw_samples
from tuner.data import SYNTHETIC, Sample
from tuner.defaults import BATCH_SIZES, EPOCHS, LEARNING_RATES
from tuner.report import FIGURES_FOLDER, trial_rows
from tuner.runs import RunFolder
from zoo._budget import footprint
from zoo._cli import table
from zoo._errors import ZooError
from zoo._files import write_atomically
from zoo._places import Location
from zoo._specs import (
    FACE_DETECTION,
    FACE_GATE,
    FACE_RECOGNITION,
    OBJECT_DETECTION,
    OBJECT_RECOGNITION,
)
from zoo.catalog import Entry, read_catalog

CARD_FILE = "card.md"
RECIPE_FILE = "recipe.toml"
"""How the command of a card calls the recipe that the card shows."""
PICTURES = "card"
DOTS_PER_INCH = 80
SWEEP_PICTURES = ("search", "loss")

PURPOSE = {
    FACE_DETECTION: "Finds faces in pictures: boxes, scores and five landmarks.",
    OBJECT_DETECTION: "Finds objects in pictures: boxes, scores and classes.",
    FACE_RECOGNITION: "Turns an aligned face into a vector; the cosine of two vectors tells how alike two faces are.",
    OBJECT_RECOGNITION: "Tells what a picture shows.",
    FACE_GATE: "Tells whether a picture shows a face, so that a larger model need not run on those without.",
}
LIMITS = {
    FACE_DETECTION: (
        "Faces much smaller than those trained on are missed, and so are most that are turned away or covered. Light, "
        "age and skin were not balanced unless the data did it: measure on pictures of your own before relying on it."
    ),
    OBJECT_DETECTION: (
        "It knows only the classes above, at about the sizes and in about the surroundings that it was trained with."
    ),
    FACE_RECOGNITION: (
        "Not for opening doors: at few false accepts, far fewer true ones are left than the accuracy suggests; look at "
        "the curve. Groups that the training data show rarely are told apart worse."
    ),
    OBJECT_RECOGNITION: "It names one of its classes whatever the picture shows.",
    FACE_GATE: "It looks at a crop as a whole; small faces in large scenes are not its business.",
}


@dataclass(frozen=True)
class Subject:
    """What a card is about: the finished run, the quantized network's answers, its metrics, sizes and name.

    `rounding` is what `zoo run` was told of precision and bytes, as arguments; `shown` are pictures to draw answers on.
    """

    run: RunFolder
    findings: Findings
    before: Measurement
    after: Measurement
    quantization: Mapping[str, Any]
    size: Mapping[str, int]
    note: str
    name: str
    rounding: Sequence[str] = ()
    shown: Sequence[Sample] = ()
    licence: str = ""


def write_card(subject: Subject, folder: Path, store: Location) -> None:
    """Write card.md and card/*.png into an artifact's folder. Siblings are those published in `store`."""
    pictures = folder / PICTURES
    pictures.mkdir()
    draw_curve(subject.findings, pictures / "curve.png", dots_per_inch=DOTS_PER_INCH)
    siblings = _siblings(subject, store)
    write_atomically(pictures / "siblings.png", _bytes_plot(subject, siblings), sync=False)
    for name in SWEEP_PICTURES:
        drawn = subject.run.path / FIGURES_FOLDER / f"{name}.png"
        if drawn.is_file():
            shutil.copyfile(drawn, pictures / f"{name}.png")
    draw_samples(subject.findings.loaded, pictures / "samples.png", subject.shown)
    there = {path.stem for path in pictures.glob("*.png")}
    write_atomically(folder / CARD_FILE, _text(subject, siblings, there).encode(), sync=False)


def reproduce(record: Mapping[str, Any], name: str | None = None, rounding: Sequence[str] = ()) -> str:
    """Return the command that makes a run again from its run.json, with DIR in place of the data's folder.

    It publishes the winner as `name`, left out as its architecture's, rounds it as the arguments `rounding` say, and
    reads `RECIPE_FILE` where `recipe_lines` has any.
    """
    asked = record["request"]
    space = asked["space"]
    words = ["zoo", "run", asked["model"]]
    words += ["--data", SYNTHETIC if asked["data"] == SYNTHETIC else "DIR"]
    given = {
        "--format": asked["format"],
        "--limit": asked["limit"],
        "--trials": asked["trials"],
        "--epochs": None if asked["epochs"] == EPOCHS else asked["epochs"],
        "--finish-epochs": asked.get("finish_epochs") or None,
        "--seed": asked["seed"] or None,
        "--oracle": None if asked["oracle"] == "random" else asked["oracle"],
        "--recipe": RECIPE_FILE if recipe_lines(record) else None,
        "--augment": asked["augmentation"] if isinstance(asked["augmentation"], str) else None,
        "--embedding-loss": asked["embedding_loss"] if asked.get("teacher") else None,
        "--teacher": Path(asked["teacher"]).name if asked.get("teacher") else None,
        "--weights": _start(asked.get("weights")),
        "--as": None if name == asked["model"] else name,
    }
    for name, value in given.items():
        if value is not None:
            words += [name, str(value)]
    for place in asked.get("extra_data", ()):
        words += ["--extra-data", shlex.quote(Path(place).name)]
    for old, new in asked.get("rename", {}).items():
        words += ["--rename", f"{old}={new}"]
    if "batch_size" not in space["more"] and space["batch_sizes"] != list(BATCH_SIZES):
        words += ["--batch-size", ",".join(map(str, space["batch_sizes"]))]
    if "learning_rate" not in space["more"] and space["learning_rates"] != list(LEARNING_RATES):
        words += ["--learning-rate", ":".join(f"{rate:g}" for rate in space["learning_rates"])]
    for name, values in space["more"].items():
        if isinstance(values, Mapping):
            text = f"{values['low']:g}:{values['high']:g}" + (":log" if values["log"] else "")
        else:
            text = ",".join(map(str, values))
        words += ["--space", f"{name}={text}"]
    for name, value in asked["options"].items():
        words += ["--option", f"{name}={value}"]
    return shlex.join([*words, *rounding])


def recipe_lines(record: Mapping[str, Any]) -> list[str]:
    """Return the recipe, TOML, for what a command cannot say: an augmentation with settings of its own."""
    settings = record["request"]["augmentation"] if "request" in record else {}
    if not isinstance(settings, Mapping):
        return []
    return ["[augmentation]", *(f"{name} = {json.dumps(value)}" for name, value in settings.items())]


def _start(weights: str | None) -> str | None:
    """Return what to write for the weights that a training started from: a published model's name, else RUN."""
    return "RUN" if weights and Path(weights).is_absolute() else weights


def _siblings(subject: Subject, store: Location) -> Sequence[Entry]:
    """Return the newest version of each other model of the same task, by the same metric on the same data."""
    after, task = subject.after, subject.findings.loaded.spec.task
    try:
        entries = read_catalog(store)  # the newest of a model come first
    except ZooError:  # the first model of a store
        return []
    data = f"{after.data} {after.split}"
    newest: dict[str, Entry] = {}
    for entry in entries:
        alike = (entry.task, entry.metric, entry.metric_data) == (task, after.name, data)
        if alike and entry.score is not None and entry.name != subject.name:
            newest.setdefault(entry.name, entry)
    return list(newest.values())


def _bytes_plot(subject: Subject, siblings: Sequence[Entry]) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    points = [(entry.bytes, float(entry.score or 0), entry.name) for entry in siblings]
    axes.scatter([size / 1000 for size, _, _ in points], [score for _, score, _ in points], color="tab:grey")
    axes.scatter([subject.size["bytes"] / 1000], [subject.after.value], color="tab:blue", s=90)
    points.append((subject.size["bytes"], subject.after.value, subject.name))
    for size, score, name in points:
        axes.annotate(f" {name}", (size / 1000, score), fontsize=8)
    axes.set(xlabel="kB, topology and weights", ylabel=subject.after.name, xscale="log")
    axes.set_title(f"{subject.after.name} on {subject.after.data} {subject.after.split}", fontsize="medium")
    axes.grid(alpha=0.3)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=DOTS_PER_INCH)
    return content.getvalue()


def _text(subject: Subject, siblings: Sequence[Entry], pictures: set[str]) -> str:
    loaded, record, winner = subject.findings.loaded, subject.run.record(), subject.run.winner()
    spec, data = loaded.spec, record["data"]
    trials = subject.run.read_json_lines("trials.jsonl")
    seconds = sum(trial.get("seconds", 0.0) for trial in trials)

    network = footprint(loaded.network)

    def picture(name: str, says: str) -> list[str]:
        return [f"![{says}]({PICTURES}/{name}.png)", ""] if name in pictures else []

    metrics = [
        {
            "metric": done.name,
            "value": f"{done.value:.4f}",
            "data": f"{done.data} {done.split}",
            "pictures": done.pictures,
            "weights": done.precision,
        }
        for done in (subject.after, subject.before)
    ]
    hyperparameters = ", ".join(f"{name} {_short(value)}" for name, value in winner.get("hyperparameters", {}).items())
    lines = [
        f"# {subject.name}",
        "",
        PURPOSE[spec.task],
        told_summary(spec, winner["options"]),
        "",
        f"- architecture: `{spec.name}`, {spec.paper}",
        f"- network: {network.parameters:,} parameters, {network.multiply_adds / 1e6:.1f} million multiply-adds",
        f"- input: {spec.inputs.height}x{spec.inputs.width} pixels, {spec.inputs.resize}",
        *([f"- labels: {', '.join(loaded.labels)}"] if loaded.labels else []),
        f"- bytes: {subject.size['bytes']:,} ({subject.size['gzip_bytes']:,} with gzip), topology and weights",
        *([f"- licence: {subject.licence}"] if subject.licence else []),
        "",
        "## How good it is",
        "",
        _markdown(metrics),
        "",
        "The first row is measured on the published weights, the second before they were rounded.",
        "",
        *picture("curve", f"Curve on {subject.after.data} {subject.after.split}"),
        *picture(
            "siblings",
            f"{subject.after.name} against bytes, beside {_count(len(siblings))} other published "
            + ("model" if len(siblings) == 1 else "models"),
        ),
        *picture("samples", f"What it answers for {'these' if subject.shown else 'generated'} pictures"),
        "## What it was trained on",
        "",
        f"{' and '.join([data['name'], *data.get('extra', ())])} ({data['format']}): "
        f"{_count(data['train_pictures'])} pictures to train, "
        f"{_count(data['val_pictures'])} to choose by, SHA-256 of pictures and labels `{data['sha256']}`.",
        "",
        subject.note
        or "Whoever published it left no note on where the pictures come from, who labelled them and "
        "what their licence allows. Ask before you rely on it.",
        "",
        "## How it was trained",
        "",
        "```sh",
        reproduce(record, subject.name, subject.rounding) if "request" in record else "# by hand, in a page",
        "```",
        "",
        *([f"with `{RECIPE_FILE}`:", "", "```toml", *recipe, "```", ""] if (recipe := recipe_lines(record)) else []),
        f"The winner: {hyperparameters or 'no hyperparameters are known'}; epoch {winner['best_epoch']}, seed "
        f"{record['seed']}; {len(trials)} training{'' if len(trials) == 1 else 's'} in {_duration(seconds)}. Versions: "
        + ", ".join(f"{name} {version}" for name, version in record["versions"].items())
        + ".",
        "",
        _markdown(trial_rows(trials, subject.after.name, winner.get("trial"))) if trials else "",
        "",
        *picture("search", "The search over batch size and learning rate"),
        *picture("loss", "Loss and metric per epoch"),
        "## How it was quantized",
        "",
        _markdown([{**row, "damage": f"{100 * row['damage']:.3f} %"} for row in subject.quantization["groups"]]),
        "",
        "## How to load it",
        "",
        "```js",
        f"const model = await zoo.load('{subject.name}@latest'); // after openZoo(STORE)",
        "```",
        "",
        "```python",
        f'network = zoo.load("{subject.name}")  # a Keras model with these weights; store=STORE names another store',
        "```",
        "",
        "Both mean the newest version. This one is named as the folder that holds this card: `NAME@VERSION` loads it.",
        "",
        "## Where it ends",
        "",
        LIMITS[spec.task],
        "",
    ]
    return "\n".join(lines)


def _markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    return table(rows, format="github")


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 100 else f"{seconds / 3600:.2f} hours"


def _count(number: int | None) -> str:
    return "an unknown number of" if number is None else f"{number:,}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
