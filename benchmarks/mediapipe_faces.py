"""What MediaPipe's face detector finds, as COCO results for `face_accuracy.py`.

    python -m venv /tmp/mediapipe && /tmp/mediapipe/bin/pip install mediapipe==0.10.14
    /tmp/mediapipe/bin/python benchmarks/mediapipe_faces.py --pictures DIR -o found.json

It imports nothing of this project, since MediaPipe's dependencies do not agree with it. Range 0 is the model for faces
within 2 metres (BlazeFace, 229,714 bytes), 1 that for 5 metres.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

LEAST_SCORE = 0.05
SUFFIXES = {".jpg", ".jpeg", ".png"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, required=True, metavar="DIR")
    parser.add_argument("--range", type=int, choices=(0, 1), default=0)
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FILE")
    arguments = parser.parse_args()
    import mediapipe
    import numpy as np
    from PIL import Image, ImageOps

    results = []
    settings = {"model_selection": arguments.range, "min_detection_confidence": LEAST_SCORE}
    with mediapipe.solutions.face_detection.FaceDetection(**settings) as detector:
        for path in sorted(arguments.pictures.iterdir()):
            if path.suffix.lower() not in SUFFIXES:
                continue
            pixels = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
            height, width = pixels.shape[:2]
            for found in detector.process(pixels).detections or []:
                box = found.location_data.relative_bounding_box
                place = [box.xmin * width, box.ymin * height, box.width * width, box.height * height]
                results.append({"file_name": path.name, "bbox": place, "score": found.score[0]})
    arguments.out.write_text(json.dumps(results), encoding="utf-8")
    print(f"{len(results):,} detections: {arguments.out}")


if __name__ == "__main__":
    main()
