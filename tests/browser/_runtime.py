"""Scripts for the page of the `runtime` fixture."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

OPEN = """
window.zoos ??= {};
const { openZoo, createWorkerZoo, pipeline, similarity } = await import('/pocket-zoo.js');
const wasmPath = document.documentElement.dataset.wasm;
const open = (backend) => window.zoos[backend] ??= openZoo('/store/', { backends: [backend], wasmPath });
const load = async (name, backend) => window.zoos[`${backend} ${name}`] ??= await (await open(backend)).load(name);
const imageOf = async (address) => {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
};
const ask = async (model, source, options) =>
  model.kind === 'detector' ? model.detect(source, options)
  : model.kind === 'recognizer' ? Array.from(await model.embed(source)) : model.classify(source);
"""


def run(page: Page, script: str, **values: object) -> Any:
    """Run `script`, with the runtime's functions and `values` in scope, and return its result."""
    names = ", ".join(values)
    return page.evaluate(f"async ({{ {names} }}) => {{ {OPEN} {script} }}", values)
