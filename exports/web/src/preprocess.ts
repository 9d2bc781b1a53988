/** From a picture to the bytes of a model input: the twin of `resize` in `tuner/data/_decode.py`. */
import type { InputSpec } from './contract.js';
import { placedSize } from './letterbox.js';
import { Resampler } from './resample.js';
import { PixelReader, sourceSize, type Source } from './source.js';

/** Weights of red, green and blue in grey, of 65536 (ITU-R 601, as in Pillow). */
const LUMA = [19_595, 38_470, 7_471];

/** Brings pictures to one model's input; keeps scratch memory, so a camera frame allocates next to nothing. */
export class Preprocessor {
  private readonly reader = new PixelReader();
  private readonly placed: ImageData;
  private resampler?: Resampler;

  constructor(private readonly input: InputSpec) {
    this.placed = new ImageData(input.width, input.height);
  }

  /** RGB bytes at model size, padded, as opaque ImageData; grey in all channels for a model of one. Valid until the next call. */
  run(source: Source): ImageData {
    const target = placedSize(this.input, sourceSize(source));
    const pixels = this.reader.read(source, target);
    const { data } = this.placed;
    if (this.resampler === undefined || !this.resampler.isFor(pixels, target)) {
      this.resampler = new Resampler({ width: pixels.width, height: pixels.height }, target);
      data.fill(this.input.pad_value);
      for (let i = 3; i < data.length; i += 4) data[i] = 255;
    }
    this.resampler.run(pixels.data, data, this.input.width);
    if (this.input.channels === 1) this.toGrey(target.width, target.height);
    return this.placed;
  }

  private toGrey(width: number, height: number): void {
    const { data } = this.placed;
    for (let y = 0; y < height; y++) {
      for (let x = 0, i = y * this.input.width * 4; x < width; x++, i += 4) {
        const grey = (data[i] * LUMA[0] + data[i + 1] * LUMA[1] + data[i + 2] * LUMA[2] + 0x8000) >> 16;
        data[i] = data[i + 1] = data[i + 2] = grey;
      }
    }
  }
}
