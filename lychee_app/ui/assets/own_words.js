// What Streamlit itself says, in English only, put into the language of the page: its menu with the switch of
// themes, hints below fields, names of its buttons for those who hear the page. Only whole texts of a table are
// replaced, and only where Streamlit writes; a version that says something else says it in English.
const SAID_IN = ["stMainMenuPopover", "InputInstructions", "stSkipToContent", "stMultiSelectDropdown",
  "stSelectboxVirtualDropdown"].map((name) => `[data-testid="${name}"]`).join();
const NAMES = ["aria-label", "title", "placeholder"];
const NAMED = NAMES.map((name) => `[${name}]`).join();
const TYPED = "[data-tag], [role=option]"; // what somebody typed may read like a word of Streamlit

// "Help for {x}" -> what matches it, with x as its first group
const matcher = (text) => {
  const [before, after] = text.split("{x}").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(after === undefined ? `^${before}$` : `^${before}(.*)${after}$`, "s");
};

class Spoken {
  constructor(root) {
    this.root = root;
    this.put = new Map(); // node -> {attribute or "": [as Streamlit has it, as it reads now]}
    this.observer = new MutationObserver(() => (root.isConnected ? this.speak() : this.observer.disconnect()));
  }
  learn(words) {
    const told = JSON.stringify(words);
    if (told === this.told) return;
    this.told = told;
    this.takeBack();
    this.words = words.filter(([own, ours]) => own !== ours).map(([own, ours]) => [matcher(own), ours]);
    this.observer.disconnect();
    if (!this.words.length) return;
    const attributes = { attributes: true, attributeFilter: NAMES };
    this.observer.observe(document.body, { childList: true, subtree: true, characterData: true, ...attributes });
    this.speak();
  }
  translated(text) {
    for (const [own, ours] of this.words) {
      const found = own.exec(text);
      if (found) return ours.replace("{x}", () => found[1]);
    }
    return null;
  }
  speak() {
    for (const node of this.put.keys()) if (!node.isConnected) this.put.delete(node);
    for (const node of document.querySelectorAll(NAMED)) {
      if (node.matches(TYPED)) continue;
      for (const name of NAMES) this.say(node, name, node.getAttribute(name), (text) => node.setAttribute(name, text));
    }
    for (const part of document.querySelectorAll(SAID_IN)) {
      const texts = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) {
        const node = texts.currentNode;
        this.say(node, "", node.nodeValue, (text) => { node.nodeValue = text; });
      }
    }
  }
  say(node, name, text, put) {
    if (!text || this.put.get(node)?.[name]?.[1] === text) return;
    const ours = this.translated(text);
    if (ours === null) return;
    this.put.set(node, { ...this.put.get(node), [name]: [text, ours] });
    put(ours);
  }
  takeBack() {
    for (const [node, said] of this.put) {
      for (const [name, [own, ours]] of Object.entries(said)) {
        if (name === "" && node.nodeValue === ours) node.nodeValue = own;
        else if (name && node.getAttribute(name) === ours) node.setAttribute(name, own);
      }
    }
    this.put.clear();
  }
}

export default function ({ data, parentElement }) {
  const root = rootOf(parentElement);
  root.spoken ??= new Spoken(root);
  root.spoken.learn(data.words);
  document.documentElement.lang = data.language;
}
