"""Draw masks onto the faces of photos with landmarks, so that a detector of masks has more to learn from.

    python scripts/draw_masks.py --photos photos/train.json -o drawn
    zoo sweep picodet_xs_640 --data masks --extra-data drawn

Photos of masks are few, and those of masks worn wrongly fewer still; photos of faces are many. Each face keeps its box
and becomes one of three classes by chance: with a mask over nose and mouth, without, or with one that leaves the nose
free. A mask is a polygon in the plane that eyes and mouth span, narrower on the side that is turned away, shaded by the
light on the face below it. Source of the idea: Anwar and Raychowdhury, 'Masked Face Recognition for Secure
Authentication', arXiv:2008.11104, who warp photos of masks; a drawn one is enough to learn where cloth is.

The photos are COCO JSON with five landmarks a face, and so is what is written: `OUT/train.json` beside `OUT/images`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tuner.data._pictures import is_inside
from zoo._cli import positive, seed
from zoo._errors import ZooError
from zoo._files import whole_folder
from zoo._specs import FACE_KEYPOINTS

WITH, WITHOUT, WRONGLY = "with_mask", "without_mask", "mask_weared_incorrect"
CLASSES, SHARES = (WITH, WITHOUT, WRONGLY), (0.45, 0.3, 0.25)
KEPT = ("image_id", "bbox", "area", "iscrowd")
OVERSAMPLING = 4
LEAST_EYES = 0.35
"""Half the distance of the eyes in heights from eyes to mouth, at least: in profile, they lie close together."""
COLOURS = (
    ((176, 205, 222), 5),  # surgical blue
    ((150, 190, 205), 2),
    ((232, 234, 236), 4),  # white
    ((34, 34, 38), 3),  # black
    ((120, 124, 130), 1),  # grey
    ((60, 84, 130), 1),  # denim
    ((196, 150, 160), 1),  # rose
)
"""Red, green, blue, and how often."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, metavar="FILE.json", help="COCO, beside its images/")
    parser.add_argument("--seed", type=seed, default=0, help="of chance, default 0: the same photos again")
    parser.add_argument("--limit", type=positive, metavar="N", help="draw on at most N photos, chosen by the seed")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    arguments = parser.parse_args()
    try:
        with whole_folder(arguments.out) as folder:
            told = run(arguments, folder)
    except (ZooError, OSError) as error:
        sys.exit(f"draw_masks: {error}")
    print(f"{told}: {arguments.out}")


class Face(NamedTuple):
    """A face of a photo: its height, its landmarks (5, 2) in pixels, and what of its annotation is written again."""

    height_px: float
    landmarks: np.ndarray
    kept: dict[str, Any]


def run(arguments: argparse.Namespace, folder: Path) -> str:
    """Fill the folder as was asked for, and return in words with what. Raises: ZooError or OSError if it cannot be."""
    photos = photos_with_faces(arguments.photos)
    if arguments.limit:
        chosen = np.random.default_rng(arguments.seed).permutation(len(photos))[: arguments.limit]
        photos = [photos[place] for place in sorted(chosen)]
    generator = np.random.default_rng(arguments.seed)
    annotations: list[dict[str, Any]] = []
    for photo, faces in tqdm(photos, unit="photo"):
        with Image.open(arguments.photos.parent / "images" / photo["file_name"]) as opened:
            picture = opened.convert("RGB")
        for face in sorted(faces, key=lambda face: face.height_px):  # the nearest last
            worn = int(generator.choice(len(CLASSES), p=SHARES))
            if CLASSES[worn] != WITHOUT:
                picture = masked(picture, face.landmarks, covers_nose=CLASSES[worn] == WITH, generator=generator)
            annotations.append({"id": len(annotations) + 1, "category_id": worn + 1, **face.kept})
        (folder / "images" / photo["file_name"]).parent.mkdir(parents=True, exist_ok=True)
        picture.save(folder / "images" / photo["file_name"], quality=93)
    content = {
        "images": [photo for photo, _ in photos],
        "annotations": annotations,
        "categories": [{"id": place, "name": name} for place, name in enumerate(CLASSES, start=1)],
    }
    (folder / "train.json").write_text(json.dumps(content), encoding="utf-8")
    return f"{len(photos):,} photos, {len(annotations):,} faces"


def photos_with_faces(coco: Path) -> list[tuple[dict[str, Any], list[Face]]]:
    """Return each photo's entry with its faces; photos without any are left out.

    Raises: ZooError for a file that cannot be read, for faces without landmarks, and when there are none.
    """
    if not coco.is_file():
        raise ZooError(f"There is no file {coco} with photos and their faces. Name one in COCO JSON.")
    faces: dict[Any, list[Face]] = {}
    try:
        listed: dict[str, Any] = json.loads(coco.read_text(encoding="utf-8"))
        for face in listed["annotations"]:
            kept = {name: face[name] for name in KEPT if name in face}
            _, _, _, height_px = (float(value) for value in face["bbox"])
            faces.setdefault(face["image_id"], []).append(Face(height_px, landmarks(face), kept))
        photos = [(photo, faces[photo["id"]]) for photo in listed["images"] if photo["id"] in faces]
        outside = [photo["file_name"] for photo, _ in photos if not is_inside(photo["file_name"])]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ZooError(f"{coco} is no COCO JSON of faces with five landmarks each ({error!r}). Name one.") from error
    if outside:
        raise ZooError(f"{coco} names the photo {outside[0]}, which is not below images/. Name photos below it.")
    if not photos:
        raise ZooError(f"{coco} holds no photo with a face. Name another.")
    return photos


def landmarks(face: dict[str, Any]) -> np.ndarray:
    """Return the landmarks (5, 2) of a face in pixels: eyes, nose, corners of the mouth.

    Raises: KeyError or ValueError when it has others, or not all are known.
    """
    marked = np.array(face["keypoints"], float).reshape(len(FACE_KEYPOINTS), 3)
    if not np.isfinite(marked).all():
        raise ValueError(f"face {face.get('id')} has landmarks that are no numbers")
    if not (marked[:, 2] > 0).all():
        raise ValueError(f"face {face.get('id')} lacks landmarks")
    return marked[:, :2]


def masked(
    picture: Image.Image, points: np.ndarray, *, covers_nose: bool, generator: np.random.Generator
) -> Image.Image:
    """Return the picture with a mask on the face of five landmarks (5, 2), over its nose or below it."""
    eyes, nose, mouth = points[:2].mean(0), points[2], points[3:].mean(0)
    across, down = (points[1] - points[0]) / 2, mouth - eyes
    height = float(np.linalg.norm(down))
    width = max(float(np.linalg.norm(across)), LEAST_EYES * height)
    across = across / max(float(np.linalg.norm(across)), 1e-6) * width
    turn = float(np.clip((np.linalg.pinv(np.stack([across, down], 1)) @ (nose - eyes))[0], -0.9, 0.9))
    outline, straps = _outline(turn, covers_nose, generator)
    reach = 3.2 * max(height, width)
    left, top = np.floor(eyes - reach).astype(int).tolist()
    right, bottom = np.ceil(eyes + reach).astype(int).tolist()

    def placed(corners: Iterable[np.ndarray]) -> list[tuple[float, float]]:
        spots = [(eyes + across * x + down * y - (left, top)) * OVERSAMPLING for x, y in corners]
        return [(float(x), float(y)) for x, y in spots]

    size = (right - left, bottom - top)
    large = (size[0] * OVERSAMPLING, size[1] * OVERSAMPLING)
    thick = max(1, round(0.06 * height * OVERSAMPLING))
    shape, folds = Image.new("L", large), Image.new("L", large, 128)
    pen = ImageDraw.Draw(shape)
    for strap in straps:
        pen.line(placed(strap), fill=200, width=thick)
    pen.polygon(placed(outline), fill=255)
    if generator.random() < 0.6:
        pen = ImageDraw.Draw(folds)
        for part in (0.35, 0.55, 0.75):
            ends = [outline[0] * (1 - part) + outline[-1] * part, outline[6] * (1 - part) + outline[7] * part]
            pen.line(placed(ends), fill=int(generator.integers(90, 118)), width=thick)
    alpha = np.asarray(shape.resize(size, Image.Resampling.BOX), np.float32)[..., None] / 255
    alpha *= generator.uniform(0.9, 1.0)
    relief = np.asarray(folds.resize(size, Image.Resampling.BOX), np.float32)[..., None] / 128
    below = picture.crop((left, top, right, bottom))
    if not (alpha > 0.5).any():  # too small to be seen
        return picture
    cloth = _cloth(below, alpha > 0.5, relief, height, generator)
    mixed = np.asarray(below, np.float32) * (1 - alpha) + cloth * alpha
    picture = picture.copy()
    picture.paste(Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8)), (left, top))
    return picture


def _cloth(
    below: Image.Image, covered: np.ndarray, relief: np.ndarray, height: float, generator: np.random.Generator
) -> np.ndarray:
    """Return cloth (h, w, 3), 0..255, in the light of the face `below` it where that is `covered` (h, w, 1)."""
    light = np.asarray(below.convert("L").filter(ImageFilter.GaussianBlur(0.35 * height)), np.float32)[..., None]
    mean = float(light[covered].mean())
    shade = np.clip(light / max(mean, 1.0), 0.4, 1.6) ** 0.8
    exposure = np.clip(mean / 140, 0.45, 1.25)
    colour = _colour(generator)
    rounding = 1 + 0.12 * np.linspace(1, -1, len(light))[:, None, None] * generator.uniform(0, 1)
    cloth = colour * exposure * shade * relief * rounding
    return np.clip(cloth + generator.normal(0, 3, cloth.shape), 0, 255)


def _outline(turn: float, covers_nose: bool, generator: np.random.Generator) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the corners (12, 2) of a mask and its four straps, each (2, 2), in units of the face.

    The eyes are at (-1, 0) and (1, 0), the mouth at (0, 1), and the nose points `turn` to the side.
    """
    jitter = generator.normal(0, 0.04, (12, 2))
    left, right = -1.75 * (1 + 0.35 * turn), 1.75 * (1 - 0.35 * turn)
    chin = generator.uniform(1.55, 1.85)
    if covers_nose:
        bridge, cheek = generator.uniform(0.15, 0.38), generator.uniform(0.3, 0.55)
    elif generator.random() < 0.7:  # below the nose
        bridge, cheek = generator.uniform(0.72, 0.9), generator.uniform(0.6, 0.85)
    else:  # below the mouth
        bridge, cheek = generator.uniform(1.15, 1.3), generator.uniform(1.0, 1.15)
    middle = 0.9 * turn
    low = max(cheek + 0.3, 1.0)
    top = [(left, cheek), (0.6 * left + 0.4 * middle, bridge + 0.08), (middle - 0.25, bridge), (middle, bridge - 0.04)]
    top += [(middle + 0.25, bridge), (0.6 * right + 0.4 * middle, bridge + 0.08), (right, cheek)]
    bottom = [(right * 0.97, low), (right * 0.62 + 0.2 * middle, chin - 0.2), (0.5 * middle, chin)]
    bottom += [(left * 0.62 + 0.2 * middle, chin - 0.2), (left * 0.97, low)]
    corners = np.array(top + bottom) + jitter
    ear = 0.15
    straps = [
        np.array([corners[0], (left * 1.2, ear)]),
        np.array([corners[6], (right * 1.2, ear)]),
        np.array([corners[11], (left * 1.2, ear + 0.35)]),
        np.array([corners[7], (right * 1.2, ear + 0.35)]),
    ]
    return corners, straps


def _colour(generator: np.random.Generator) -> np.ndarray:
    colours, counts = zip(*COLOURS, strict=True)
    share = np.array(counts, float) / sum(counts)
    if generator.random() < 0.15:
        return generator.uniform(20, 240, 3)
    return np.array(colours[generator.choice(len(colours), p=share)]) + generator.normal(0, 8, 3)


if __name__ == "__main__":
    main()
