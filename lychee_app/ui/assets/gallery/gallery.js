class Gallery {
  constructor(root, data) {
    this.root = root;
    this.data = data;
    this.decide_ = data.mode === "decide";
    this.recall();
    this.message = root.appendChild(make("div", "message"));
    this.message.setAttribute("role", "status");
    this.message.hidden = true;
    if (this.decide_) {
      this.viewer = new Viewer(this, true);
      root.append(this.viewer.node);
      // Arrow keys are the viewer's for whoever came by a click on the view switch, not by its arrow keys.
      if (!document.activeElement?.matches(":focus-visible")) document.activeElement?.blur();
    } else {
      this.viewer = new Viewer(this, false);
      this.tools = root.appendChild(make("div", "tools-line"));
      this.grid = new Grid(this);
      this.none = root.appendChild(make("p", "nothing"));
      root.append(this.grid.node, this.viewer.node);
    }
    this.key = this.key.bind(this);
    this.back = this.back.bind(this);
    globalThis.lycheeGallery?.leave();
    globalThis.lycheeGallery = this; // the one that hears keys
    document.addEventListener("keydown", this.key, true);
    window.addEventListener("popstate", this.back);
    addEventListener("pagehide", () => {
      for (const [run, { decisions, at, shown, opened }] of globalThis.lycheeSessions) {
        decisions.flush();
        tab.set(`view-${run}`, { at, shown, opened: [...opened] }); // for a refresh
      }
    });
  }
  leave() { // another takes its place
    document.removeEventListener("keydown", this.key, true);
    window.removeEventListener("popstate", this.back);
  }
  // What must outlive this component, which the page may take off and put back at any moment.
  recall() {
    const { mode, run } = this.data, sessions = (globalThis.lycheeSessions ??= new Map());
    const usual = { filter: "all", sort: "rank", element: null, rating: "", facts: {}, bin: null, more: false, folded: store.get("folded", true), height: store.get("row-height", HEIGHTS_PX.usual) };
    if (!sessions.has(run)) {
      const { at, shown, opened } = tab.get(`view-${run}`, {});
      sessions.set(run, { decisions: new Decisions(this.data), at: at ?? {}, shown: { ...usual, ...shown }, opened: new Set(opened) });
    }
    this.session = sessions.get(run);
    this.decisions = this.session.decisions;
    this.decisions.app = this;
    this.shown = this.session.shown;
    this.mode = mode;
  }
  get at() { return this.session.at[this.mode] ?? null; }
  set at(index) { this.session.at[this.mode] = index; }
  update(data) {
    const first = this.data === data, other = this.data.run !== data.run;
    this.data = data;
    this.recall();
    this.byIndex = new Map(data.rows.map((row) => [row.index, row]));
    this.decisions.follow(data);
    if (other) { // the same numbers are other images there
      this.grid?.clear();
      this.viewer.beside = [];
    }
    if (!data.elements.length) this.shown.element = null;
    this.hasRatings = data.rows.some((row) => row.stars);
    if (!this.hasRatings) this.shown.rating = "";
    if (this.shown.filter === "above" && !data.cut) this.shown.filter = "all";
    this.refresh();
    if (first || other) {
      this.back();
      if (this.at !== null) this.grid?.reveal(this.at, false); // where one was, before a refresh or in Decide
      dispatchEvent(new Event("lychee-bin"));
    }
  }
  narrow(bin) { // to the images of a bar of the histogram: {kind, place, label, indexes}; null: to none
    this.shown.bin = bin;
    this.refresh();
    dispatchEvent(new Event("lychee-bin"));
  }
  refresh() {
    this.chosen = this.decide_ ? this.data.rows : chosenRows(this);
    this.rows = folded(this, this.chosen);
    if (this.decide_ && this.place(this.at) < 0) this.at = this.rows[0]?.index ?? null;
    if (this.grid) {
      this.toolbar();
      this.none.hidden = this.rows.length > 0;
      this.none.textContent = this.data.words.none;
      this.grid.arrange();
    }
    if (this.viewer.isOpen) this.viewer.show();
  }
  row(index) { return this.byIndex.get(index); }
  // Of an image that lies under the card of its group that of the card.
  place(index) {
    const place = this.rows.findIndex((row) => row.index === index), group = this.row(index)?.group ?? null;
    return place >= 0 || group === null ? place : this.rows.findIndex((row) => row.group === group);
  }
  // What was decided may bring another image of a group to the top. Who is filtered stays as it was.
  refold(index) {
    if (!this.shown.folded || (this.row(index)?.group ?? null) === null) return;
    this.rows = folded(this, this.chosen);
    this.grid?.arrange();
  }
  unfold() { // the group of the current image, or back
    const group = this.row(this.at)?.group ?? null, { opened } = this.session;
    if (group === null || !this.shown.folded) return;
    if (!opened.delete(group)) opened.add(group);
    const at = this.at;
    this.refresh();
    this.moveTo(at);
  }
  url(kind, row) {
    return `${this.data.base}/${kind}/${this.data.run}/${row.index}?v=${row.hash}`;
  }
  hasChips(row) { return this.data.elements.length > 0 || this.data.examples.length > 0 || row.not !== null; }
  captionPx() {
    if (this.shown.height < 130) return 0;
    const lines = 1 + (this.data.elements.length || this.data.not_text || this.data.examples.length ? 1 : 0) + (this.data.mode_explain ? 2 : 0);
    return 6 + 22 * lines;
  }
  send(name, value) { this.root.send(name, value); }
  say(text) { this.message.hidden = !text; this.message.textContent = text; }
  repaint(index) {
    this.refold(index);
    const tile = this.grid?.tiles.get(index);
    if (tile && this.byIndex.has(index)) tile.paint(this.byIndex.get(index));
    if (this.viewer.isOpen) this.viewer.show();
    this.counts();
  }
  repaintAll() {
    if (this.shown.folded && this.cards.size) {
      this.rows = folded(this, this.chosen);
      this.grid?.arrange();
    }
    for (const [index, tile] of this.grid?.tiles ?? []) tile.paint(this.byIndex.get(index));
    if (this.viewer.isOpen) this.viewer.show();
    this.counts();
  }
  // Where one is, for a refresh and for the browser's Back.
  remember(index, push) {
    const address = new URL(location.href), had = address.searchParams.get("image");
    if (index === null) {
      if (had !== null && history.state?.lychee) return history.back();
      address.searchParams.delete("image");
    } else address.searchParams.set("image", index);
    history[push && had === null ? "pushState" : "replaceState"]({ lychee: index !== null }, "", address);
    return undefined;
  }
  back() {
    if (this.decide_ || !this.root.isConnected) return;
    const asked = new URL(location.href).searchParams.get("image");
    const index = asked === null ? null : Number(asked);
    if (index !== null && this.byIndex.has(index)) this.viewer.open(index);
    else if (this.viewer.isOpen) this.viewer.close(true);
  }
  moveTo(index) {
    const place = this.place(index);
    if (place < 0) return;
    index = this.rows[place].index;
    const former = this.at;
    this.at = index;
    if (this.viewer.isOpen) {
      this.viewer.show();
      if (!this.decide_) this.remember(index, false);
    } else this.grid.reveal(index, true);
    for (const changed of [former, index]) {
      const tile = this.grid?.tiles.get(changed);
      if (tile) tile.paint(this.byIndex.get(changed));
    }
  }
  step(by) {
    const at = this.place(this.at), next = Math.min(Math.max(at + by, 0), this.rows.length - 1);
    if (this.rows.length) this.moveTo(this.rows[at < 0 ? 0 : next].index);
  }
  decide(decision) { // the key: decides, and goes on
    if (this.at === null) return this.step(0);
    const place = this.place(this.at), next = this.rows[Math.min(place + 1, this.rows.length - 1)]?.index;
    this.decisions.set(this.at, decision);
    return place < 0 ? this.step(0) : this.moveTo(next);
  }
  undo() {
    const index = this.decisions.undo();
    if (index !== undefined) this.moveTo(index);
  }
  key(event) {
    if (!this.here()) return undefined;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const undoes = name === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
    if (((event.ctrlKey || event.metaKey || event.altKey) && !undoes) || !this.rows?.length) return undefined;
    const target = event.composedPath()[0];
    if (/^(input|textarea|select)$/i.test(target.tagName ?? "") && target.type !== "range") return undefined;
    if (target.isContentEditable || target.closest?.('[role="dialog"], [role="listbox"]')) return undefined;
    const open = this.viewer.isOpen;
    if (!open && document.querySelector('[role="dialog"]')) return undefined;
    // What has the focus in a chart is another image than the one the keys here are about.
    if (!open && event.composedPath().some((node) => node.matches?.(CHARTS))) return undefined;
    const vertical = (step) => (open ? undefined : () => this.moveTo(
      this.at === null ? this.rows[0].index : this.grid.beside(this.at, step)));
    const place = target.getRootNode(), charts = place instanceof ShadowRoot && place !== this.root.getRootNode();
    const takesArrows = charts || target.type === "range" || target.closest?.('[role="radiogroup"]');
    if (takesArrows && name.startsWith("Arrow")) return undefined;
    const actions = {
      ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1),
      ArrowUp: vertical(-1), ArrowDown: vertical(1),
      p: () => this.decide("pick"), x: () => this.decide("reject"), u: () => this.undo(),
      z: () => (undoes ? this.undo() : this.zoomKey()), b: () => open && this.viewer.hold(),
      m: () => open && this.viewer.seen.click(), g: () => this.unfold(),
      Escape: open && !this.decide_ ? () => this.viewer.close() : undefined,
    };
    const action = actions[name];
    if (!action) return undefined;
    event.preventDefault();
    event.stopPropagation();
    return action();
  }
  // The page may take this off for a moment and put another in its place: keys of that moment count.
  here() {
    if (this.root.isConnected) { this.goneSince = null; return true; }
    this.goneSince ??= performance.now();
    return performance.now() - this.goneSince < GONE_MS;
  }
  zoomKey() { // in the grid it opens the image first
    if (!this.viewer.isOpen) {
      if (this.at === null) this.at = this.rows[0].index;
      this.viewer.open(this.at);
    }
    this.viewer.stage.toggle();
  }
  // What is shown of how many, and how: words and controls above the grid.
  toolbar() {
    const { data, shown } = this, { words } = data;
    if (!this.filterBox) { // made once, while the run may change: what is chosen is this.shown's then
      this.filterBox = this.tools.appendChild(make("div", "filters"));
      this.filterBox.setAttribute("role", "group");
      this.filterBox.setAttribute("aria-label", words.filter);
      this.binBox = this.tools.appendChild(make("button", "bin"));
      this.binBox.type = "button";
      this.binBox.onclick = () => this.narrow(null);
      this.elementBox = this.select(words.element_filter, (value) => {
        this.shown.element = value === "" ? null : Number(value);
      });
      this.ratingBox = this.select(words.rating_filter, (value) => { this.shown.rating = value; });
      this.foldButton = this.tools.appendChild(make("button", "fold"));
      this.foldButton.type = "button";
      this.foldButton.title = words.fold_hint;
      this.foldButton.onclick = () => {
        this.shown.folded = !this.shown.folded;
        store.set("folded", this.shown.folded);
        this.refresh();
      };
      this.moreButton = this.tools.appendChild(make("button", "more"));
      this.moreButton.type = "button";
      this.moreButton.onclick = () => { this.shown.more = !this.shown.more; this.toolbar(); };
      this.sortBox = this.select(words.sort, (value) => { this.shown.sort = value; });
      const slider = this.sizeBox = this.tools.appendChild(make("input", "size"));
      Object.assign(slider, { type: "range", min: HEIGHTS_PX.least, max: HEIGHTS_PX.most, step: 10 });
      slider.setAttribute("aria-label", words.size);
      slider.title = words.size;
      slider.oninput = () => {
        this.shown.height = Number(slider.value);
        store.set("row-height", this.shown.height);
        this.grid.arrange();
      };
      this.passesOn(slider);
      this.moreLine = make("div", "tools-line facts-line");
      this.tools.after(this.moreLine);
      this.factBoxes = Object.fromEntries(Object.keys(FACTS).map((name) => [name, this.select(
        words[`fact_${name}`], (value) => { if (value) this.shown.facts[name] = value; else delete this.shown.facts[name]; }, this.moreLine)]));
    }
    this.facts();
    const groups = new Set(data.rows.map((row) => row.group).filter((group) => group !== null)).size;
    this.foldButton.hidden = !groups;
    this.foldButton.textContent = filled(words.fold, { n: groups });
    this.foldButton.setAttribute("aria-pressed", String(shown.folded));
    this.sizeBox.value = shown.height;
    const elements = data.elements.map((text, k) => [String(k), filled(words.element_shown, { text })]);
    fillBox(this.elementBox, [["", words.any_element], ...elements], shown.element === null ? "" : String(shown.element));
    this.elementBox.hidden = !data.elements.length;
    const stars = [5, 4, 3, 2, 1].map((n) => [String(n), n < 5 ? filled(words.rated_from, { stars: "★".repeat(n) }) : "★★★★★"]);
    const others = ["none", "reject"].map((name) => [name, words[`rated_${name}`]]);
    fillBox(this.ratingBox, [["", words.any_rating], ...stars, ...others], shown.rating);
    this.ratingBox.hidden = !this.hasRatings;
    const byElement = data.elements.map((text, k) => [`element:${k}`, filled(words.sort_element, { text })]);
    const isKnown = (name) => !["camera", "lens"].includes(name) || data.rows.some(FACTS[name].of);
    const sorts = Object.keys(ORDERS).filter(isKnown).map((name) => [name, words[`sort_${name}`]]);
    fillBox(this.sortBox, [...sorts, ...byElement], shown.sort);
    this.binBox.hidden = !shown.bin;
    this.binBox.textContent = shown.bin ? `${shown.bin.label} ✕` : "";
    if (shown.bin) this.binBox.setAttribute("aria-label", filled(words.unbin, { label: shown.bin.label }));
    if (data.windowed) { // the page has these for all images of the run, of which here are a few
      for (const box of [this.filterBox, this.elementBox, this.ratingBox, this.sortBox]) box.hidden = true;
    }
    this.counts();
  }
  // What the files say of their pictures: a line of its own, behind a button that counts what is chosen there.
  facts() {
    const { data, shown } = this, { words } = data;
    let offered = 0;
    for (const [name, box] of Object.entries(this.factBoxes)) {
      const found = choices(FACTS[name], data.rows, words);
      if (!found.some(([value]) => value === shown.facts[name])) delete shown.facts[name];
      fillBox(box, [["", words[`any_${name}`]], ...found], shown.facts[name] ?? "");
      box.hidden = !found.length;
      offered += found.length > 0;
    }
    const count = Object.keys(shown.facts).length;
    this.moreButton.hidden = !offered;
    this.moreButton.textContent = count ? `${words.more} (${count})` : words.more;
    this.moreButton.setAttribute("aria-expanded", String(shown.more));
    this.moreLine.hidden = !offered || !shown.more;
  }
  select(label, chosen, line = this.tools) {
    const box = line.appendChild(make("select"));
    box.setAttribute("aria-label", label);
    box.title = label;
    box.onchange = () => { chosen(box.value); this.refresh(); };
    this.passesOn(box);
    return box;
  }
  // Who chose by mouse or finger goes on with the images: their keys would be dead as long as this has the focus.
  passesOn(control) {
    let pointed = false;
    control.addEventListener("pointerdown", () => { pointed = true; });
    control.addEventListener("keydown", () => { pointed = false; });
    control.addEventListener("change", () => {
      const index = this.place(this.at) < 0 ? this.rows[0]?.index : this.at;
      if (pointed) this.grid.tiles.get(index)?.open.focus({ preventScroll: true });
    });
  }
  counts() {
    if (!this.filterBox) return;
    const { data, shown } = this, isWithin = narrowed(this), offered = [];
    for (const [name, holds] of Object.entries(FILTERS)) {
      const count = data.rows.reduce((sum, row) => sum + (holds(row, this) && isWithin(row)), 0);
      if (name === "undecided" && !this.decisions.made.size) continue;
      if (name === "all" || count || name === shown.filter) offered.push([name, count]);
    }
    const told = JSON.stringify([offered, shown.filter, data.words.filter]);
    if (told === this.told) return;
    this.told = told;
    const held = this.filterBox.contains(this.root.getRootNode().activeElement);
    this.filterBox.replaceChildren(...offered.map(([name, count]) => {
      const button = make("button", name, `${data.words[`filter_${name}`]} ${count}`);
      button.type = "button";
      button.setAttribute("aria-pressed", String(name === shown.filter));
      button.onclick = () => { shown.filter = name; this.refresh(); };
      return button;
    }));
    if (held) this.filterBox.querySelector('[aria-pressed="true"]')?.focus();
  }
}

function fillBox(box, options, chosen) {
  const told = JSON.stringify(options);
  if (box.told !== told) {
    box.told = told;
    box.replaceChildren(...options.map(([value, text]) => {
      const option = make("option", "", text);
      option.value = value;
      return option;
    }));
  }
  box.value = options.some(([value]) => value === chosen) ? chosen : options[0][0];
}

export default function (part) {
  const { data, parentElement, setTriggerValue } = part, root = rootOf(parentElement);
  root.send = setTriggerValue; // the newest one: an older one speaks for a part of the page that may be gone
  if (root.gallery?.data.lang !== data.lang) { // its labels are written once
    root.replaceChildren();
    root.gallery = new Gallery(root, data);
  }
  root.gallery.update(data);
}
