// A browser sends `"` in a file's name as %22 and line breaks as %0D and %0A, but % as it is: what arrives may be
// two names. So those of which that is true are told as they are, with their sizes, before the files are sent.
const CHANGED = /["\r\n]|%22|%0D|%0A/;

export default function ({ parentElement, setStateValue }) {
  const root = rootOf(parentElement);
  root.send = setStateValue;
  if (root.listening) return;
  root.listening = true;
  root.names = [];
  const listener = (event) => {
    if (!root.isConnected) return window.removeEventListener("change", listener, true);
    const [input] = event.composedPath();
    if (input.type !== "file") return undefined;
    const named = [...input.files].map((file) => [file.webkitRelativePath || file.name, file.size]);
    const changed = named.filter(([name]) => CHANGED.test(name));
    if (changed.length) root.send("names", root.names = [...root.names, ...changed]);
    return undefined;
  };
  window.addEventListener("change", listener, true);
}
