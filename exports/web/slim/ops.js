/**
 * The operations of TensorFlow.js that convolutional networks are made of, in place of all of them: what the converter
 * looks up by name while it runs a graph. A graph that needs another one is refused with its name.
 */
export {
  abs, add, addN, avgPool, batchNorm, cast, clipByValue, concat, conv2d, conv2dTranspose, depthToSpace, depthwiseConv2d,
  div, elu, exp, expandDims, fill, fused, gather, leakyRelu, log, matMul, max, maxPool, maximum, mean, min, minimum,
  mirrorPad, mul, neg, ones, onesLike, pad, pow, prelu, range, reciprocal, relu, relu6, reshape, reverse, rsqrt, scalar,
  selu, sigmoid, slice, softmax, softplus, split, sqrt, square, squaredDifference, squeeze, stack, stridedSlice, sub,
  sum, tanh, tensor1d, tile, transpose, unstack, zeros, zerosLike,
} from '@tensorflow/tfjs-core/dist/ops/ops';
import { resizeBilinear } from '@tensorflow/tfjs-core/dist/ops/image/resize_bilinear';
import { resizeNearestNeighbor } from '@tensorflow/tfjs-core/dist/ops/image/resize_nearest_neighbor';

export const image = { resizeBilinear, resizeNearestNeighbor };
