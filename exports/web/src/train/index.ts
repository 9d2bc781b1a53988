/**
 * Training in the page, in a worker of its own:
 *
 *     const training = await TrainingSession.open('/store/', { wasmPath: '/tfjs/' }, (event) => console.log(event));
 *     await training.prepare({ reference: 'pebble_cls_48', start: 'fresh', data: { pack: 'https://.../packs/animals/' } });
 *     await training.fit({ batchSize: await training.measureBatchSize() });
 *     const files = await training.download();      // 'zoo import' takes them back
 *     training.dispose();
 */
export type { DataSource, OwnPicture, Preparation, Prepared, WorkerEvent } from './messages.js';
export type { LabelledBox } from './pack.js';
export { TrainingSession } from './session.js';
export { STARTS, type Start } from './starts.js';
export type { Epoch, Fit, Overfit, Recipe } from './recipe.js';
