// Bars over the bins of a run, a cut-off to drag, and a tick per image. All text arrives as data and is
// written with textContent. Positions are piecewise linear: every bin is as wide as the next.
const place = (edges, value) => {
  const n = edges.length - 1;
  if (value <= edges[0]) return 0;
  for (let k = 0; k < n; k++) {
    if (value <= edges[k + 1]) return (k + (value - edges[k]) / (edges[k + 1] - edges[k] || 1)) / n;
  }
  return 1;
};

const valueAt = (edges, share) => {
  const n = edges.length - 1;
  const at = Math.min(Math.max(share, 0), 1) * n;
  const k = Math.min(Math.floor(at), n - 1);
  return edges[k] + (at - k) * (edges[k + 1] - edges[k]);
};

export default function ({ data, parentElement, setTriggerValue }) {
  const root = rootOf(parentElement);
  const focused = root.getRootNode().activeElement?.closest?.(".cut, .slot");
  const again = focused && root.contains(focused) ? focused.dataset.bin ?? "cut" : null;
  root.replaceChildren();
  const { edges, counts, points, words } = data;
  const n = counts.length, top = Math.max(1, ...counts);
  const plot = root.appendChild(make("div", "plot"));
  plot.setAttribute("role", "group");
  plot.setAttribute("aria-label", words.title);
  const bars = counts.map((count, k) => {
    const bar = plot.appendChild(make("button", "slot"));
    bar.type = "button";
    bar.disabled = !count; // no image would be left
    bar.style.left = `${(100 * k) / n}%`;
    bar.style.width = `${100 / n}%`;
    bar.dataset.bin = k;
    bar.setAttribute("aria-label", `${data.labels[k]}: ${count}`);
    bar.title = `${data.labels[k]}: ${count}`;
    const fill = bar.appendChild(make("span", "fill"));
    fill.style.height = `${(88 * count) / top}%`;
    fill.style.setProperty("--p", `${data.heat[k]}%`);
    if (count) {
      const label = bar.appendChild(make("span", "count", count));
      label.style.bottom = `${(88 * count) / top}%`;
    }
    bar.onclick = () => gallery()?.narrow(k === chosen() ? null : bin(k));
    return bar;
  });
  // Which bar is chosen is the gallery's to know, which shows its images: no click waits for the server.
  const gallery = () => (globalThis.lycheeGallery?.data.run === data.run ? globalThis.lycheeGallery : null);
  const bin = (k) => ({ kind: data.kind, place: k, label: data.labels[k], indexes: data.members[k] });
  const chosen = () => {
    const held = gallery()?.shown.bin;
    return held?.kind === data.kind ? held.place : -1;
  };
  const press = () => bars.forEach((bar, k) => {
    bar.setAttribute("aria-pressed", String(k === chosen()));
    bar.classList.toggle("on", k === chosen());
  });
  const held = gallery()?.shown.bin;
  if (held && (held.kind !== data.kind || String(held.indexes) !== String(data.members[held.place]))) {
    gallery().narrow(held.kind === data.kind && held.place < n ? bin(held.place) : null);
  }
  press();
  window.addEventListener("lychee-bin", press);
  bars[again]?.focus();
  if (data.curve.length) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "curve");
    svg.setAttribute("viewBox", "0 0 100 100");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", words.curve);
    const line = svg.appendChild(document.createElementNS(svg.namespaceURI, "polyline"));
    line.setAttribute("points", data.curve.map(([at, p]) => `${100 * place(edges, at)},${100 - 88 * p}`).join(" "));
    plot.appendChild(svg);
  }
  const axis = root.appendChild(make("div", "axis"));
  const labels = data.ticks.map((tick, k) => {
    const label = axis.appendChild(make("span", "", tick));
    label.style.left = `${data.centred ? (100 * (k + 0.5)) / n : (100 * k) / n}%`;
    return label;
  });
  const thin = () => { // as many as have room
    labels.forEach((label) => { label.hidden = false; });
    const wide = 6 + Math.max(...labels.map((label) => label.offsetWidth));
    const every = Math.ceil(wide / (axis.clientWidth / n || wide));
    labels.forEach((label, k) => { label.hidden = k % every > 0; });
  };
  const room = new ResizeObserver(thin);
  room.observe(axis);
  const rug = axis.appendChild(make("div", "rug"));
  points.slice(0, 400).forEach((point) => {
    rug.appendChild(make("i")).style.left = `${100 * place(edges, point)}%`;
  });
  if (data.suggested !== null) {
    const hint = plot.appendChild(make("div", "hint"));
    hint.style.left = `${100 * place(edges, data.suggested)}%`;
  }
  const cut = plot.appendChild(make("div", "cut"));
  const tag = cut.appendChild(make("span", "tag"));
  cut.tabIndex = 0;
  cut.setAttribute("role", "slider");
  cut.setAttribute("aria-label", words.cut);
  cut.setAttribute("aria-valuemin", edges[0]);
  cut.setAttribute("aria-valuemax", edges[n]);
  let value = data.cut, timer = 0, unset = data.unset;
  const draw = () => {
    const share = place(edges, value);
    cut.style.left = `${100 * share}%`;
    const above = points.filter((point) => point >= value).length;
    cut.classList.toggle("unset", unset);
    tag.textContent = unset ? words.unset : words.tag.replace("{value}", value.toFixed(data.digits)).replace("{above}", above);
    tag.style.transform = `translateX(${share > 0.85 ? -90 : share < 0.15 ? -10 : -50}%)`;
    cut.setAttribute("aria-valuenow", value.toFixed(data.digits));
    bars.forEach((bar, k) => bar.classList.toggle("below", !unset && edges[k + 1] <= value));
  };
  const round = (x) => Number(x.toFixed(data.digits));
  const send = () => setTriggerValue("cut", value);
  cut.onpointerdown = (event) => {
    event.preventDefault();
    cut.focus();
    cut.setPointerCapture(event.pointerId);
    const box = plot.getBoundingClientRect();
    cut.onpointermove = (move) => {
      unset = false;
      value = round(valueAt(edges, (move.clientX - box.left) / box.width));
      draw();
    };
    cut.onpointerup = cut.onpointercancel = () => {
      cut.onpointermove = cut.onpointerup = cut.onpointercancel = null;
      if (!unset) send();
    };
  };
  cut.onkeydown = (event) => {
    const whole = 10 ** data.digits * (edges[n] - edges[0]);
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 5, PageDown: -5, Home: -whole, End: whole };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    unset = false;
    value = Math.min(Math.max(round(value + step * 10 ** -data.digits), edges[0]), edges[n]);
    draw();
    clearTimeout(timer);
    timer = setTimeout(send, 350);
  };
  draw();
  if (again === "cut") cut.focus({ preventScroll: true });
  return () => {
    clearTimeout(timer);
    room.disconnect();
    window.removeEventListener("lychee-bin", press);
  };
}
