/** The slim bundle has a kernel for everything it can be asked to run. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { OPERATIONS } from '../slim/operations.js';

const read = (name: string) => readFileSync(new URL(`../slim/${name}`, import.meta.url), 'utf8');

describe('the slim bundle', () => {
  it('registers every kernel that it imports', () => {
    const kernels = read('kernels.js');
    const imported = [...kernels.matchAll(/import \{ (\w+Config) \}/g)].map(([, name]) => name);
    const registered = [...kernels.split('const KERNELS')[1].matchAll(/\w+Config/g)].map(([name]) => name);
    expect(registered).toEqual(imported);
  });

  it.each(['_FusedConv2D', 'FusedDepthwiseConv2dNative', 'ResizeNearestNeighbor', 'MaxPool'])('knows %s', (name) => {
    expect(OPERATIONS.has(name)).toBe(true);
  });
});
