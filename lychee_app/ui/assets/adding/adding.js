// Files and folders dropped anywhere on the page, and what was chosen in a field (field.js), go to the pile.
export default function ({ data, parentElement, setTriggerValue }) {
  const root = rootOf(parentElement);
  root.data = data;
  root.send = setTriggerValue;
  if (root.sending) return;
  root.sending = new Sending(root);
  const veil = root.appendChild(make("div", "veil"));
  veil.hidden = true;
  const on = (name, action, is_ours) => {
    const listener = (event) => {
      if (!root.isConnected) window.removeEventListener(name, listener, true);
      else if (is_ours(event)) action(event);
    };
    window.addEventListener(name, listener, true);
  };
  const chosen = () => {
    for (const files of (window.lycheeChosen ?? []).splice(0)) root.sending.add({ files });
  };
  on("lychee-chosen", chosen, () => true);
  chosen();
  let depth = 0;
  const goesElsewhere = (event) => // to the field for an example image
    event.composedPath().some((node) => node.classList?.contains("st-key-example-file"));
  const carries = (event) =>
    [...(event.dataTransfer?.types ?? [])].includes("Files") && !goesElsewhere(event);
  const close = () => { depth = 0; veil.hidden = true; };
  on("dragenter", () => { depth += 1; veil.textContent = root.data.words.here; veil.hidden = false; }, carries);
  on("dragleave", () => { depth -= 1; if (depth <= 0) close(); }, carries);
  on("dragover", (event) => { event.preventDefault(); event.dataTransfer.dropEffect = "copy"; }, carries);
  on("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    close();
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const loose = [...event.dataTransfer.files].map((file) => ({ file, name: file.name }));
    const walked = async () => {
      const walk = new Walk(root.data.rules);
      for (const entry of entries) await walk.given(entry);
      return walk;
    };
    root.sending.add(entries.length ? walked() : { files: loose });
  }, carries);
}
