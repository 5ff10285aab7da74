// What a refresh must find again: the draft stands in the address, without a step in the browser's history; what is
// typed is sent whenever the typing rests, as if one had left the field; and what had no time to be sent is kept by
// the tab, and put back into the field by the page that comes next.
const REST_MS = 600;
const SENT_MS = 3000; // by then it is written down, slow as the server may be
const KEPT_MS = 60000;
const KEPT = "lychee-unsent";
const FIELDS = [".st-key-query textarea", ".st-key-but_not input", ".st-key-exclude input", ".st-key-instruction textarea", ".st-key-names textarea"];

// As Streamlit notices it: by its own setter a field of React's would not.
const putInto = (field, text) => {
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set.call(field, text);
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  field.dispatchEvent(new FocusEvent("focusout", { bubbles: true }));
};

const putBack = () => {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  sessionStorage.removeItem(KEPT);
  if (!kept || kept.address !== location.href || Date.now() - kept.at > KEPT_MS) return;
  for (const [selector, text] of Object.entries(kept.fields)) {
    const field = document.querySelector(selector);
    if (field && field.value !== text) putInto(field, text);
  }
};

const keep = (typed) => {
  const fields = {};
  for (const [selector, at] of typed) {
    const field = document.querySelector(selector);
    if (field && performance.now() - at < SENT_MS) fields[selector] = field.value;
  }
  if (Object.keys(fields).length) {
    sessionStorage.setItem(KEPT, JSON.stringify({ address: location.href, at: Date.now(), fields }));
  }
};

export default function ({ data, parentElement }) {
  const root = rootOf(parentElement);
  if (!root.listening) {
    root.listening = true;
    try { putBack(); } catch { /* a private window keeps nothing */ }
    listen(root);
  }
  const address = new URL(window.location.href);
  if (data.draft && !address.searchParams.has("draft")) address.searchParams.set("draft", data.draft);
  if (data.marked) address.searchParams.set("marked", data.marked);
  else if (data.marked === "") address.searchParams.delete("marked");
  if (address.href !== window.location.href) window.history.replaceState(window.history.state, "", address);
}

function listen(root) {
  const typed = new Map(); // selector -> when
  let resting = 0;
  const on = (name, action) => {
    const listener = (event) => {
      if (root.isConnected) action(event);
      else window.removeEventListener(name, listener, true);
    };
    window.addEventListener(name, listener, true);
  };
  const changed = (event) => {
    const field = event.target, selector = FIELDS.find((one) => field.matches?.(one));
    clearTimeout(resting);
    if (!selector) return;
    typed.set(selector, performance.now());
    if (event.isComposing) return;
    resting = setTimeout(() => field.dispatchEvent(new FocusEvent("focusout", { bubbles: true })), REST_MS);
  };
  on("input", changed);
  on("compositionend", changed);
  changed({ target: document.activeElement }); // somebody may have begun to type before this listened
  on("pagehide", () => { try { keep(typed); } catch { /* see above */ } });
}
