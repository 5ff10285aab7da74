// Walks dropped folders. Those that the rules of a walk leave out (data.rules, from sources/left_out.py) are not
// looked into, but their pictures are counted; the files of the others are held to the rules by the server.
const MOST_COUNTED = 50000; // names inside folders that are left out

const fileOf = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));
const listed = (reader) => new Promise((resolve, reject) => reader.readEntries(resolve, reject));
const suffixOf = (name) => name.toLowerCase().match(/.(\.[^.]*)$/)?.[1] ?? "";

async function entriesOf(folder) {
  const reader = folder.createReader(), all = [];
  for (let part = await listed(reader); part.length; part = await listed(reader)) all.push(...part); // 100 at a time
  return all;
}

const kindBy = (table) => {
  const literally = (glob) => glob.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*");
  const tests = Object.entries(table).map(([kind, globs]) => [kind, new RegExp(`^(?:${globs.map(literally).join("|")})$`, "is")]);
  return (name) => tests.find(([, test]) => test.test(name))?.[0];
};

class Walk {
  constructor(rules) {
    this.rules = rules;
    this.files = []; // {file, name}; of one in a folder, the name is its path from that folder on
    this.left = {}; // kind -> how many
    this.counted = 0;
    this.folderKind = kindBy(rules.folders);
  }

  async given(entry) {
    if (entry.isFile) await this.file(entry, entry.name);
    else await this.into(entry, entry.name);
  }

  // What cannot be read is counted, and does not stop the rest.
  async read(promise) {
    try {
      return await promise;
    } catch {
      this.count("unopened", 1);
      return undefined;
    }
  }

  async file(entry, name) {
    const file = await this.read(fileOf(entry));
    if (file) this.files.push({ file, name });
  }

  count(kind, n) {
    if (n) this.left[kind] = (this.left[kind] ?? 0) + n;
  }

  async into(folder, path) {
    const entries = await this.read(entriesOf(folder)) ?? [];
    const besideData = entries.some((entry) => entry.isFile && entry.name === this.rules.own.beside);
    for (const entry of entries) {
      const name = `${path}/${entry.name}`;
      if (entry.isFile) await this.file(entry, name);
      else await this.folder(entry, name, besideData);
    }
  }

  async folder(entry, path, besideData) {
    const own = besideData && this.rules.own.folders.includes(entry.name) ? "own" : undefined;
    const hidden = !this.rules.hidden && entry.name.startsWith(".") ? "hidden" : undefined;
    const kind = this.folderKind(entry.name) ?? own ?? hidden;
    if (!kind) return this.into(entry, path);
    this.count(kind, this.rules.notLookedInto.includes(kind) ? 1 : await this.picturesIn(entry));
    return undefined;
  }

  async picturesIn(folder) {
    let found = 0;
    for (const entry of await this.read(entriesOf(folder)) ?? []) {
      if ((this.counted += 1) > MOST_COUNTED) break;
      if (entry.isDirectory) found += await this.picturesIn(entry);
      else if (this.rules.pictures.includes(suffixOf(entry.name))) found += 1;
    }
    return found;
  }
}
