// A browser sends `"` in a file's name as %22 and line breaks as %0D and %0A, but % as it is: what arrives may be
// two names. Files with such a name are given another before they are sent, marked and with %25 for %.
const CHANGED = /["\r\n]|%22|%0D|%0A/;

const told = (name, mark) => mark + name.replaceAll("%", "%25");

const renamed = (file, mark) => {
  const path = file.webkitRelativePath;
  if (!CHANGED.test(path || file.name)) return file;
  const made = new File([file], told(file.name, mark), { type: file.type, lastModified: file.lastModified });
  if (path) Object.defineProperty(made, "webkitRelativePath", { value: told(path, mark) });
  return made;
};

export default function ({ data, parentElement }) {
  const root = rootOf(parentElement);
  if (root.listening) return;
  root.listening = true;
  const listener = (event) => {
    if (!root.isConnected) return window.removeEventListener("change", listener, true);
    const [input] = event.composedPath();
    const files = input.type === "file" ? [...input.files] : [];
    const sent = files.map((file) => renamed(file, data.mark));
    if (sent.every((file, place) => file === files[place])) return undefined;
    const carried = new DataTransfer();
    for (const file of sent) carried.items.add(file);
    input.files = carried.files;
    return undefined;
  };
  window.addEventListener("change", listener, true);
}
