/**
 * Gradients of convolutions for the wasm back end, which has none for filters nor for depthwise convolutions. Made of
 * slices and matrix products, which it has; a test compares them with those of the cpu back end.
 */
import * as tf from '@tensorflow/tfjs-core';

const BACKEND = 'wasm';

type Pad = 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
interface Attributes {
  strides: [number, number] | number;
  pad: Pad;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  filterShape: [number, number, number, number];
  inputShape: [number, number, number, number];
}
type Kernel = { inputs: Record<string, tf.Tensor4D>; attrs: Attributes };

/** Register what is missing; nothing where it is there. Call once the back end is. */
export function registerWasmGradients(): void {
  register('Conv2DBackpropFilter', ({ inputs: { x, dy }, attrs }) => {
    const { filterShape } = attrs;
    const [height, width, inside, outside] = filterShape;
    const info = convolution(x.shape, filterShape, attrs, false);
    const slopes = tf.reshape(dy, [-1, outside]);
    const products = patches(x, info).map((patch) => tf.matMul(tf.reshape(patch, [-1, inside]), slopes, true));
    return tf.reshape(tf.stack(products), [height, width, inside, outside]);
  });
  register('DepthwiseConv2dNativeBackpropFilter', ({ inputs: { x, dy }, attrs }) => {
    const [height, width, inside, multiplier] = attrs.filterShape;
    const info = convolution(x.shape, attrs.filterShape, attrs, true);
    const slopes = multiplier === 1 ? dy : tf.reshape(dy, [-1, inside, multiplier]);
    const ones = tf.ones([1, info.batchSize * info.outHeight * info.outWidth]);
    const sums = patches(x, info).map((patch) => {
      const product = multiplier === 1 ? tf.mul(patch, slopes) : tf.mul(tf.reshape(patch, [-1, inside, 1]), slopes);
      return tf.matMul(ones, tf.reshape(product, [-1, inside * multiplier]) as tf.Tensor2D); // sums rows faster than sum
    });
    return tf.reshape(tf.stack(sums), [height, width, inside, multiplier]);
  });
  register('DepthwiseConv2dNativeBackpropInput', ({ inputs: { dy, filter }, attrs }) => {
    const info = convolution(attrs.inputShape, filter.shape, attrs, true);
    const multiplier = filter.shape[3];
    const flipped = tf.reverse(filter, [0, 1]);
    const spread = padSlopes(spreadSlopes(dy, info.strideHeight, info.strideWidth), info);
    if (multiplier === 1) return tf.depthwiseConv2d(spread, flipped, 1, 'valid');
    const apart = tf.reshape(spread, [...spread.shape.slice(0, 3), info.inChannels, multiplier]);
    const parts = tf.unstack(apart, 4).map((part, m) =>
      tf.depthwiseConv2d(part as tf.Tensor4D, tf.slice(flipped, [0, 0, 0, m], [-1, -1, -1, 1]), 1, 'valid'),
    );
    return tf.addN(parts);
  });
}

function register(kernelName: string, compute: (kernel: Kernel) => tf.Tensor): void {
  if (tf.getKernel(kernelName, BACKEND) !== undefined) return;
  tf.registerKernel({
    kernelName,
    backendName: BACKEND,
    kernelFunc: (kernel) => tf.tidy(() => compute(kernel as unknown as Kernel)),
  });
}

type Info = tf.backend_util.Conv2DInfo;

function convolution(shape: number[], filter: number[], { strides, pad, dimRoundingMode }: Attributes, isDepthwise: boolean): Info {
  return tf.backend_util.computeConv2DInfo(
    shape as [number, number, number, number],
    filter as [number, number, number, number],
    strides,
    1,
    pad,
    dimRoundingMode,
    isDepthwise,
  );
}

/** For each place of the kernel, rows first, what it is multiplied with: (batch, outHeight, outWidth, channels). */
function patches(x: tf.Tensor4D, info: Info): tf.Tensor4D[] {
  const { padInfo, filterHeight, filterWidth, strideHeight, strideWidth, outHeight, outWidth, batchSize, inChannels } = info;
  const { top, bottom, left, right } = padInfo;
  const padded = top + bottom + left + right > 0 ? tf.pad(x, [[0, 0], [top, bottom], [left, right], [0, 0]]) : x;
  const found: tf.Tensor4D[] = [];
  for (let row = 0; row < filterHeight; row++) {
    for (let column = 0; column < filterWidth; column++) {
      const [lastRow, lastColumn] = [row + (outHeight - 1) * strideHeight + 1, column + (outWidth - 1) * strideWidth + 1];
      found.push(
        strideHeight === 1 && strideWidth === 1
          ? tf.slice(padded, [0, row, column, 0], [batchSize, outHeight, outWidth, inChannels])
          : (tf.stridedSlice(
              padded,
              [0, row, column, 0],
              [batchSize, lastRow, lastColumn, inChannels],
              [1, strideHeight, strideWidth, 1],
            ) as tf.Tensor4D),
      );
    }
  }
  return found;
}

/** Put zeros between slopes, as many as the stride skips: (B, h, w, C) -> (B, h·strideHeight, w·strideWidth, C). */
function spreadSlopes(dy: tf.Tensor4D, strideHeight: number, strideWidth: number): tf.Tensor4D {
  if (strideHeight === 1 && strideWidth === 1) return dy;
  const [batch, height, width, channels] = dy.shape;
  const cells = tf.reshape(dy, [batch * height * width, 1, channels]);
  const wide = tf.reshape(tf.pad(cells, [[0, 0], [0, strideWidth - 1], [0, 0]]), [batch * height, 1, width * strideWidth * channels]);
  const high = tf.pad(wide, [[0, 0], [0, strideHeight - 1], [0, 0]]);
  return tf.reshape(high, [batch, height * strideHeight, width * strideWidth, channels]);
}

/** Pad, or cut, so that a valid convolution with the flipped kernel gives the input's size. */
function padSlopes(spread: tf.Tensor4D, info: Info): tf.Tensor4D {
  const { padInfo, filterHeight, filterWidth, inHeight, inWidth } = info;
  const [, height, width] = spread.shape;
  const [above, before] = [filterHeight - 1 - padInfo.top, filterWidth - 1 - padInfo.left];
  const [below, behind] = [inHeight + padInfo.top - height, inWidth + padInfo.left - width];
  const cut = tf.slice(spread, [0, 0, 0, 0], [-1, height + Math.min(below, 0), width + Math.min(behind, 0), -1]);
  return tf.pad(cut, [[0, 0], [above, Math.max(below, 0)], [before, Math.max(behind, 0)], [0, 0]]);
}
