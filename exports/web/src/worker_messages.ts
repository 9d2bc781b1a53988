/** What page and worker say to each other. */
import type { Reference } from './catalog.js';
import type { Model, ZooOptions } from './zoo.js';

export type Order =
  | { open: string; options: Omit<ZooOptions, 'onNotice'> }
  | { load: Reference }
  | { call: 'detect' | 'embed' | 'classify'; id: number; picture: ImageBitmap; argument?: unknown }
  | { dispose: number }
  | { memory: true };

export type Numbered = Order & { number: number };

export interface Loaded {
  id: number;
  reference: string;
  kind: Model['kind'];
  backend: string;
}
