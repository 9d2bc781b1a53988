"""What the public YuNet finds, as COCO results for `face_accuracy.py`.

    python -m venv /tmp/yunet && /tmp/yunet/bin/pip install opencv-python-headless numpy pillow
    /tmp/yunet/bin/python benchmarks/yunet_faces.py --model yunet_n_dynamic.onnx --side 320 --pictures DIR -o found.json

The network is in the repository ShiqiYu/libfacedetection.train, below `onnx/`: yunet_n of 75,856 parameters, yunet_s of
54,608, as float32. OpenCV's FaceDetectorYN runs it and decodes its answers. A picture is brought to `--side` pixels
along its longer side and filled up at right and below. It imports nothing of this project.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

LEAST_SCORE = 0.02
OVERLAP = 0.45
MOST = 5_000
SUFFIXES = {".jpg", ".jpeg", ".png"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, metavar="FILE.onnx")
    parser.add_argument("--side", type=int, required=True, metavar="PX", help="of the square input, such as 320")
    parser.add_argument("--pictures", type=Path, required=True, metavar="DIR")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FILE")
    arguments = parser.parse_args()
    if not arguments.model.is_file() or not arguments.pictures.is_dir():
        sys.exit(f"There is no file {arguments.model}, or no folder {arguments.pictures}. Name both.")
    import cv2
    import numpy as np
    from PIL import Image, ImageOps

    side = arguments.side
    detector = cv2.FaceDetectorYN.create(str(arguments.model), "", (side, side), LEAST_SCORE, OVERLAP, MOST)
    results = []
    for path in sorted(arguments.pictures.iterdir()):
        if path.suffix.lower() not in SUFFIXES:
            continue
        picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        scale = side / max(picture.size)
        small = picture.resize([max(round(length * scale), 1) for length in picture.size], Image.Resampling.BILINEAR)
        square = np.zeros((side, side, 3), np.uint8)
        square[: small.height, : small.width] = np.asarray(small)[:, :, ::-1]  # OpenCV takes blue first
        _, found = detector.detect(square)
        for row in [] if found is None else found.tolist():
            box = [value / scale for value in row[:4]]
            results.append({"file_name": path.name, "bbox": box, "score": row[-1]})
    arguments.out.write_text(json.dumps(results), encoding="utf-8")
    print(f"{len(results):,} detections: {arguments.out}")


if __name__ == "__main__":
    main()
