// What a refresh must find again: the draft stands in the address, without a step in the browser's history, and
// what is typed is sent whenever the typing rests, as if one had left the field.
const REST_MS = 600;
const FIELDS = ".st-key-query textarea, .st-key-but_not input";

export default function ({ data, parentElement }) {
  const address = new URL(window.location.href);
  if (data.draft && !address.searchParams.has("draft")) {
    address.searchParams.set("draft", data.draft);
    window.history.replaceState(window.history.state, "", address);
  }
  const root = rootOf(parentElement);
  if (root.listening) return;
  root.listening = true;
  let resting = 0;
  const typed = (event) => {
    if (!root.isConnected) return window.removeEventListener("input", typed, true);
    const field = event.target;
    clearTimeout(resting);
    if (field.matches?.(FIELDS) && !event.isComposing) {
      resting = setTimeout(() => field.dispatchEvent(new FocusEvent("focusout", { bubbles: true })), REST_MS);
    }
    return undefined;
  };
  window.addEventListener("input", typed, true);
  window.addEventListener("compositionend", typed, true);
}
