// Sends what was chosen or dropped, one choice behind the other: its names first, then the files that are wanted,
// many in one request (see ui/upload.py). What has arrived stays, whatever becomes of the rest.
const MOST_FILES = 500; // in one request

const said = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

// Counts of what was left out, with so many more that cannot be read.
const withUnopened = (left, n) => (n ? { ...left, unopened: (left?.unopened ?? 0) + n } : { ...left });

class Stopped extends Error {}

class Sending {
  constructor(root) {
    this.root = root;
    this.last = Promise.resolve();
    this.under_way = 0;
    this.bar = root.appendChild(make("div", "adding"));
    this.bar.hidden = true;
    this.text = this.bar.appendChild(make("span"));
    this.text.setAttribute("role", "status");
    this.cancel = this.bar.appendChild(make("button"));
    this.cancel.type = "button";
    this.cancel.onclick = () => this.stop();
    this.meter = this.bar.appendChild(make("progress"));
    this.meter.ariaHidden = "true";
    this.stopping = new AbortController();
  }

  // All that is under way and waits; what has arrived stays.
  stop() {
    this.stopping.abort();
    this.stopping = new AbortController();
  }

  // files: {file, name}, or a promise of them; left: kind -> how many, which the walk left out
  add(found) {
    const { data } = this.root;
    this.under_way += 1;
    this.show(said(data.words.reading, {}));
    const { signal } = this.stopping;
    this.last = this.last.then(() => this.one(data, found, signal));
  }

  async one(data, found, signal) {
    const told = { n: 0, done: 0, told: [] };
    try {
      const stopped = new Promise((_, reject) => {
        if (signal.aborted) reject(new Stopped());
        signal.addEventListener("abort", () => reject(new Stopped()));
      });
      await Promise.race([this.sent(data, found, told, signal), stopped]);
    } catch (error) {
      if (error instanceof Stopped) told.told = [data.words.stopped];
      else told.refused = told.done ? said(data.words.partly, { ...told, why: error.message }) : error.message;
    }
    this.under_way -= 1;
    if (!this.under_way) this.bar.hidden = true;
    this.root.send("over", told);
  }

  async sent(data, found, told, signal) {
    const given = await found;
    const known = await Promise.all(given.files.map(async (one) =>
      ({ ...one, head: await this.head(data, one.file, one.name).catch(() => undefined) })));
    const files = known.filter(({ head }) => head !== undefined);
    const asked = files.map(({ file, name, head }) => [name, file.size, head]);
    const { exclude, hidden } = data.rules;
    const answer = await this.post(data, "choose", JSON.stringify({ files: asked, exclude, hidden }), signal);
    const wanted = answer.wanted.map((place) => files[place]), all = withUnopened(given.left, known.length - files.length);
    for (const [kind, n] of Object.entries(answer.left)) all[kind] = (all[kind] ?? 0) + n;
    told.n = wanted.length;
    told.told = answer.told;
    if (!wanted.length && !Object.keys(all).length) {
      if (told.told.length) return;
      throw new Error(data.words.nothing);
    }
    const bytes = wanted.reduce((sum, { file }) => sum + file.size, 0);
    let before = 0;
    for (const [place, batch] of this.batches(data, wanted).entries()) {
      const progress = (sent) => this.progress(data, told, (before + sent) / bytes);
      told.done += await this.batch(data, batch, place ? {} : all, signal, progress);
      before += batch.reduce((sum, { file }) => sum + file.size, 0);
    }
  }

  // One file that cannot be read fails the request: then it goes again without that.
  async batch(data, files, left, signal, progress) {
    const list = JSON.stringify({ files: files.map(({ file, name }) => [name, file.size, file.lastModified]), left });
    const body = new Blob([`${list}\n`, ...files.map(({ file }) => file)]);
    progress(0);
    try {
      return (await this.post(data, `add/${encodeURIComponent(data.draft)}`, body, signal, progress)).added;
    } catch (error) {
      signal.throwIfAborted();
      const open = await Promise.all(files.map(({ file }) => file.slice(0, 1).arrayBuffer().then(() => true, () => false)));
      const rest = files.filter((_, place) => open[place]), closed = files.length - rest.length;
      if (!closed) throw error;
      return this.batch(data, rest, withUnopened(left, closed), signal, progress);
    }
  }

  // What a file is that is not called like a picture.
  async head(data, file, name) {
    if (data.rules.pictures.includes(suffixOf(name))) return "";
    return base64(new Uint8Array(await file.slice(0, data.rules.head_bytes).arrayBuffer()));
  }

  batches(data, files) {
    const all = [];
    let bytes = Infinity;
    for (const one of files) {
      if (bytes + one.file.size > data.batch_bytes || all.at(-1).length === MOST_FILES) { all.push([]); bytes = 0; }
      all.at(-1).push(one);
      bytes += one.file.size;
    }
    return all.length ? all : [[]];
  }

  progress(data, told, share) {
    const done = Math.min(told.n, Math.max(told.done, Math.floor(told.n * share)));
    this.show(said(data.words.adding, { done, n: told.n }), share);
  }

  show(text, share) {
    this.bar.hidden = false;
    if (this.text.textContent !== text) this.text.textContent = text;
    this.cancel.textContent = this.root.data.words.cancel;
    if (share === undefined) this.meter.removeAttribute("value");
    else this.meter.value = Math.min(1, share || 0);
  }

  post(data, path, body, signal, progress = () => {}) {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", `${data.base}/${path}?lang=${data.lang}`);
      request.setRequestHeader("X-Lychee", "1");
      request.responseType = "json";
      request.upload.onprogress = (event) => progress(event.loaded);
      request.onload = () => (request.status === 200 && request.response
        ? resolve(request.response)
        : reject(new Error(request.response?.message ?? `${request.status} ${request.statusText}`)));
      request.onerror = () => reject(new Error(data.words.lost));
      signal.addEventListener("abort", () => request.abort());
      request.send(body);
    });
  }
}
