// One to four images side by side, moved and zoomed together. `scale` null fits each into its pane.
class Stage {
  constructor(app) {
    this.app = app;
    this.node = make("div", "stage");
    this.node.tabIndex = -1;
    this.scale = null;
    this.offset = [0, 0]; // of the middle of the image from the middle of its pane, in px
    this.panes = [];
    this.node.addEventListener("pointerdown", (event) => this.grab(event));
    this.node.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.node.addEventListener("dblclick", (event) => { if (!event.target.closest("button")) this.toggle(event); });
    new ResizeObserver(() => this.fit()).observe(this.node);
  }
  show(indexes, asSeen) {
    const key = JSON.stringify([this.app.data.run, indexes, asSeen]);
    if (key === this.key) return this.captions();
    this.key = key;
    this.scale = indexes.length > 1 ? this.scale : null;
    if (this.scale === null) this.offset = [0, 0];
    this.node.dataset.count = indexes.length;
    this.panes = indexes.map((index) => this.pane(index, asSeen));
    this.node.replaceChildren(...this.panes.map((pane) => pane.node));
    return this.fit();
  }
  pane(index, asSeen) {
    const { app } = this, row = app.row(index), node = make("div", "pane");
    node.dataset.index = index;
    const image = node.appendChild(make("img"));
    image.alt = row.name;
    image.draggable = false;
    const caption = node.appendChild(make("div", "panename"));
    const pane = { node, image, index, caption, width: row.width || 4, height: row.height || 3 };
    if (asSeen && row.seen_width) [pane.width, pane.height] = [row.seen_width, row.seen_height];
    if (!row.width) { // it was never a picture: there is none to fetch
      image.remove();
      node.append(make("span", "noimage", app.data.words.no_picture));
      return pane;
    }
    if (row.thumb) image.src = app.url("thumb", row); // there at once; the large one takes its place
    const large = new Image();
    large.onload = () => { image.src = large.src; node.classList.add("sharp"); };
    large.onerror = () => { // the small one, made large, is not to be taken for it
      node.classList.add("gone");
      node.append(make("span", "lost", row.thumb ? app.data.words.lost : app.data.words.no_picture));
    };
    large.src = app.url(asSeen ? "seen" : "image", row);
    return pane;
  }
  captions() {
    const { app } = this;
    for (const pane of this.panes) {
      const row = app.row(pane.index), decision = app.decisions.of(pane.index);
      pane.node.classList.toggle("picked", decision === "pick");
      pane.node.classList.toggle("rejected", decision === "reject");
      pane.caption.hidden = this.panes.length < 2;
      const text = `${row.rank ?? "–"} · ${row.name} · ${oneDecimal(row.score)}`;
      const mark = decision ? ` · ${app.data.words[`marked_${decision}`]}` : "";
      pane.caption.textContent = text + mark;
      pane.node.classList.toggle("current", pane.index === app.at && this.panes.length > 1);
    }
  }
  fit() {
    for (const pane of this.panes) {
      const width = pane.node.clientWidth, height = pane.node.clientHeight;
      if (!width) continue;
      pane.fits = Math.min(width / pane.width, height / pane.height, this.scale === null ? 1 : Infinity);
      const scale = this.scale ?? pane.fits;
      pane.image.style.width = `${pane.width * scale}px`;
      pane.image.style.height = `${pane.height * scale}px`;
      const [x, y] = this.scale === null ? [0, 0] : this.within(pane, scale);
      pane.image.style.transform = `translate(calc(-50% + ${x}px), calc(-50% + ${y}px))`;
    }
    this.node.classList.toggle("zoomed", this.scale !== null);
    this.captions();
  }
  within(pane, scale) {
    const free = [pane.width * scale - pane.node.clientWidth, pane.height * scale - pane.node.clientHeight];
    return this.offset.map((value, k) => Math.max(-Math.max(free[k], 0) / 2, Math.min(Math.max(free[k], 0) / 2, value)));
  }
  // 1:1 in pixels of the screen, around where was pointed at; and back.
  toggle(event) {
    if (this.scale !== null) this.scale = null;
    else this.zoom(1 / devicePixelRatio, event);
    this.fit();
  }
  zoom(scale, event) {
    const pane = this.panes[0];
    if (!pane) return;
    const before = this.scale ?? pane.fits ?? 1;
    const target = event?.target?.closest?.(".pane") ?? pane.node, box = target.getBoundingClientRect();
    const at = event && "clientX" in event && event.clientX
      ? [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2] : [0, 0];
    this.offset = this.offset.map((value, k) => at[k] - (at[k] - value) * (scale / before));
    this.scale = scale;
    this.offset = this.within(pane, scale);
  }
  wheel(event) {
    event.preventDefault();
    const pane = this.panes[0];
    if (!pane) return;
    const before = this.scale ?? pane.fits, scale = Math.min(8, before * Math.exp(-event.deltaY / 400));
    if (scale <= pane.fits) this.scale = null; else this.zoom(scale, event);
    this.fit();
  }
  grab(event) {
    if (this.scale === null || event.button || event.target.closest("button")) return;
    const start = [event.clientX, event.clientY], from = this.offset;
    this.node.setPointerCapture(event.pointerId);
    const move = (moved) => {
      this.offset = [from[0] + moved.clientX - start[0], from[1] + moved.clientY - start[1]];
      this.fit();
    };
    this.node.addEventListener("pointermove", move);
    this.node.addEventListener("pointerup", () => {
      this.node.removeEventListener("pointermove", move);
      this.offset = this.within(this.panes[0], this.scale ?? 1);
    }, { once: true });
  }
}

// The stage with what is known of the image beside it. In a dialog over the page, or as part of it (Decide).
class Viewer {
  constructor(app, inline) {
    this.app = app;
    this.inline = inline;
    this.node = inline ? make("section", "viewer inline") : make("dialog", "viewer");
    this.node.setAttribute("aria-label", app.data.words.viewer);
    this.stage = new Stage(app);
    this.bar = make("div", "bar");
    this.side = make("aside", "side");
    this.side.tabIndex = 0;
    this.film = make("div", "film");
    const main = make("div", "main");
    main.append(this.stage.node, this.film);
    this.node.append(this.bar, main, this.side);
    this.beside = []; // indexes held beside the current one
    this.asSeen = false;
    this.details = new Map();
    this.buttons();
    if (!inline) this.node.addEventListener("cancel", (event) => { event.preventDefault(); this.close(); });
  }
  get isOpen() { return this.inline || this.node.open; }
  buttons() {
    const { app } = this, { words } = app.data;
    const button = (name, text, action, hint) => {
      const node = this.bar.appendChild(make("button", name, text));
      node.type = "button";
      node.title = hint;
      node.setAttribute("aria-label", hint);
      node.onclick = action;
      return node;
    };
    button("previous", "←", () => app.step(-1), words.previous);
    button("next", "→", () => app.step(1), words.next);
    this.title = this.bar.appendChild(make("span", "title"));
    this.pick = button("pick", `✓ ${words.pick_short}`, () => app.decide("pick"), words.key_pick);
    this.reject = button("reject", `✕ ${words.reject_short}`, () => app.decide("reject"), words.key_reject);
    button("undo", "↶", () => app.undo(), words.key_undo);
    this.zoomed = button("zoom", "1:1", () => this.stage.toggle(), words.key_zoom);
    this.group = button("group", "▣", () => app.unfold(), "");
    this.pin = button("beside", "◫", () => this.hold(), words.key_beside);
    this.seen = button("seen", words.seen, () => { this.asSeen = !this.asSeen; this.show(); }, words.key_seen);
    for (const kind of ["like", "unlike"]) {
      button(kind, kind === "like" ? "≈" : "≉", () => app.send("like", [app.at, kind, Date.now()]), words[`this_${kind}`]);
    }
    if (!this.inline) button("close", "✕", () => this.close(), words.close);
  }
  open(index) {
    this.app.at = index;
    this.show();
    if (!this.inline && !this.node.open) {
      this.opener = focusedElsewhere(this.app.root);
      this.node.showModal();
      this.stage.node.focus({ preventScroll: true });
      this.stage.fit();
      this.app.remember(index, true);
    }
  }
  close(fromAddress = false) {
    if (this.inline || !this.node.open) return;
    this.node.close();
    this.beside = [];
    if (!fromAddress) this.app.remember(null, false);
    if (this.opener?.isConnected) this.opener.focus();
    else this.app.grid?.reveal(this.app.at, true);
  }
  hold() { // the current image stays while one goes on; again: it goes
    const { at } = this.app;
    this.beside = this.beside.includes(at)
      ? this.beside.filter((index) => index !== at) : [...this.beside, at].slice(1 - MOST_BESIDE);
    this.show();
  }
  show() {
    const { app } = this, row = app.row(app.at);
    if (!row) return;
    const shown = [...this.beside.filter((index) => index !== app.at && app.row(index)), app.at];
    this.stage.show(shown, this.asSeen);
    const { words } = app.data, decision = app.decisions.of(row.index);
    const of = { rank: row.rank, n: app.data.scored };
    this.title.replaceChildren();
    if (row.rank !== null) {
      this.title.append(make("span", "full", filled(words.rank_of, of)), make("span", "short", `${of.rank}/${of.n}`), " · ");
    }
    this.title.append(row.name);
    this.title.title = row.name;
    this.pick.setAttribute("aria-pressed", String(decision === "pick"));
    this.reject.setAttribute("aria-pressed", String(decision === "reject"));
    const members = app.shown.folded && row.group !== null ? app.data.rows.filter((one) => one.group === row.group).length : 0;
    this.group.hidden = members < 2;
    this.group.textContent = `▣ ${members}`;
    this.group.title = filled(words[`group_${app.session.opened.has(row.group) ? "close" : "open"}`], { n: members });
    this.group.setAttribute("aria-label", this.group.title);
    this.group.setAttribute("aria-pressed", String(app.session.opened.has(row.group)));
    this.pin.setAttribute("aria-pressed", String(this.beside.includes(row.index)));
    this.seen.setAttribute("aria-pressed", String(this.asSeen));
    this.facts(row);
    this.frames();
    for (const step of [1, -1]) { // the neighbours are fetched before they are asked for
      const next = app.rows[app.place(row.index) + step];
      if (next?.width) new Image().src = app.url("image", next);
    }
  }
  facts(row) {
    const { data } = this.app, { words } = data, side = [];
    const head = make("div", "facts");
    const score = head.appendChild(make("div", "big", oneDecimal(row.score)));
    heat(score, row.score);
    const size = row.width ? `${row.width} × ${row.height} px` : "";
    const lines = [wholeShot(row), size, ...taken(row), ratedAloud(row, words)];
    head.append(make("div", "name", lines.filter(Boolean).join("\n")));
    side.push(head);
    if (row.why) side.push(make("div", "why", row.why));
    for (const note of row.notes) side.push(make("div", "notetext", note));
    if (this.app.hasChips(row)) {
      const table = make("div", "bars");
      data.elements.forEach((text, k) => table.append(this.bartag(text, row.elements[k])));
      if (row.not !== null) table.append(this.bartag(filled(words.but_not, { text: data.not_text }), row.not));
      data.examples.forEach(({ text }, k) => table.append(this.bartag(text, row.examples[k])));
      side.push(table);
    }
    if (row.says) side.push(make("p", "says", row.says));
    const detail = make("div", "detail");
    side.push(detail);
    this.side.replaceChildren(...side);
    this.detail(row, detail);
  }
  bartag(text, score) {
    const line = make("div", "barline");
    line.append(make("span", "", text), make("b", "", oneDecimal(score)));
    heat(line.appendChild(make("i")), score);
    return line;
  }
  // The raw output: fetched when it is looked at, and kept.
  async detail(row, node) {
    const { app } = this, { data } = app, key = `${data.run}:${row.index}:${row.score}`;
    if (!this.details.has(key)) {
      const address = `${data.base}/row/${data.run}/${row.index}?lang=${data.lang}`;
      this.details.set(key, fetch(address).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null));
    }
    const told = await this.details.get(key);
    if (!told || !node.isConnected) return;
    for (const part of told.parts) node.append(this.output(part));
    if (data.explain) node.append(this.asking(row));
  }
  output(part) {
    const box = make("details");
    box.open = part.open;
    box.append(make("summary", "", part.title), marked(part.reply, part.span));
    if (part.read) box.append(make("p", "read", part.read));
    for (const [name, value] of part.facts) {
      const line = box.appendChild(make("div", "fact"));
      line.append(make("span", "", name), make("b", "", value));
    }
    const prompt = box.appendChild(make("details", "inner"));
    prompt.append(make("summary", "", part.prompt_title), make("pre", "prompt", part.prompt));
    if (part.copy) {
      const copy = box.appendChild(make("button", "small", part.copy_title));
      copy.type = "button";
      copy.onclick = async () => {
        await navigator.clipboard.writeText(part.copy);
        copy.textContent = `✓ ${part.copy_title}`;
      };
    }
    return box;
  }
  // In judge mode one image can be asked for its reasons without a run of its own.
  asking(row) {
    const { data } = this.app, { words } = data, box = make("div", "asking");
    const button = box.appendChild(make("button", "small", words.explain));
    button.type = "button";
    button.onclick = async () => {
      button.disabled = true;
      button.textContent = words.explaining;
      const address = `${data.base}/explanation/${data.run}/${row.index}?lang=${data.lang}`;
      const answer = await fetch(address, { method: "POST", headers: { "X-Lychee": "1" } }).catch(() => null);
      const told = await answer?.json().catch(() => null);
      box.replaceChildren(make(answer?.ok ? "pre" : "div", answer?.ok ? "reply" : "why", told?.text ?? told?.message ?? "?"));
      if (told?.note) box.append(make("p", "read", told.note));
    };
    return box;
  }
  frames() {
    const { app } = this, at = app.place(app.at), from = Math.max(0, Math.min(at - 6, app.rows.length - 13));
    this.film.replaceChildren(...app.rows.slice(from, from + 13).map((row) => {
      const frame = make("button", `frame ${app.decisions.of(row.index) ?? ""}`);
      frame.type = "button";
      frame.tabIndex = -1;
      frame.setAttribute("aria-label", row.name);
      frame.setAttribute("aria-current", String(row.index === app.at));
      frame.onclick = () => app.moveTo(row.index);
      if (row.thumb) {
        const image = frame.appendChild(make("img"));
        image.alt = "";
        image.src = app.url("thumb", row);
      }
      return frame;
    }));
  }
}

// What has the focus in another part of the page, such as a cell of the heat grid.
function focusedElsewhere(root) {
  let node = document.activeElement;
  while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement;
  return node && node !== document.body && node.getRootNode() instanceof ShadowRoot
    && node.getRootNode() !== root.getRootNode() ? node : null;
}

function marked(text, span) {
  const node = make("pre", "reply");
  if (!span) node.textContent = text;
  else node.append(text.slice(0, span[0]), make("mark", "", text.slice(...span)), text.slice(span[1]));
  return node;
}
