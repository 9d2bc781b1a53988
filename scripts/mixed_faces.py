"""Mix aligned faces, two and two, into faces of nobody, and ask dlib's recognizer for the vector of each.

    make peers
    python scripts/mixed_faces.py --data people --add people/teacher_dlib128.npz --count 20000 \\
        --network benchmarks/browser/node_modules/@vladmandic/face-api/model -o mixed

Recognizers that follow a teacher (`--embedding-loss distill`) see few people in a small data set; the teacher has an
answer for any face, so faces of nobody widen what they learn from: `zoo sweep sphereface_112 --data people --extra-data
mixed --teacher mixed/teacher.npz`. Of the people in `--data`, those are taken that a sweep learns from, so what it is
measured by stays apart; `--faces` takes all. By turns, two faces are blended, or the upper half of one is
set on the lower half of the other, whose tones are matched. It writes a folder for each below `mixed/train`, and
`teacher.npz` with their vectors and those of `--add`.

The idea is that of mixup (Zhang et al., arXiv:1710.09412) and CutMix (Yun et al., arXiv:1905.04899) for distillation,
as in Beyer et al., 'Knowledge distillation: a good teacher is patient and consistent', arXiv:2106.05237: the teacher
sees the same mixture, so its answer is right by definition. The network is dlib's ResNet (dlib.net, 2017) as
face-api.js carries it, in eight bits; it takes 16 ms a face on one core where dlib takes 160.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from faces_by_dlib import CHIP_SIDE_PX, cut, kept_vectors, to_chip, write_vectors  # noqa: E402

from tuner.data import open_dataset  # noqa: E402
from zoo._cli import positive, seed  # noqa: E402
from zoo._errors import ZooError  # noqa: E402
from zoo._files import whole_folder  # noqa: E402
from zoo._specs import FACE_RECOGNITION  # noqa: E402
from zoo.tasks.alignment import TEMPLATE_SIDE_PX  # noqa: E402

MANIFEST = "face_recognition_model-weights_manifest.json"
MEAN_RGB = (122.782, 117.001, 104.298)
LONE_SHARE = 0.25
"""How often a face that has a folder to itself is taken, beside the faces of people with several pictures."""
FACES_AT_ONCE = 64
STAGES: tuple[tuple[str, int], ...] = (("conv64", 3), ("conv128", 2), ("conv256", 2))
"""The residual blocks at each width, after one that halves the map."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, action="append", default=[], metavar="DIR", help="people of a data set")
    parser.add_argument("--faces", type=Path, action="append", default=[], metavar="DIR", help="a folder per person")
    parser.add_argument("--network", type=Path, required=True, metavar="DIR", help="face-api.js' folder of models")
    parser.add_argument("--add", type=Path, metavar="FILE.npz", help="vectors of other pictures, to be kept")
    parser.add_argument("--count", type=positive, default=22_000, metavar="N", help="mixtures (default %(default)s)")
    parser.add_argument("--seed", type=seed, default=0, help="of chance, default 0: the same mixtures again")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    arguments = parser.parse_args()
    try:
        with whole_folder(arguments.out) as folder:
            told = run(arguments, folder)
    except (ZooError, OSError) as error:
        sys.exit(f"mixed_faces: {error}")
    print(f"{told}: {arguments.out}")


def run(arguments: argparse.Namespace, folder: Path) -> str:
    """Fill the folder as was asked for, and return in words with what. Raises: ZooError or OSError if it cannot be."""
    kept = kept_vectors(arguments.add)
    files, shares = faces(arguments.faces, arguments.data)
    answer = network(arguments.network)
    generator = np.random.default_rng(arguments.seed)
    vectors: dict[str, np.ndarray] = {}
    waiting: dict[str, np.ndarray] = {}
    for number in tqdm(range(arguments.count), unit="face"):
        two = generator.choice(len(files), 2, replace=False, p=shares)
        first, second = (varied(files[index], generator) for index in two)
        mixed = blended(first, second, generator) if number % 2 else joined(first, second, generator)
        place = folder / "train" / f"mixed-{arguments.seed}-{number}" / "1.jpg"
        place.parent.mkdir(parents=True)
        mixed.save(place, quality=93)
        waiting[f"{place.parent.name}/1.jpg"] = np.asarray(cut(mixed, to_chip(), CHIP_SIDE_PX), np.float32)
        if len(waiting) == FACES_AT_ONCE or number == arguments.count - 1:
            answers = answer(np.stack(list(waiting.values()))).astype(np.float16)
            vectors |= dict(zip(waiting, answers, strict=True))
            waiting.clear()
    write_vectors(folder, kept | vectors)
    return f"{len(vectors):,} faces with their vectors, {len(kept | vectors):,} vectors in all"


def faces(folders: list[Path], data: list[Path]) -> tuple[list[Path], np.ndarray]:
    """Return the picture files of all folders, and how often each is taken, float (N,) with the sum 1.

    Of `data`, those of the people to train on are taken. People go by one over the square root of their pictures.
    Raises: ZooError when a folder is missing or holds too few.
    """
    if not folders and not data:
        raise ZooError("There are no faces to mix. Name a data set with --data, or a folder per person with --faces.")
    files: list[Path] = []
    for place in data:
        people = open_dataset(str(place), task=FACE_RECOGNITION)
        files += sorted(place / sample.key for sample in people.splits["train"])
    for folder in folders:
        if not folder.is_dir():
            raise ZooError(f"There is no folder {folder}. Name one that holds a folder of aligned faces per person.")
        files += sorted(file for file in folder.rglob("*") if file.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if len(files) < 2:
        place = [*data, *folders][-1]
        raise ZooError(f"{place} holds {len(files)} pictures, and a mixture takes two. Name a folder with more.")
    pictures = Counter(file.parent for file in files)
    shares = np.array([pictures[file.parent] ** -0.5 if pictures[file.parent] > 1 else LONE_SHARE for file in files])
    return files, shares / shares.sum()


def varied(file: Path, generator: np.random.Generator) -> np.ndarray:
    """Return a face, float32 (112, 112, 3), a little moved and stretched, half of the time in a mirror.

    Raises: ZooError for a picture that is no aligned face.
    """
    with Image.open(file) as opened:
        face = opened.convert("RGB")
    if face.size != (TEMPLATE_SIDE_PX, TEMPLATE_SIDE_PX):
        raise ZooError(f"{file} is {face.width}x{face.height}, but aligned faces are 112x112. Name aligned faces.")
    (x_scale, y_scale), (x, y) = generator.uniform(0.92, 1.08, 2), generator.uniform(-2, 2, 2)
    middle = TEMPLATE_SIDE_PX / 2
    back = (1 / x_scale, 0, middle + x - middle / x_scale, 0, 1 / y_scale, middle + y - middle / y_scale)
    moved = np.asarray(face.transform(face.size, Image.Transform.AFFINE, back, Image.Resampling.BICUBIC), np.float32)
    return moved[:, ::-1] if generator.random() < 0.5 else moved


def blended(first: np.ndarray, second: np.ndarray, generator: np.random.Generator) -> Image.Image:
    """Return both faces (112, 112, 3) over each other."""
    share = np.float32(generator.uniform(0.35, 0.65))
    return Image.fromarray(np.clip(share * first + (1 - share) * second, 0, 255).astype(np.uint8))


def joined(first: np.ndarray, second: np.ndarray, generator: np.random.Generator) -> Image.Image:
    """Return the upper half of one face (112, 112, 3) on the lower half of another, in the tones of the first."""
    border, soft = generator.uniform(58, 84), generator.uniform(4, 14)
    share = 1 / (1 + np.exp((np.arange(len(first), dtype=np.float32)[:, None, None] - border) / soft))
    gain = (first.std((0, 1)) + 1) / (second.std((0, 1)) + 1)
    toned = np.clip((second - second.mean((0, 1))) * gain + first.mean((0, 1)), 0, 255)
    return Image.fromarray(np.clip(share * first + (1 - share) * toned, 0, 255).astype(np.uint8))


def network(folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Return dlib's recognizer: faces, float32 (N, 150, 150, 3) 0..255 -> vectors, float32 (N, 128).

    Raises: ZooError when the folder does not hold its weights.
    """
    weights = _weights(folder)
    import tensorflow as tf

    def convolved(x: Any, name: str, strides: int = 1, padding: str = "SAME", rectified: bool = True) -> Any:
        x = tf.nn.conv2d(x, weights[f"{name}/conv/filters"], strides, padding) + weights[f"{name}/conv/bias"]
        x = x * weights[f"{name}/scale/weights"] + weights[f"{name}/scale/biases"]
        return tf.nn.relu(x) if rectified else x

    def residual(x: Any, name: str) -> Any:
        return tf.nn.relu(convolved(convolved(x, f"{name}/conv1"), f"{name}/conv2", rectified=False) + x)

    def halved(x: Any, name: str) -> Any:
        pooled = tf.nn.avg_pool2d(x, 2, 2, "VALID")
        x = convolved(convolved(x, f"{name}/conv1", 2, "VALID"), f"{name}/conv2", rectified=False)
        x = tf.pad(x, [[0, 0], *([0, pooled.shape[axis] - x.shape[axis]] for axis in (1, 2)), [0, 0]])
        pooled = tf.pad(pooled, [[0, 0]] * 3 + [[0, x.shape[3] - pooled.shape[3]]])
        return tf.nn.relu(x + pooled)

    @tf.function(input_signature=[tf.TensorSpec((None, CHIP_SIDE_PX, CHIP_SIDE_PX, 3), tf.float32)])
    def answers(images: Any) -> Any:
        x = (images - tf.constant(MEAN_RGB)) / 256.0
        x = tf.nn.max_pool2d(convolved(x, "conv32_down", 2, "VALID"), 3, 2, "VALID")
        for number in (1, 2, 3):
            x = residual(x, f"conv32_{number}")
        for name, blocks in STAGES:
            x = halved(x, f"{name}_down")
            for number in range(1, blocks + 1):
                x = residual(x, f"{name}_{number}")
        x = halved(x, "conv256_down_out")
        return tf.reduce_mean(x, [1, 2]) @ weights["fc"]

    try:
        answers.get_concrete_function()
    except (KeyError, ValueError) as error:
        raise ZooError(f"{folder / MANIFEST} is not of dlib's recognizer ({error!r}). Install face-api.js.") from error
    return lambda images: answers(images).numpy()


def _weights(folder: Path) -> dict[str, np.ndarray]:
    """Read weights as TensorFlow.js stores them, eight bits with a scale and a minimum."""
    if not (folder / MANIFEST).is_file():
        raise ZooError(f"There is no file {folder / MANIFEST}. Install face-api.js: make peers.")
    try:
        (group,) = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        content = b"".join((folder / Path(path).name).read_bytes() for path in group["paths"])
        weights, start = {}, 0
        for entry in group["weights"]:
            stored = entry.get("quantization", {"dtype": entry["dtype"], "scale": 1, "min": 0})
            count = int(np.prod(entry["shape"]))
            values = np.frombuffer(content, stored["dtype"], count, start)
            start += values.nbytes
            scaled = values.astype(np.float32) * np.float32(stored["scale"]) + np.float32(stored["min"])
            weights[entry["name"]] = scaled.reshape(entry["shape"])
    except (KeyError, TypeError, ValueError) as error:
        raise ZooError(f"{folder / MANIFEST} cannot be read ({error!r}). Install face-api.js again.") from error
    return weights


if __name__ == "__main__":
    main()
