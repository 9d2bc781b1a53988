"""Cut the faces out of photos with landmarks, aligned, and ask dlib's recognizer for the vector of each.

    python -m venv /tmp/dlib && /tmp/dlib/bin/pip install dlib-bin numpy pillow tqdm
    /tmp/dlib/bin/python scripts/faces_by_dlib.py --photos photos/train.json --add people/teacher.npz \\
        --network dlib_face_recognition_resnet_model_v1.dat -o more-faces

Recognizers that follow a teacher (`--embedding-loss distill`) need no names, so any faces widen what they learn from:
`zoo sweep sphereface_112 --data people --extra-data more-faces --teacher more-faces/teacher.npz`. It writes a folder
for each face below `more-faces/train`, and `teacher.npz` with their vectors and those of `--add`.

The photos are COCO JSON with five landmarks a face. The network's public weights are in the package
`face_recognition_models` on PyPI, and at dlib.net/files. It imports no framework, so that dlib need not agree with
TensorFlow.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tuner.data.teacher import read_teacher
from zoo._errors import ZooError
from zoo._files import whole_folder
from zoo._specs import FACE_KEYPOINTS
from zoo.tasks.alignment import TEMPLATE_PX, TEMPLATE_SIDE_PX, fit_similarity

CHIP_SIDE_PX = 150
"""What dlib's network takes, which sees more of the chin than an aligned face shows."""
CHIP_SCALE, CHIP_DOWN_PX = 1.085, 15.5
"""Fitted on 24 aligned faces whose vectors were known: with these, the network's answers agreed with them best."""
VECTOR_SIZE = 128
LEAST_INSIDE = 0.95
"""The share of an aligned face that must lie inside the photo."""
OVERSAMPLING = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, metavar="FILE.json", help="COCO, beside its images/")
    parser.add_argument("--network", type=Path, required=True, metavar="FILE.dat")
    parser.add_argument("--add", type=Path, metavar="FILE.npz", help="vectors of other pictures, to be kept")
    parser.add_argument("--least", type=float, default=48.0, metavar="PX", help="height of the smallest face taken")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    arguments = parser.parse_args()
    try:
        with whole_folder(arguments.out) as folder:
            told = run(arguments, folder)
    except (ZooError, OSError) as error:
        sys.exit(f"faces_by_dlib: {error}")
    print(f"{told}: {arguments.out}")


def run(arguments: argparse.Namespace, folder: Path) -> str:
    """Fill the folder as was asked for, and return in words with what. Raises: ZooError or OSError if it cannot be."""
    if not arguments.network.is_file():
        raise ZooError(f"There is no file {arguments.network} with dlib's network. 'face_recognition_models' has it.")
    kept = kept_vectors(arguments.add)
    found = faces(arguments.photos, arguments.least)
    import dlib
    from tqdm import tqdm

    try:
        network = dlib.face_recognition_model_v1(str(arguments.network))
    except RuntimeError as error:
        raise ZooError(f"{arguments.network} is not dlib's network. 'face_recognition_models' has it.") from error
    vectors: dict[str, np.ndarray] = {}
    for name, file, landmarks in tqdm(found, unit="face"):
        with Image.open(file) as opened:
            photo = opened.convert("RGB")
        to_aligned = fit_similarity(landmarks, TEMPLATE_PX)
        if inside(photo, to_aligned) < LEAST_INSIDE:
            continue
        place = folder / "train" / name / "1.png"
        place.parent.mkdir(parents=True)
        cut(photo, to_aligned, TEMPLATE_SIDE_PX).save(place)
        chip = cut(photo, to_chip() @ whole(to_aligned), CHIP_SIDE_PX)
        vectors[f"{name}/1.png"] = np.array(network.compute_face_descriptor(np.asarray(chip)), np.float16)
    if not vectors:
        raise ZooError(f"No face of {arguments.photos} lies wholly inside its photo. Name other photos.")
    write_vectors(folder, kept | vectors)
    return f"{len(vectors):,} faces with their vectors, {len(kept | vectors):,} vectors in all"


def kept_vectors(file: Path | None) -> dict[str, np.ndarray]:
    """Return the vectors (128,) of other pictures by their names; none without a file. Raises: ZooError for others."""
    kept = read_teacher(file) if file else {}
    if any(len(vector) != VECTOR_SIZE for vector in kept.values()):
        raise ZooError(f"{file} holds vectors of other sizes than dlib's {VECTOR_SIZE}. Leave --add out.")
    return kept


def write_vectors(folder: Path, vectors: dict[str, np.ndarray]) -> None:
    """Write `teacher.npz`, which `zoo sweep --teacher` reads."""
    np.savez_compressed(folder / "teacher.npz", files=np.array(list(vectors)), emb=np.stack(list(vectors.values())))


def faces(coco: Path, least_px: float) -> list[tuple[str, Path, np.ndarray]]:
    """Return the name, photo file and landmarks (5, 2) of each face at least so high that is not marked as doubtful.

    Raises: ZooError for a file that cannot be read, and when there is none.
    """
    if not coco.is_file():
        raise ZooError(f"There is no file {coco} with photos and their faces. Name one in COCO JSON.")
    found = []
    try:
        listed: dict[str, Any] = json.loads(coco.read_text(encoding="utf-8"))
        files = {image["id"]: image["file_name"] for image in listed["images"]}
        for face in listed["annotations"]:
            if face.get("iscrowd") or face["bbox"][3] < least_px:
                continue
            marked = np.array(face["keypoints"], float).reshape(len(FACE_KEYPOINTS), 3)
            if (marked[:, 2] > 0).all():
                file = coco.parent / "images" / files[face["image_id"]]
                found.append((f"{file.stem}-{face['id']}", file, marked[:, :2]))
    except (KeyError, TypeError, ValueError) as error:
        raise ZooError(f"{coco} is no COCO JSON of faces with five landmarks each ({error!r}). Name one.") from error
    if not found:
        raise ZooError(f"No face in {coco} is {least_px:g} pixels high and has its landmarks. Lower --least.")
    return found


def whole(matrix: np.ndarray) -> np.ndarray:
    """Complete a (2, 3) map of the plane to (3, 3), so that maps can be multiplied."""
    return np.vstack([matrix, (0, 0, 1)])


def to_chip() -> np.ndarray:
    """Return the map (2, 3) from an aligned face to dlib's chip."""
    scale = CHIP_SIDE_PX * CHIP_SCALE / TEMPLATE_SIDE_PX
    centre, middle = TEMPLATE_SIDE_PX / 2, CHIP_SIDE_PX / 2
    return np.array([[scale, 0, middle - scale * centre], [0, scale, middle - scale * (centre + CHIP_DOWN_PX)]])


def cut(photo: Image.Image, to_cut: np.ndarray, side_px: int) -> Image.Image:
    """Return the square picture of which `to_cut` (2, 3) tells where each place of the photo goes."""
    finer = np.diag((OVERSAMPLING, OVERSAMPLING, 1)) @ whole(to_cut)
    back = np.linalg.inv(finer)[:2].ravel()
    large = photo.transform(
        (side_px * OVERSAMPLING,) * 2, Image.Transform.AFFINE, tuple(back), Image.Resampling.BICUBIC
    )
    return large.resize((side_px, side_px), Image.Resampling.BOX)


def inside(photo: Image.Image, to_aligned: np.ndarray) -> float:
    """Return the share, 0..1, of the aligned face that lies inside the photo."""
    line = (np.arange(16) + 0.5) * TEMPLATE_SIDE_PX / 16
    x, y = (np.linalg.inv(whole(to_aligned)) @ np.stack([*np.meshgrid(line, line), np.ones((16, 16))]).reshape(3, -1))[
        :2
    ]
    return float(((x >= 0) & (x < photo.width) & (y >= 0) & (y < photo.height)).mean())


if __name__ == "__main__":
    main()
