/**
 * What training asks of the wasm back end and it lacks, or does slowly: gradients of convolutions, and repeating a vector
 * for every pixel. Made of what it does fast, and of loops over its memory; a test compares them with the cpu back end.
 */
import * as tf from '@tensorflow/tfjs-core';

const BACKEND = 'wasm';

type Shape4D = [number, number, number, number];
type Info = tf.backend_util.Conv2DInfo;
interface WasmBackend {
  makeOutput(shape: number[], dtype: 'float32'): tf.TensorInfo;
  typedArrayFromHeap(tensor: tf.TensorInfo): Float32Array;
}
interface Call {
  inputs: Record<string, tf.Tensor4D>;
  attrs: {
    strides: [number, number] | number;
    pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
    dimRoundingMode?: 'floor' | 'round' | 'ceil';
    filterShape: Shape4D;
    inputShape: Shape4D;
    reps: number[];
  };
  backend: WasmBackend;
}

/** Register them for the wasm back end, once it is there. */
export function registerWasmGradients(): void {
  if (tf.getKernel('Conv2DBackpropFilter', BACKEND) !== undefined) return;
  register('Conv2DBackpropFilter', ({ inputs: { x, dy }, attrs, backend }) => {
    const info = convolution(x.shape, attrs.filterShape, attrs, false);
    const { inChannels, outChannels, strideHeight, strideWidth, filterHeight, filterWidth } = info;
    if (filterHeight * filterWidth * strideHeight * strideWidth === 1) {
      const pixels = tf.transpose(tf.reshape(x, [-1, inChannels])); // a product of transposed matrices would be slow
      return tf.reshape(tf.matMul(pixels, tf.reshape(dy, [-1, outChannels])), attrs.filterShape);
    }
    return summed(attrs.filterShape, backend, (sums) => {
      const [from, slopes] = [backend.typedArrayFromHeap(x), backend.typedArrayFromHeap(dy)];
      for (const { tap, pixels, place, count, step } of runs(info)) {
        for (let n = 0; n < count; n++) {
          const [p, d] = [(pixels + n * step) * inChannels, (place + n) * outChannels];
          for (let i = 0; i < inChannels; i++) {
            const [value, at] = [from[p + i], (tap * inChannels + i) * outChannels];
            for (let o = 0; o < outChannels; o++) sums[at + o] += value * slopes[d + o];
          }
        }
      }
    });
  });
  register('DepthwiseConv2dNativeBackpropFilter', ({ inputs: { x, dy }, attrs, backend }) => {
    const info = convolution(x.shape, attrs.filterShape, attrs, true);
    const { inChannels, outChannels } = info;
    const multiplier = outChannels / inChannels;
    return summed(attrs.filterShape, backend, (sums) => {
      const [from, slopes] = [backend.typedArrayFromHeap(x), backend.typedArrayFromHeap(dy)];
      for (const { tap, pixels, place, count, step } of runs(info)) {
        const at = tap * outChannels;
        for (let n = 0; n < count; n++) {
          const [p, d] = [(pixels + n * step) * inChannels, (place + n) * outChannels];
          if (multiplier === 1) for (let i = 0; i < inChannels; i++) sums[at + i] += from[p + i] * slopes[d + i];
          else for (let o = 0; o < outChannels; o++) sums[at + o] += from[p + Math.floor(o / multiplier)] * slopes[d + o];
        }
      }
    });
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

/** Replace two slow kernels by faster ones where they apply; call when the back end has its own. */
export function hastenWasm(): void {
  replace('Conv2DBackpropInput', (call) => {
    const { inputs: { dy, filter }, attrs } = call;
    const info = convolution(attrs.inputShape, filter.shape, attrs, false);
    const { strideHeight, strideWidth, padInfo, filterHeight, filterWidth } = info;
    const isCentred = padInfo.top * 2 === filterHeight - 1 && padInfo.left * 2 === filterWidth - 1;
    if (strideHeight !== 1 || strideWidth !== 1 || !isCentred) return undefined;
    const turned = tf.transpose(filterHeight * filterWidth === 1 ? filter : tf.reverse(filter, [0, 1]), [0, 1, 3, 2]);
    return tf.conv2d(dy, turned as tf.Tensor4D, 1, 'same');
  });
  replace('Tile', ({ inputs: { x }, attrs: { reps }, backend }) => {
    const channels = x.shape[x.rank - 1];
    if (x.size !== channels || reps[x.rank - 1] !== 1 || x.dtype !== 'float32') return undefined;
    const output = backend.makeOutput(x.shape.map((side, axis) => side * reps[axis]), 'float32');
    const values = backend.typedArrayFromHeap(output);
    values.set(backend.typedArrayFromHeap(x));
    for (let done = channels; done < values.length; done *= 2) values.copyWithin(done, 0, Math.min(done, values.length - done));
    return output;
  });
}

function register(kernelName: string, compute: (call: Call) => tf.TensorInfo): void {
  tf.registerKernel({ kernelName, backendName: BACKEND, kernelFunc: (call) => tf.tidy(() => compute(call as unknown as Call) as tf.Tensor) });
}

/** `compute` answers undefined for what it leaves to the kernel that is there. */
function replace(kernelName: string, compute: (call: Call) => tf.TensorInfo | undefined): void {
  const there = tf.getKernel(kernelName, BACKEND);
  if (there === undefined || replaced.has(there)) return;
  const faster = {
    ...there,
    kernelFunc: (call: Parameters<tf.KernelFunc>[0]) =>
      tf.tidy(() => compute(call as unknown as Call) as tf.Tensor | undefined) ?? there.kernelFunc(call),
  };
  tf.unregisterKernel(kernelName, BACKEND);
  tf.registerKernel(faster);
  replaced.add(faster);
}
const replaced = new Set<tf.KernelConfig>();

function convolution(shape: number[], filter: number[], { strides, pad, dimRoundingMode }: Call['attrs'], isDepthwise: boolean): Info {
  return tf.backend_util.computeConv2DInfo(shape as Shape4D, filter as Shape4D, strides, 1, pad, dimRoundingMode, isDepthwise);
}

/** Add up in double precision, since a filter's slope is a sum over every pixel of a batch. */
function summed(shape: Shape4D, backend: WasmBackend, add: (sums: Float64Array) => void): tf.TensorInfo {
  const output = backend.makeOutput(shape, 'float32'); // before its memory is looked at, since that may move
  const sums = new Float64Array(shape.reduce((product, side) => product * side, 1));
  add(sums);
  backend.typedArrayFromHeap(output).set(sums);
  return output;
}

/** A row of output places, and the input pixels that they look at through one tap of the kernel. */
interface Run {
  tap: number;
  pixels: number;
  place: number;
  count: number;
  /** Pixels from one to the next. */
  step: number;
}

function* runs(info: Info): Generator<Run> {
  const { batchSize, inHeight, inWidth, outHeight, outWidth, filterHeight, filterWidth, strideHeight, strideWidth, padInfo } = info;
  for (let tap = 0; tap < filterHeight * filterWidth; tap++) {
    const [row, column] = [Math.floor(tap / filterWidth) - padInfo.top, (tap % filterWidth) - padInfo.left];
    const first = Math.max(0, Math.ceil(-column / strideWidth));
    const end = Math.min(outWidth, Math.floor((inWidth - 1 - column) / strideWidth) + 1);
    for (let picture = 0; picture < batchSize; picture++) {
      for (let y = 0; y < outHeight; y++) {
        const line = y * strideHeight + row;
        if (line < 0 || line >= inHeight || end <= first) continue;
        const pixels = (picture * inHeight + line) * inWidth + first * strideWidth + column;
        yield { tap, pixels, place: (picture * outHeight + y) * outWidth + first, count: end - first, step: strideWidth };
      }
    }
  }
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
function padSlopes(spread: tf.Tensor4D, { padInfo, filterHeight, filterWidth, inHeight, inWidth }: Info): tf.Tensor4D {
  const [, height, width] = spread.shape;
  const [above, before] = [filterHeight - 1 - padInfo.top, filterWidth - 1 - padInfo.left];
  const [below, behind] = [inHeight + padInfo.top - height, inWidth + padInfo.left - width];
  const isCut = below < 0 || behind < 0;
  const cut = isCut ? tf.slice(spread, [0, 0, 0, 0], [-1, height + Math.min(below, 0), width + Math.min(behind, 0), -1]) : spread;
  return tf.pad(cut, [[0, 0], [above, Math.max(below, 0)], [before, Math.max(behind, 0)], [0, 0]]);
}
