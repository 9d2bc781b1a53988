/** Rasterisers in software are known by their names, as browsers tell them. */
import { expect, it } from 'vitest';
import { isSoftware, isSoftwareAdapter } from '../src/rasteriser.js';

it.each([
  ['ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device (Subzero) (0x0000C0DE)), SwiftShader driver)', true],
  ['llvmpipe (LLVM 15.0.7, 256 bits)', true],
  ['softpipe', true],
  ['ANGLE (Microsoft, Microsoft Basic Render Driver Direct3D11 vs_5_0 ps_5_0)', true],
  ['Apple Software Renderer', true],
  ['ANGLE (NVIDIA, NVIDIA GeForce RTX 3060 Direct3D11 vs_5_0 ps_5_0)', false],
  ['Mali-G78', false],
  ['Apple M2', false],
])('%s', (renderer, expected) => expect(isSoftware(renderer)).toBe(expected));

it('an adapter says it by itself, in its facts, or by its name', () => {
  expect(isSoftwareAdapter({ isFallbackAdapter: true })).toBe(true);
  expect(isSoftwareAdapter({ info: { isFallbackAdapter: true } })).toBe(true);
  expect(isSoftwareAdapter({ info: { architecture: 'swiftshader' } })).toBe(true);
  expect(isSoftwareAdapter({ info: { architecture: 'ampere', isFallbackAdapter: false } })).toBe(false);
});
