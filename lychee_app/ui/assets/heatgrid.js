// One cell per image in upload order, a thumbnail in the tooltip, a click that says which one. The grid is one
// tab stop: arrow keys go from cell to cell. Cells at or above the cut-off have a rim.
export default function (part) {
  const { data } = part, root = emptied(part);
  if (!root) return;
  const wrap = root.appendChild(make("div", "wrap"));
  const scroll = wrap.appendChild(make("div", "scroll"));
  const dense = data.total > 300;
  const grid = scroll.appendChild(make("div", dense ? "grid dense" : "grid"));
  grid.setAttribute("role", "group");
  grid.setAttribute("aria-label", data.words.label);
  const tip = wrap.appendChild(make("div", "tip"));
  tip.hidden = true;
  const show = (cell, row) => {
    tip.replaceChildren();
    if (row.thumb) {
      const image = tip.appendChild(make("img"));
      image.src = row.thumb;
      image.alt = "";
    }
    tip.appendChild(make("b", "", row.text));
    tip.appendChild(make("div", "", row.name));
    if (row.note) tip.appendChild(make("div", "", row.note));
    tip.hidden = false;
    const box = wrap.getBoundingClientRect(), at = cell.getBoundingClientRect();
    const left = at.left - box.left + at.width / 2 - 95;
    tip.style.left = `${Math.min(Math.max(left, 0), Math.max(box.width - 190, 0))}px`;
    const above = at.top > tip.offsetHeight + 20;
    tip.style.top = `${above ? at.top - box.top - tip.offsetHeight - 6 : at.bottom - box.top + 6}px`;
  };
  const cells = data.rows.map((row) => {
    const cell = grid.appendChild(make("button", "cell", row.text));
    cell.type = "button";
    cell.tabIndex = -1;
    cell.dataset.index = row.index;
    cell.setAttribute("aria-label", `${row.name}: ${row.text}`);
    if (row.score === null) cell.classList.add("none");
    else cell.style.setProperty("--p", `${10 * row.score}%`);
    if (row.score > HOT) cell.classList.add("hot");
    if (row.above) cell.classList.add("above");
    cell.onmouseenter = () => show(cell, row);
    cell.onfocus = () => { stop(cell); show(cell, row); };
    cell.onmouseleave = cell.onblur = () => { tip.hidden = true; };
    cell.onclick = () => globalThis.lycheeGallery?.viewer.open(row.index);
    return cell;
  });
  let current = null;
  const stop = (cell) => {
    if (current) current.tabIndex = -1;
    current = cell;
    if (current) current.tabIndex = 0;
  };
  stop(cells.find((cell) => Number(cell.dataset.index) === root.kept) ?? cells[0] ?? null);
  grid.onkeydown = (event) => {
    const at = cells.indexOf(event.target), top = cells[0]?.offsetTop;
    const wide = cells.findIndex((cell) => cell.offsetTop !== top), columns = wide < 0 ? cells.length : wide;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -at, End: cells.length - 1 - at };
    if (at < 0 || !(event.key in steps)) return;
    event.preventDefault();
    event.stopPropagation();
    const next = cells[at + steps[event.key]];
    if (!next) return;
    root.kept = Number(next.dataset.index);
    next.focus();
  };
  for (let k = data.rows.length; k < data.total; k++) {
    grid.appendChild(make("span", "cell wait")).setAttribute("aria-hidden", "true");
  }
  const legend = root.appendChild(make("div", "legend"));
  legend.appendChild(make("span", "", "0"));
  legend.appendChild(make("i"));
  legend.appendChild(make("span", "", "10"));
  legend.appendChild(make("span", "", data.words.order));
  scroll.scrollTop = root.scrolled;
}
