// Files and folders dropped anywhere on the page go to the page's uploader. What is no picture is left out of
// folders: leftovers of systems, sidecars, recycle bins; a file dropped by itself is meant, whatever it is.
const LEFT_OUT = /^(\._.*|\.ds_store|thumbs\.db|desktop\.ini|ehthumbs.*|.*\.(xmp|aae|thm|pp3|dop|lrv|ini|db|txt|json|xml|csv))$/i;
const CLOSED = /^(@eadir|@__thumb|#recycle|@recycle|\$recycle\.bin|\.trash.*|#snapshot|lost\+found|__macosx|\..*)$/i;

const filesOf = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));
const listed = (reader) => new Promise((resolve, reject) => reader.readEntries(resolve, reject));

async function gather(entry, found, inside) {
  if (entry.isFile) {
    if (inside && LEFT_OUT.test(entry.name)) found.left += 1;
    else found.files.push(await filesOf(entry));
    return;
  }
  if (CLOSED.test(entry.name)) { found.left += 1; return; }
  const reader = entry.createReader();
  for (let part = await listed(reader); part.length; part = await listed(reader)) { // at most 100 at a time
    for (const each of part.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }))) {
      await gather(each, found, true);
    }
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = rootOf(parentElement);
  root.words = data.words;
  root.target = data.target;
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
    const loose = [...event.dataTransfer.files], found = { files: [], left: 0 };
    if (entries.length) { for (const entry of entries) await gather(entry, found, false); }
    else found.files = loose;
    const input = document.querySelector(`${root.target} input[type=file]:not([webkitdirectory])`);
    if (input && found.files.length) {
      const carried = new DataTransfer();
      for (const file of found.files) carried.items.add(file);
      input.files = carried.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    }
    root.send("dropped", { files: found.files.length, left: found.left });
  });
  return undefined;
}
