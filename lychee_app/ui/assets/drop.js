// Files and folders dropped anywhere on the page go to the page's uploader. What the rules of a walk leave out
// (data.rules, from sources/left_out.py) is not sent but counted by its kind; a file dropped by itself is meant.
const MOST_COUNTED = 50000; // names inside folders that are left out

const fileOf = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));
const listed = (reader) => new Promise((resolve, reject) => reader.readEntries(resolve, reject));
const suffixOf = (name) => name.toLowerCase().match(/.(\.[^.]*)$/)?.[1] ?? "";

async function entriesOf(folder) {
  const reader = folder.createReader(), all = [];
  for (let part = await listed(reader); part.length; part = await listed(reader)) all.push(...part); // 100 at a time
  return all.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
}

const kindBy = (table) => {
  const literally = (glob) => glob.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*");
  const tests = Object.entries(table).map(([kind, globs]) => [kind, new RegExp(`^(?:${globs.map(literally).join("|")})$`, "is")]);
  return (name) => tests.find(([, test]) => test.test(name))?.[0];
};

class Walk {
  constructor(rules) {
    this.rules = rules;
    this.files = [];
    this.left = {};
    this.counted = 0;
    this.folderKind = kindBy(rules.folders);
    this.fileKind = kindBy(rules.files);
  }

  leave(kind, n = 1) { if (n) this.left[kind] = (this.left[kind] ?? 0) + n; }

  hidden(name) { return !this.rules.hidden && name.startsWith(".") ? "hidden" : undefined; }

  isPicture(name) { return this.rules.pictures.includes(suffixOf(name)); }

  async given(entry) {
    if (entry.isFile) this.files.push(await fileOf(entry));
    else await this.into(entry, entry.name);
  }

  async into(folder, path) {
    const entries = await entriesOf(folder), files = entries.filter((entry) => entry.isFile);
    const besideData = files.some((file) => file.name === this.rules.own.beside);
    const shots = new Set(files.filter((file) => this.isPicture(file.name)).flatMap(({ name }) => [name.toLowerCase(), name.slice(0, -suffixOf(name).length).toLowerCase()]));
    for (const entry of entries) {
      const name = `${path}/${entry.name}`;
      if (entry.isFile) await this.file(entry, name, shots);
      else await this.folder(entry, name, besideData);
    }
  }

  async folder(entry, path, besideData) {
    const own = besideData && this.rules.own.folders.includes(entry.name) ? "own" : undefined;
    const kind = this.folderKind(entry.name) ?? own ?? this.hidden(entry.name);
    if (!kind) await this.into(entry, path);
    else this.leave(kind, this.rules.notLookedInto.includes(kind) ? 1 : await this.picturesIn(entry));
  }

  async picturesIn(folder) {
    let found = 0;
    for (const entry of await entriesOf(folder)) {
      if ((this.counted += 1) > MOST_COUNTED) break;
      if (entry.isDirectory) found += await this.picturesIn(entry);
      else if (this.isPicture(entry.name)) found += 1;
    }
    return found;
  }

  async file(entry, path, shots) {
    const { name } = entry, suffix = suffixOf(name), bare = suffix ? name.slice(0, -suffix.length) : name;
    const kind = this.fileKind(name) ?? this.hidden(name);
    if (kind) {
      if (kind === "system" || this.isPicture(name) || this.isPicture(bare)) this.leave(kind);
    } else if ([...this.rules.sidecars, ...this.rules.films].includes(suffix)) {
      this.leave(shots.has(bare.toLowerCase()) ? "companions" : this.rules.sidecars.includes(suffix) ? "sidecars" : "others");
    } else {
      const file = await fileOf(entry);
      if (this.isPicture(name) || (await this.beginsAsOne(file))) {
        this.files.push(new File([file], path, { type: file.type, lastModified: file.lastModified }));
      } else this.leave("others");
    }
  }

  async beginsAsOne(file) {
    const head = String.fromCharCode(...new Uint8Array(await file.slice(0, 64).arrayBuffer()));
    return this.rules.heads.some((magic) => head.startsWith(magic));
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = rootOf(parentElement);
  root.words = data.words;
  root.target = data.target;
  root.rules = data.rules;
  root.send = setTriggerValue;
  if (root.listening) return undefined;
  root.listening = true;
  const veil = root.appendChild(make("div", "veil"));
  veil.hidden = true;
  let depth = 0;
  const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const on = (name, action) => {
    const listener = (event) => {
      if (!root.isConnected) return window.removeEventListener(name, listener, true);
      return carries(event) ? action(event) : undefined;
    };
    window.addEventListener(name, listener, true);
  };
  const close = () => { depth = 0; veil.hidden = true; };
  on("dragenter", () => { depth += 1; veil.textContent = root.words.drop; veil.hidden = false; });
  on("dragleave", () => { depth -= 1; if (depth <= 0) close(); });
  on("dragover", (event) => { event.preventDefault(); event.dataTransfer.dropEffect = "copy"; });
  on("drop", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    close();
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const loose = [...event.dataTransfer.files], walk = new Walk(root.rules);
    if (entries.length) { for (const entry of entries) await walk.given(entry); }
    else walk.files = loose;
    const input = document.querySelector(`${root.target} input[type=file]`);
    if (input && walk.files.length) {
      const carried = new DataTransfer();
      for (const file of walk.files) carried.items.add(file);
      input.files = carried.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    }
    if (Object.keys(walk.left).length || !walk.files.length) root.send("dropped", walk.left);
  });
  return undefined;
}
