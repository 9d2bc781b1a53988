"""Draw blood smears, so that a detector of blood cells can be looked at without anybody's photo.

    python scripts/draw_cells.py -o smears
    zoo publish RUN --show smears

A smear is red cells, paler in the middle, that touch and overlap; one or two white cells with a dark nucleus of lobes;
and platelets, which are small. Sizes and colours are those of the photos of BCCD (640x480 pixels, Wright's stain) by
eye. It is for looking only: nothing was trained on it, and no measurement comes from it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from zoo._cli import positive, seed
from zoo._errors import ZooError
from zoo._files import whole_folder

WIDTH_PX, HEIGHT_PX = 640, 480
PLASMA = (226, 216, 208)
RED, RED_MIDDLE = (196, 140, 148), (216, 178, 178)
WHITE, NUCLEUS = (188, 160, 198), (104, 62, 140)
PLATELET = (150, 104, 164)
BLUR_PX = 1.6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=positive, default=6, metavar="N", help="smears (default %(default)s)")
    parser.add_argument("--seed", type=seed, default=0, help="of chance, default 0: the same smears again")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    arguments = parser.parse_args()
    try:
        with whole_folder(arguments.out) as folder:
            for number in range(arguments.count):
                smear(np.random.default_rng((arguments.seed, number))).save(folder / f"smear-{number:03}.png")
    except (ZooError, OSError) as error:
        sys.exit(f"draw_cells: {error}")
    print(f"{arguments.count:,} smears: {arguments.out}")


def smear(generator: np.random.Generator) -> Image.Image:
    """Return one picture of 640x480 pixels."""
    canvas = np.empty((HEIGHT_PX, WIDTH_PX, 3))
    canvas[:] = PLASMA
    for _ in range(int(generator.integers(9, 18))):
        middle, radius = _place(generator), generator.uniform(44, 56)
        _stain(canvas, middle, radius, RED, generator)
        _stain(canvas, middle, radius * generator.uniform(0.4, 0.55), RED_MIDDLE, generator, soft=0.5)
    for _ in range(int(generator.integers(1, 3))):
        _white_cell(canvas, generator)
    for _ in range(int(generator.integers(0, 4))):
        _stain(canvas, _place(generator), generator.uniform(12, 18), PLATELET, generator, soft=0.3)
    grain = generator.normal(0, 3, canvas.shape)
    picture = Image.fromarray(np.clip(canvas + grain, 0, 255).astype(np.uint8))
    return picture.filter(ImageFilter.GaussianBlur(BLUR_PX))


def _white_cell(canvas: np.ndarray, generator: np.random.Generator) -> None:
    middle, radius = _place(generator), generator.uniform(70, 95)
    _stain(canvas, middle, radius, WHITE, generator)
    for angle in np.arange(4) * np.pi / 2 + generator.uniform(0, np.pi):
        lobe = middle + 0.4 * radius * np.array([np.cos(angle), np.sin(angle)])
        _stain(canvas, lobe, radius * generator.uniform(0.38, 0.5), NUCLEUS, generator)


def _place(generator: np.random.Generator) -> np.ndarray:
    return generator.uniform((0, 0), (WIDTH_PX, HEIGHT_PX))


def _stain(
    canvas: np.ndarray,
    middle: np.ndarray,
    radius: float,
    colour: tuple[int, int, int],
    generator: np.random.Generator,
    soft: float = 0.06,
) -> None:
    """Lay a disc that is not quite round onto the canvas; its edge takes `soft` of its radius (pixels)."""
    rows, columns = np.mgrid[:HEIGHT_PX, :WIDTH_PX]
    x, y = columns - middle[0], rows - middle[1]
    angle = np.arctan2(y, x)
    edge = np.ones_like(angle)
    for wave in (2, 3):
        edge += generator.uniform(0, 0.06) * np.cos(wave * angle + generator.uniform(0, 2 * np.pi))
    inside = np.clip((edge - np.hypot(x, y) / radius) / soft, 0, 1)[..., None]
    canvas += (np.array(colour) * generator.uniform(0.96, 1.04) - canvas) * inside * 0.9


if __name__ == "__main__":
    main()
