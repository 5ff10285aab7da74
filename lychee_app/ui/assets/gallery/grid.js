class Grid {
  constructor(app) {
    this.app = app;
    this.node = make("div", "grid");
    this.node.setAttribute("role", "list");
    this.tiles = new Map();
    this.cutLine = this.node.appendChild(make("div", "cutline"));
    this.draw = this.draw.bind(this);
    new ResizeObserver(() => this.node.clientWidth && this.arrange()).observe(this.node);
  }
  clear() {
    for (const tile of this.tiles.values()) tile.node.remove();
    this.tiles.clear();
  }
  attach() {
    if (this.scroller) return;
    this.scroller = scrollerOf(this.node);
    this.scroller.addEventListener("scroll", () => {
      cancelAnimationFrame(this.frame);
      this.frame = requestAnimationFrame(this.draw);
    }, { passive: true });
  }
  arrange() {
    const { app } = this, { data } = app, width = this.node.clientWidth;
    if (!width) return;
    this.attach();
    const rows = app.rows, cut = data.cut;
    const last = cut && app.shown.sort === "rank" ? rows.findLastIndex((row) => row.rank !== null && row.rank <= cut.above) : -1;
    const breakAfter = last + 1 < rows.length ? last : -1;
    const aspects = rows.map((row) =>
      Math.min(Math.max((row.width || 4) / (row.height || 3), ASPECTS.least), ASPECTS.most));
    const waiting = data.live && app.shown.filter === "all" ? data.total - data.rows.length : 0;
    for (let k = 0; k < waiting; k++) aspects.push(4 / 3);
    this.caption = app.captionPx();
    this.layout = justified(aspects, width, app.shown.height, this.caption, breakAfter);
    this.node.style.height = `${this.layout.height}px`;
    this.cutLine.hidden = this.layout.cutY === null;
    if (this.layout.cutY !== null) {
      this.cutLine.style.transform = `translateY(${this.layout.cutY - GAP_PX}px)`;
      this.cutLine.textContent = filled(data.words.cutline, { value: cut.text, n: cut.above });
      this.cutLine.classList.toggle("suggested", cut.suggested);
    }
    this.draw();
  }
  draw() {
    const { layout, app } = this;
    if (!layout || !this.scroller) return;
    const view = this.scroller === document.scrollingElement
      ? { top: 0, bottom: innerHeight } : this.scroller.getBoundingClientRect();
    const top = this.node.getBoundingClientRect().top, screen = view.bottom - view.top;
    const from = view.top - top - screen, to = view.bottom - top + screen, wanted = new Set();
    for (const line of layout.lines) {
      if (line.y + line.height < from) continue;
      if (line.y > to) break;
      for (let k = line.first; k <= line.last && k < app.rows.length; k++) wanted.add(k);
    }
    const focused = app.place(app.at);
    if (focused >= 0) wanted.add(focused); // it holds the one tab stop
    const keep = new Set([...wanted].map((k) => app.rows[k].index));
    for (const [index, tile] of this.tiles) {
      if (!keep.has(index)) { tile.node.remove(); this.tiles.delete(index); }
    }
    let before = this.cutLine; // in the order they are seen in, for whoever goes by tabs or reads aloud
    for (const k of [...wanted].sort((a, b) => a - b)) {
      const { node, open } = this.put(app.rows[k], layout.boxes[k]);
      if (before.nextSibling !== node) {
        const held = node.contains(this.node.getRootNode().activeElement);
        before.after(node);
        if (held) open.focus({ preventScroll: true });
      }
      before = node;
    }
  }
  put(row, box) {
    let tile = this.tiles.get(row.index);
    if (!tile) {
      tile = new Tile(this.app, row.index);
      this.tiles.set(row.index, tile);
    }
    tile.node.style.transform = `translate(${box.x}px, ${box.y}px)`;
    tile.node.style.width = `${box.width}px`;
    tile.picture.style.height = `${box.height}px`;
    tile.width = box.width;
    tile.paint(row);
    return tile;
  }
  reveal(index, focus) {
    const k = this.app.place(index);
    if (k < 0 || !this.layout) return;
    this.draw();
    const tile = this.tiles.get(index);
    if (!tile) return;
    tile.node.scrollIntoView({ block: "nearest" });
    if (focus) tile.open.focus({ preventScroll: true });
  }
  // The image above or below: the one whose middle is nearest.
  beside(index, step) {
    const k = this.app.place(index), { lines, boxes } = this.layout;
    const at = lines.findIndex((line) => k >= line.first && k <= line.last), line = lines[at + step];
    if (!line) return index;
    const middle = boxes[k].x + boxes[k].width / 2;
    let best = line.first;
    for (let other = line.first; other <= Math.min(line.last, this.app.rows.length - 1); other++) {
      const off = (box) => Math.abs(box.x + box.width / 2 - middle);
      if (off(boxes[other]) < off(boxes[best])) best = other;
    }
    return this.app.rows[best]?.index ?? index;
  }
}

const scrollerOf = (node) => {
  for (let at = node; at; at = at.parentElement ?? at.getRootNode().host) {
    if (at !== node && at instanceof Element && /auto|scroll/.test(getComputedStyle(at).overflowY)) return at;
  }
  return document.scrollingElement;
};

class Tile {
  constructor(app, index) {
    this.app = app;
    this.index = index;
    this.node = make("div", "tile");
    this.node.setAttribute("role", "listitem");
    this.node.dataset.index = index;
    this.picture = this.node.appendChild(make("div", "picture"));
    this.open = this.picture.appendChild(make("button", "open"));
    this.open.type = "button";
    this.open.onclick = () => { app.at = index; app.viewer.open(index); };
    this.open.onfocus = () => { app.at = index; };
    this.rank = this.picture.appendChild(make("span", "rank"));
    this.score = this.picture.appendChild(make("span", "score"));
    this.group = this.picture.appendChild(make("button", "group"));
    this.group.type = "button";
    this.group.tabIndex = -1;
    this.group.onclick = () => { app.at = index; app.unfold(); };
    this.stars = this.picture.appendChild(make("span", "stars"));
    this.tools = this.picture.appendChild(make("div", "tools"));
    this.buttons = ["pick", "reject"].map((decision) => {
      const button = this.tools.appendChild(make("button", decision, decision === "pick" ? "✓" : "✕"));
      button.type = "button";
      button.tabIndex = -1;
      button.onclick = () => app.decisions.toggle(index, decision);
      return button;
    });
    this.like = this.tools.appendChild(make("button", "like", "≈"));
    this.like.type = "button";
    this.like.tabIndex = -1;
    this.like.onclick = () => app.send("like", [index, "like", Date.now()]);
    this.under = this.node.appendChild(make("div", "under"));
  }
  paint(row) {
    const { app } = this, { words } = app.data, decision = app.decisions.of(row.index);
    const count = app.cards.get(row.index) ?? 0, opened = app.session.opened.has(row.group);
    const seen = JSON.stringify([row, decision, app.shown.sort, count, opened && app.shown.folded, app.at === row.index, app.captionPx(), this.isNarrow(row)]);
    if (seen === this.seen) return;
    this.seen = seen;
    if (!this.image && row.thumb) {
      this.image = make("img");
      this.image.alt = "";
      this.image.loading = "lazy";
      this.image.decoding = "async";
      this.image.src = app.url("thumb", row);
      this.open.append(this.image);
    } else if (!this.image && !this.open.firstChild) {
      this.open.append(make("span", "noimage", words.no_picture));
    }
    this.node.classList.toggle("picked", decision === "pick");
    this.node.classList.toggle("rejected", decision === "reject");
    this.node.classList.toggle("failed", row.score === null);
    this.node.setAttribute("aria-current", String(app.at === row.index));
    this.open.tabIndex = app.at === row.index || (app.at === null && row === app.rows[0]) ? 0 : -1;
    this.node.classList.toggle("card", count > 1 && !opened);
    this.node.classList.toggle("member", opened && app.shown.folded && row.group !== null);
    this.group.hidden = !count;
    this.group.textContent = `▣ ${count}`;
    this.group.setAttribute("aria-expanded", String(opened));
    this.group.title = filled(words[`group_${opened ? "close" : "open"}`], { n: count });
    this.group.setAttribute("aria-label", this.group.title);
    const place = row.rank === null ? words.unranked : filled(words.rank, { rank: row.rank });
    const aloud = ratedAloud(row, words);
    const told = (decision ? `, ${words[`marked_${decision}`]}` : "") + (aloud && `, ${aloud}`);
    this.open.setAttribute("aria-label", `${row.name}: ${place}, ${oneDecimal(row.score)}${told}`);
    this.rank.textContent = row.rank ?? "";
    this.rank.hidden = row.rank === null;
    this.stars.textContent = row.stars < 0 ? words.rated_reject : rated(row);
    this.stars.hidden = !row.stars;
    this.score.textContent = oneDecimal(row.score);
    heat(this.score, row.score);
    this.buttons.forEach((button) => {
      const kind = button.className, on = decision === kind;
      button.setAttribute("aria-pressed", String(on));
      button.setAttribute("aria-label", filled(words[`name_${kind}`], { name: row.name }));
      button.title = button.getAttribute("aria-label");
    });
    this.like.title = filled(words.name_like, { name: row.name });
    this.like.setAttribute("aria-label", this.like.title);
    this.under.replaceChildren();
    if (!app.captionPx()) return;
    const fact = FACTS[app.shown.sort]?.of(row); // what they are sorted by is seen
    const name = this.under.appendChild(make("div", "name", fact ? `${fact} · ${wholeShot(row)}` : wholeShot(row)));
    name.title = [wholeShot(row), ...taken(row)].join("\n");
    if (row.why) this.under.appendChild(make("div", "why", row.why)).title = row.why;
    else if (app.hasChips(row)) this.under.append(chips(app.data, row, this.isNarrow(row)));
    if (row.says) this.under.appendChild(make("div", "says", row.says)).title = row.says;
    if (row.notes.length) name.append(this._note(row.notes.join("\n")));
  }
  isNarrow(row) {
    const { elements, examples } = this.app.data;
    return this.width < CHIP_PX * (elements.length + examples.length + (row.not !== null));
  }
  _note(text) {
    const mark = make("span", "note", " ⚠");
    mark.title = text;
    mark.setAttribute("aria-label", text);
    mark.setAttribute("role", "img");
    return mark;
  }
}

function chips(data, row, isNarrow) {
  const line = make("div", isNarrow ? "chips dots" : "chips");
  data.elements.forEach((text, k) => line.append(chip(text, row.elements[k])));
  if (row.not !== null) line.append(chip(filled(data.words.but_not, { text: data.not_text }), row.not, "not"));
  data.examples.forEach(({ text, kind }, k) => line.append(chip(text, row.examples[k], kind)));
  return line;
}

function chip(text, score, kind = "") {
  const node = make("span", `chip ${score === null || score === undefined ? "none" : kind}`);
  node.title = `${text} ${oneDecimal(score)}`;
  node.append(make("span", "", text), make("b", "", oneDecimal(score)));
  heat(node, score);
  return node;
}
