/** What no honest artifact exceeds. The schema of manifests, `exports/schemas/manifest.schema.json`, has the same numbers. */

/** A larger file is refused before anything is fetched. */
export const MAX_FILE_BYTES = 64_000_000;
/** The budget of what travels: topology and weights. */
export const MAX_MODEL_BYTES = 2_000_000;
export const MAX_FILES = 1_000;
/** Labels, finds in a picture, numbers of an embedding. */
export const MAX_ENTRIES = 10_000;
/** Sides of an input, in pixels. */
export const MAX_SIDE = 4_096;
export const MAX_OUTPUTS = 8;
/** Axes of an output, without that of pictures, and the places along one. */
export const MAX_AXES = 4;
export const MAX_COUNT = 1_000_000;
/** Numbers in all outputs for a picture. */
export const MAX_OUTPUT_VALUES = 16_000_000;
export const MAX_STRIDES = 8;
export const MAX_ANCHOR_SIDES = 16;
export const MAX_KEYPOINTS = 100;
