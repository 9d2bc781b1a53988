/**
 * A Vite plugin that makes a bundle with only those parts of TensorFlow.js that published models use:
 *
 *     import { slimTensorflow } from 'pocket-zoo/slim';
 *     export default { plugins: [slimTensorflow()] };
 *
 * Follows the custom modules of TensorFlow.js (tfjs/docs/custom_module): its index, its operations and its list of wasm
 * kernels are replaced by those beside this file. What is left out stands in `operations.js`.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OPERATIONS, UNUSED_EXECUTORS, UNUSED_STORAGE } from './operations.js';

/** @param {string} name */
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const NOTICE = 'The scripts and the wasm files contain parts of TensorFlow.js, Copyright Google LLC, Apache License 2.0.\n';
const EMPTY = '\0slim-tensorflow:';

/**
 * A bundle whose entry is called as `except` says gets the whole of TensorFlow.js, as a worker that trains needs it.
 *
 * @param {{ except?: RegExp }} options
 * @returns {import('vite').Plugin}
 */
export function slimTensorflow({ except } = {}) {
  let isWhole = false;
  return {
    name: 'slim-tensorflow',
    enforce: 'pre',
    resolveId(source, importer = '', { isEntry } = { isEntry: false, attributes: {} }) {
      if (isEntry && except?.test(source)) isWhole = true;
      if (isWhole) return null;
      const name = source.split('/').at(-1) ?? '';
      if (source === '@tensorflow/tfjs-core') return here('./core.js');
      if (source.endsWith('/ops_for_converter')) return here('./ops.js');
      if (name === 'register_all_kernels' && importer.includes('tfjs-backend-wasm')) return here('./kernels.js');
      if (importer.includes('tfjs-core/dist/') && name in UNUSED_STORAGE) return EMPTY + name;
      if (UNUSED_EXECUTORS.some((unused) => name === `${unused}_executor`)) return EMPTY + name;
      return null;
    },
    load(id) {
      if (!id.startsWith(EMPTY)) return null;
      const names = UNUSED_STORAGE[id.slice(EMPTY.length)] ?? ['executeOp'];
      return names.map((name) => `export class ${name} {}`).join('\n');
    },
    async transform(_, id) {
      if (isWhole || !/tfjs-converter\/dist\/operations\/op_list\/\w+\.js$/.test(id)) return null;
      const { json } = await import(id);
      return `export const json = ${JSON.stringify(json.filter((/** @type {{ tfOpName: string }} */ { tfOpName }) => OPERATIONS.has(tfOpName)))};`;
    },
  };
}

/**
 * Puts the wasm files of TensorFlow.js into the folder `folder` of the build, for the option `wasmPath`.
 *
 * @param {string} folder
 * @returns {import('vite').Plugin}
 */
export function copyWasm(folder) {
  const dist = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm'));
  return {
    name: 'copy-wasm',
    generateBundle() {
      for (const kind of ['', '-simd', '-threaded-simd']) {
        const name = `tfjs-backend-wasm${kind}.wasm`;
        this.emitFile({ type: 'asset', fileName: `${folder}/${name}`, source: readFileSync(join(dist, name)) });
      }
      this.emitFile({ type: 'asset', fileName: `${folder}/NOTICE.txt`, source: NOTICE });
    },
  };
}
