// The images that are to be ranked, each with a button that takes it off. A tile that was taken off is gone at
// once; all that were are sent each time, so that none is lost while the page is drawn again.
export default function ({ data, parentElement, setTriggerValue }) {
  const root = rootOf(parentElement);
  root.send = setTriggerValue;
  root.gone ??= new Set();
  root.tiles ??= new Map();
  const list = root.querySelector("ul") ?? root.appendChild(make("ul", "pile"));
  list.classList.toggle("small", data.small);
  const there = new Set(data.images.map((image) => image.key));
  for (const [key, tile] of root.tiles) if (!there.has(key)) { tile.remove(); root.tiles.delete(key); }
  for (const key of root.gone) if (!there.has(key)) root.gone.delete(key);
  const tileOf = (image) => {
    const tile = make("li"), picture = tile.appendChild(make("img")), name = tile.appendChild(make("span", "", image.name));
    picture.alt = "";
    picture.loading = "lazy";
    picture.decoding = "async";
    picture.onerror = () => { picture.remove(); tile.classList.add("bare"); };
    picture.src = `${data.base}/${image.url}`;
    tile.title = image.name;
    tile.dataset.key = image.key;
    name.className = "name";
    return tile;
  };
  const off = (image) => {
    const button = make("button", "off", "×");
    button.type = "button";
    button.title = button.ariaLabel = data.words.remove.replace("{name}", () => image.name);
    button.onclick = () => {
      const tile = root.tiles.get(image.key), next = tile.nextElementSibling ?? tile.previousElementSibling;
      root.gone.add(image.key);
      tile.hidden = true;
      next?.querySelector(".off")?.focus();
      root.send("removed", [...root.gone]);
    };
    return button;
  };
  data.images.forEach((image, place) => {
    let tile = root.tiles.get(image.key);
    if (!tile) root.tiles.set(image.key, tile = tileOf(image));
    tile.hidden = root.gone.has(image.key);
    const button = tile.querySelector(".off");
    if (image.fixed) button?.remove();
    else if (!button || button.ariaLabel !== data.words.remove.replace("{name}", () => image.name)) {
      button?.remove();
      tile.append(off(image));
    }
    if (list.children[place] !== tile) list.insertBefore(tile, list.children[place] ?? null);
  });
}
