/** TensorFlow.js' core without optimizers and methods on tensors, which running a graph does not need. */
import '@tensorflow/tfjs-core/dist/base_side_effects';
export * from '@tensorflow/tfjs-core/dist/base';
