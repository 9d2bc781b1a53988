/** Tells a graphics card from a rasteriser in software, on which back ends for graphics cards run, but slower than wasm. */
import { makeCanvas } from './source.js';

/** As Chromium, Mesa, Windows and macOS name theirs. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software raster|software render|microsoft basic render/i;

export interface GpuAdapter {
  isFallbackAdapter?: boolean;
  info?: { isFallbackAdapter?: boolean; architecture?: string; device?: string; description?: string };
}

/** Whether a renderer's name is that of a rasteriser in software. */
export function isSoftware(renderer: string): boolean {
  return SOFTWARE.test(renderer);
}

/** Whether the adapter of WebGPU computes in software. */
export function isSoftwareAdapter({ isFallbackAdapter, info = {} }: GpuAdapter): boolean {
  const names = [info.architecture, info.device, info.description].join(' ');
  return isFallbackAdapter === true || info.isFallbackAdapter === true || isSoftware(names);
}

let hasCard: boolean | undefined;

/** Whether WebGL 2 runs on a graphics card. Browsers that say of no caveat may still compute in software. */
export function hasFastWebgl(): boolean {
  if (hasCard === undefined) {
    const canvas = makeCanvas({ width: 1, height: 1 }) as HTMLCanvasElement;
    const found = canvas.getContext('webgl2', { failIfMajorPerformanceCaveat: true });
    hasCard = found !== null && !isSoftware(rendererOf(found));
    found?.getExtension('WEBGL_lose_context')?.loseContext();
  }
  return hasCard;
}

function rendererOf(webgl: WebGL2RenderingContext): string {
  const told = webgl.getExtension('WEBGL_debug_renderer_info');
  return [webgl.RENDERER, ...(told ? [told.UNMASKED_RENDERER_WEBGL] : [])].map((name) => webgl.getParameter(name)).join(' ');
}
