/** The gallery: what is published, how accurate for how many bytes, and trying it. */
import { TASKS, type Entry, type Manifest, type Task } from '../src/index.js';
import { card } from './cards.js';
import { byId, element } from './dom.js';
import {
  asked, attempt, backendSelect, keepPage, kilobytes, loadPicture, openStore, samples, startOffline, tell, tellUnknown,
} from './page.js';
import { legend, plot } from './plot.js';
import { Tryout } from './tryout.js';

/** The name of generated data. */
const SYNTHETIC = 'synthetic';

const offline = startOffline();
const zoo = await openStore().catch(tell);
if (zoo) {
  const tryout = new Tryout();
  const task = byId('task', HTMLSelectElement);
  const model = byId('model', HTMLSelectElement);
  const backend = backendSelect('backend');
  const names = await samples();

  const chosen = () => zoo.find().find(({ name }) => name === model.value);
  const choose = () =>
    attempt(async () => {
      const entry = chosen();
      if (entry === undefined) return;
      showSamples(entry.task);
      await tryout.choose(`${entry.name}@${entry.version}`, backend.value);
      showTraining(tryout.manifest);
      await tryout.again();
    });

  const showSamples = (task: Task) => {
    const list = byId('samples', HTMLUListElement);
    if (list.dataset.task === task) return;
    list.dataset.task = task;
    const buttons = names[task].map((path, i, all) => {
      const alt = `generated picture ${i + 1} of ${all.length}`;
      const image = element('img', { src: `samples/${path}`, alt, loading: 'lazy' });
      const onclick = () => attempt(async () => tryout.show(await loadPicture(`samples/${path}`)));
      return element('li', {}, element('button', { type: 'button', onclick }, image));
    });
    list.replaceChildren(...buttons);
  };

  /** Photographs teach a model little about drawings. */
  const showTraining = (manifest?: Manifest) => {
    const { data } = (manifest?.training ?? {}) as { data?: { name?: unknown } };
    const note = byId('samples-note', HTMLParagraphElement);
    note.hidden = typeof data?.name !== 'string' || data.name === SYNTHETIC;
    note.textContent = `The samples are generated drawings. This model was trained on ${String(data?.name)} and may do badly on them.`;
  };

  const showPlot = (entries: readonly Entry[]) => {
    const place = byId('plot', HTMLElement);
    place.replaceChildren(plot(entries, place.clientWidth));
  };

  const showModels = () => {
    const entries = zoo.find(task.value === '' ? {} : { task: task.value as Task });
    showPlot(entries);
    byId('legend', HTMLUListElement).replaceChildren(...legend(TASKS.filter((one) => entries.some((entry) => entry.task === one))));
    byId('count', HTMLElement).textContent = `${entries.length} models, the newest version of each`;
    byId('cards', HTMLDivElement).replaceChildren(...entries.map((entry) => card(zoo, entry, () => tryModel(entry))));
  };

  const tryModel = (entry: Entry) => {
    model.value = entry.name;
    byId('try', HTMLElement).scrollIntoView();
    model.focus();
    return choose();
  };

  const tasks = TASKS.filter((one) => zoo.entries.some((entry) => entry.task === one));
  task.append(...tasks.map((one) => element('option', { value: one }, one)));
  for (const one of tasks) {
    const options = zoo.find({ task: one }).map(({ name, bytes }) => element('option', { value: name }, `${name} (${kilobytes(bytes)})`));
    model.append(element('optgroup', { label: one }, ...options));
  }
  task.onchange = showModels;
  model.onchange = () => void choose();
  backend.onchange = () => {
    tryout.close();
    void choose();
  };
  const threshold = byId('threshold', HTMLInputElement);
  threshold.onchange = threshold.oninput = () => {
    byId('threshold-value', HTMLOutputElement).value = Number(threshold.value).toFixed(2);
    void attempt(() => tryout.again());
  };
  byId('upload', HTMLInputElement).onchange = ({ target }) =>
    attempt(async () => {
      const file = (target as HTMLInputElement).files?.[0];
      if (file) await tryout.show(await loadPicture(file));
    });
  const camera = byId('camera', HTMLButtonElement);
  camera.onclick = () =>
    attempt(async () => {
      if (tryout.camera.isOn) return tryout.stopCamera();
      await tryout.startCamera();
      camera.setAttribute('aria-pressed', 'true');
    });

  showModels();
  await offline; // the service worker keeps what the models' worker fetches
  addEventListener('resize', () => showPlot(zoo.find(task.value === '' ? {} : { task: task.value as Task })));
  const wanted = asked('model', zoo.entries.map(({ name }) => name));
  if (wanted !== undefined) model.value = wanted;
  const first = chosen();
  if (first && (await choose())) {
    await attempt(async () => tryout.show(await loadPicture(`samples/${names[first.task][0]}`)));
  }
  tellUnknown();
}
document.documentElement.dataset.ready = 'true';
await keepPage();
