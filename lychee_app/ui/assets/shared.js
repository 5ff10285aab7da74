// Stands before the script of every component: a component has one script, and cannot import another.
const make = (tag, cls, text) => {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== undefined) node.textContent = text;
  return node;
};

// What the browser keeps, beyond a refresh: `tab` as long as the tab is open.
const keptIn = (place) => ({
  get: (name, usual) => {
    try { return JSON.parse(place().getItem(`lychee-${name}`)) ?? usual; } catch { return usual; }
  },
  set: (name, value) => {
    try { place().setItem(`lychee-${name}`, JSON.stringify(value)); } catch { /* a private window */ }
  },
});
const store = keptIn(() => localStorage), tab = keptIn(() => sessionStorage);

const MOST_KEPT = 1000; // steps that a refresh can still take back one by one

// From this score on the colour of the scale is nearer to the other ink (--ly-ink-hot in page.css).
const HOT = 8.7;

const rootOf = (parentElement) =>
  parentElement.querySelector(".root") ?? parentElement.appendChild(make("div", "root"));

// The root, emptied for new data; null where it shows these data already.
const emptied = ({ data, parentElement, setTriggerValue }) => {
  const root = rootOf(parentElement);
  root.send = setTriggerValue; // The newest one: an older one speaks for a part of the page that may be gone.
  const seen = JSON.stringify(data);
  if (root.seen === seen) return null;
  root.seen = seen;
  root.scrolled = root.querySelector(".scroll")?.scrollTop ?? 0;
  root.replaceChildren();
  return root;
};

