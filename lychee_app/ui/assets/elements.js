// Images by elements as a heat map: which element each image lacks.
export default function (part) {
  const { data } = part, root = emptied(part);
  if (!root) return;
  const scroll = root.appendChild(make("div", "scroll"));
  const table = scroll.appendChild(make("table"));
  const head = table.appendChild(make("thead")).appendChild(make("tr"));
  [data.words.rank, data.words.image, ...data.elements, data.words.whole].forEach((text) => {
    head.appendChild(make("th", "", text)).title = text;
  });
  const body = table.appendChild(make("tbody"));
  data.rows.forEach((row) => {
    const line = body.appendChild(make("tr"));
    line.tabIndex = 0;
    line.dataset.index = row.index;
    line.appendChild(make("td", "rank", row.rank));
    line.appendChild(make("th", "", row.name)).title = row.name;
    row.scores.forEach((score, k) => {
      const cell = line.appendChild(make("td", "", row.texts[k]));
      if (score === null) return cell.classList.add("none");
      cell.style.setProperty("--p", `${10 * score}%`);
      if (score > HOT) cell.classList.add("hot");
    });
    line.onclick = () => globalThis.lycheeGallery?.viewer.open(row.index);
    line.onkeydown = (event) => { if (event.key === "Enter") globalThis.lycheeGallery?.viewer.open(row.index); };
  });
  scroll.scrollTop = root.scrolled;
}
