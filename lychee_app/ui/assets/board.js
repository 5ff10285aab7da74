// The images of a sorting under their names. A card goes to another column by dragging, by its menu, or by a key:
// 1 to 9 for the columns as they stand, 0 for none, Shift and an arrow for the one beside it. U takes back.
const oneDecimal = (score) => (score === null || score === undefined ? "–" : score.toFixed(1));

class Board {
  constructor(root) {
    this.root = root;
    this.node = root.appendChild(make("div", "board"));
    this.keys = root.appendChild(make("p", "keys"));
  }
  update(data) {
    this.data = data;
    const seen = JSON.stringify(data);
    if (seen === this.seen) return;
    const held = this.moved ?? this.root.getRootNode().activeElement?.closest?.(".card")?.dataset.index;
    this.seen = seen;
    this.moved = undefined;
    this.keys.textContent = data.words.keys;
    const across = this.node.scrollLeft;
    this.node.replaceChildren(...data.columns.map((column, place) => this.column(column, place)));
    this.node.scrollLeft = across;
    if (held !== undefined) this.node.querySelector(`.card[data-index="${held}"]`)?.focus();
  }
  column({ name, query, least }, place) {
    const node = make("section", "column"), cards = this.data.cards[place];
    node.setAttribute("aria-label", name);
    const head = node.appendChild(make("header"));
    const last = this.data.columns.length - 1, key = place === last ? "0" : place < 9 ? String(place + 1) : "";
    head.append(make("b", "", name), make("span", "count", String(cards.length)));
    if (key) head.append(make("kbd", "", key));
    if (query) head.append(make("div", "query", `${query} · ${this.data.words.least} ${least}`));
    const list = node.appendChild(make("div", "cards"));
    list.append(...cards.map((card) => this.card(card, place)));
    if (!cards.length) list.append(make("p", "empty", this.data.words.empty));
    node.addEventListener("dragover", (event) => {
      if (this.dragged === undefined) return;
      event.preventDefault();
      node.classList.add("over");
    });
    node.addEventListener("dragleave", () => node.classList.remove("over"));
    node.addEventListener("drop", (event) => {
      node.classList.remove("over");
      if (this.dragged === undefined) return;
      event.preventDefault();
      this.move(this.dragged, place);
    });
    return node;
  }
  card({ index, name, hash, thumb, score, moved }, place) {
    const { data } = this, node = make("div", "card");
    node.tabIndex = 0;
    node.draggable = true;
    node.dataset.index = index;
    node.setAttribute("role", "group");
    node.setAttribute("aria-label", `${name}, ${oneDecimal(score)}`);
    const picture = node.appendChild(make("div", "picture"));
    if (thumb) {
      const image = picture.appendChild(make("img"));
      image.alt = "";
      image.loading = "lazy";
      image.draggable = false;
      image.src = `${data.base}/thumb/${data.run}/${index}?v=${hash}`;
    }
    const line = node.appendChild(make("div", "line"));
    line.append(make("span", "name", name), make("b", "", oneDecimal(score)));
    line.firstChild.title = name;
    if (moved) line.append(make("span", "by-hand", data.words.by_hand));
    const menu = node.appendChild(make("select"));
    menu.setAttribute("aria-label", `${data.words.to}: ${name}`);
    data.columns.forEach((column, at) => {
      const option = menu.appendChild(make("option", "", column.name));
      option.value = at;
    });
    menu.value = place;
    menu.onchange = () => this.move(index, Number(menu.value));
    node.addEventListener("dragstart", (event) => {
      this.dragged = index;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", name);
    });
    node.addEventListener("dragend", () => { this.dragged = undefined; });
    node.addEventListener("keydown", (event) => {
      const name = event.key.toLowerCase(), last = data.columns.length - 1;
      const undoes = name === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
      if (event.target !== node || ((event.ctrlKey || event.metaKey || event.altKey) && !undoes)) return;
      const beside = event.shiftKey ? { arrowleft: place - 1, arrowright: place + 1 }[name] : undefined;
      const at = /^[0-9]$/.test(name) ? (name === "0" ? last : Number(name) - 1) : beside;
      if (name !== "u" && !undoes && !(at >= 0 && at <= last)) return;
      event.preventDefault();
      event.stopPropagation();
      if (at === undefined) this.takeBack();
      else this.move(index, at);
    });
    return node;
  }
  move(index, place) {
    const was = this.data.cards.findIndex((cards) => cards.some((card) => card.index === index));
    const card = this.data.cards[was]?.find((one) => one.index === index);
    if (!card || was === place) return;
    this.keep([...this.steps(), [index, card.moved ? was : null]]);
    this.put(index, place);
  }
  // Of what this tab moved, after a refresh too, the last is where it was before; null: where it sorts itself.
  takeBack() {
    const steps = this.steps(), last = steps.pop();
    if (!last) return;
    this.keep(steps);
    this.put(...last);
  }
  put(index, place) {
    this.moved = index; // it keeps the focus, for the next key
    this.root.send("moved", [index, place, Date.now()]);
  }
  steps() {
    return tab.get(`moved-${this.data.run}`, []);
  }
  keep(steps) {
    tab.set(`moved-${this.data.run}`, steps.slice(-MOST_KEPT));
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = rootOf(parentElement);
  root.send = setTriggerValue;
  root.board ??= new Board(root);
  root.board.update(data);
}
