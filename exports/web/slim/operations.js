/**
 * Graph operations that a slim bundle runs, by their names in TensorFlow: those of convolutional networks. A graph with
 * another one is refused at its first run with the operation's name. `ops.js` has what they call, `kernels.js` what
 * computes it on wasm.
 */
export const OPERATIONS = new Set(
  `Abs Add AddN AddV2 AvgPool BatchMatMul BatchMatMulV2 BiasAdd Cast ClipByValue Concat ConcatV2 Const Conv2D
  Conv2DBackpropInput DepthToSpace DepthwiseConv2d DepthwiseConv2dNative Elu Exp ExpandDims Fill FusedBatchNorm
  FusedBatchNormV2 FusedBatchNormV3 FusedDepthwiseConv2dNative Gather GatherV2 Identity IdentityN LeakyRelu Log MatMul
  Max MaxPool Maximum Mean Min Minimum MirrorPad Mul Neg NoOp Ones OnesLike Pack Pad PadV2 Placeholder
  PlaceholderWithDefault Pow Prelu Range RealDiv Reciprocal Relu Relu6 Reshape ResizeBilinear ResizeNearestNeighbor
  Reverse ReverseV2 Rsqrt Selu Shape Sigmoid Slice Softmax Softplus Split SplitV Sqrt Square SquaredDifference Squeeze
  StridedSlice Sub Sum Tanh Tile Transpose Unpack Zeros ZerosLike _FusedConv2D _FusedMatMul`.split(/\s+/),
);

/** Executors of the converter that run none of these. */
export const UNUSED_EXECUTORS = [
  'control', 'dynamic', 'evaluation', 'hash_table', 'ragged', 'sparse', 'spectral', 'string',
];

/**
 * Ways of keeping models in TensorFlow.js' core, and their exports; the runtime has its own.
 *
 * @type {Record<string, string[]>}
 */
export const UNUSED_STORAGE = {
  indexed_db: ['BrowserIndexedDB', 'BrowserIndexedDBManager'],
  local_storage: ['BrowserLocalStorage', 'BrowserLocalStorageManager'],
  browser_files: ['browserFiles'],
};
