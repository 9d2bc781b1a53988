/** Builds the pages of `zoo serve`, and the runtime as one script with the slim TensorFlow.js inside, into dist/pages. */
import { resolve } from 'node:path';
import { defineConfig } from 'vite';
import packages from './package.json' with { type: 'json' };
import { copyWasm, slimTensorflow } from './slim/plugin.js';

/** Named by version, since browsers may keep what lies in assets/ for good. */
const WASM_FOLDER = `assets/tfjs-${packages.dependencies['@tensorflow/tfjs-backend-wasm']}`;
const SCRIPTS = ['pocket-zoo', 'pocket-zoo-train', 'sw'];

export default defineConfig({
  root: resolve(import.meta.dirname, 'pages'),
  base: './',
  publicDir: false,
  define: { WASM_PATH: JSON.stringify(`${WASM_FOLDER}/`) },
  plugins: [slimTensorflow(), copyWasm(WASM_FOLDER)],
  esbuild: { legalComments: 'none' }, // NOTICE.txt says it once
  worker: { format: 'es', plugins: () => [slimTensorflow({ except: /train_entry/ })] },
  build: {
    outDir: resolve(import.meta.dirname, 'dist/pages'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0, // the content security policy of the pages allows no data: addresses for scripts
    chunkSizeWarningLimit: 1_500,
    rollupOptions: {
      input: {
        index: resolve(import.meta.dirname, 'pages/index.html'),
        recognize: resolve(import.meta.dirname, 'pages/recognize.html'),
        train: resolve(import.meta.dirname, 'pages/train.html'),
        'pocket-zoo': resolve(import.meta.dirname, 'src/index.ts'),
        'pocket-zoo-train': resolve(import.meta.dirname, 'src/train/index.ts'),
        sw: resolve(import.meta.dirname, 'pages/sw.ts'),
      },
      preserveEntrySignatures: 'strict',
      output: {
        entryFileNames: ({ name }) => (SCRIPTS.includes(name) ? '[name].js' : 'assets/[name]-[hash].js'),
      },
    },
  },
});
