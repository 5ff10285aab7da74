// Sends what was chosen or dropped, one choice behind the other: its names first, then the files that are wanted,
// many in one request (see ui/upload.py). What has arrived stays, whatever becomes of the rest.
const MOST_FILES = 500; // in one request

const said = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

class Sending {
  constructor(root) {
    this.root = root;
    this.last = Promise.resolve();
    this.under_way = 0;
    this.bar = root.appendChild(make("div", "adding"));
    this.bar.hidden = true;
    this.bar.setAttribute("role", "status");
    this.text = this.bar.appendChild(make("span"));
    this.meter = this.bar.appendChild(make("progress"));
    this.meter.ariaHidden = "true";
  }

  // files: {file, name}, or a promise of them; left: kind -> how many, which the walk left out
  add(found) {
    const { data } = this.root;
    this.under_way += 1;
    this.show(said(data.words.reading, {}));
    this.last = this.last.then(() => this.one(data, found));
  }

  async one(data, found) {
    const told = { n: 0, done: 0 };
    try {
      await this.sent(data, await found, told);
    } catch (error) {
      told.refused = told.done ? said(data.words.partly, { ...told, why: error.message }) : error.message;
    }
    this.under_way -= 1;
    if (!this.under_way) this.bar.hidden = true;
    this.root.send("over", told);
  }

  async sent(data, { files, left = {} }, told) {
    const asked = await Promise.all(files.map(async ({ file, name }) => [name, file.size, await this.head(data, file, name)]));
    const { exclude, hidden } = data.rules;
    const answer = await this.post(data, "choose", JSON.stringify({ files: asked, exclude, hidden }));
    const wanted = answer.wanted.map((place) => files[place]), all = { ...left };
    for (const [kind, n] of Object.entries(answer.left)) all[kind] = (all[kind] ?? 0) + n;
    told.n = wanted.length;
    if (!wanted.length && !Object.keys(all).length) throw new Error(data.words.nothing);
    const bytes = wanted.reduce((sum, { file }) => sum + file.size, 0);
    let before = 0;
    for (const [place, batch] of this.batches(data, wanted).entries()) {
      const list = JSON.stringify({ files: batch.map(({ file, name }) => [name, file.size]), left: place ? {} : all });
      const body = new Blob([`${list}\n`, ...batch.map(({ file }) => file)]);
      const progress = (sent) => this.progress(data, told, (before + Math.min(sent, body.size)) / bytes);
      progress(0);
      told.done += (await this.post(data, `add/${encodeURIComponent(data.draft)}`, body, progress)).added;
      before += body.size - list.length;
    }
  }

  // What a file in a folder is that is not called like a picture; any other is told by its name, or is meant.
  async head(data, file, name) {
    if (!name.includes("/") || data.rules.pictures.includes(suffixOf(name))) return "";
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
    if (share === undefined) this.meter.removeAttribute("value");
    else this.meter.value = Math.min(1, share || 0);
  }

  post(data, path, body, progress = () => {}) {
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
      request.send(body);
    });
  }
}
