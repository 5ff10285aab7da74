const FILTERS = {
  all: () => true,
  above: (row, app) => row.rank !== null && row.rank <= (app.data.cut?.above ?? 0),
  pick: (row, app) => app.decisions.of(row.index) === "pick",
  reject: (row, app) => app.decisions.of(row.index) === "reject",
  undecided: (row, app) => !app.decisions.of(row.index),
  unscored: (row) => row.score === null,
};
// By the rating in the sidecar: a least number of stars, or one of these.
const RATINGS = { none: (row) => !row.stars, reject: (row) => row.stars < 0 };
const isRated = (row, asked) => (RATINGS[asked] ? RATINGS[asked](row) : row.stars >= Number(asked));
const byNumber = (of) => (a, b) => (of(b) ?? -Infinity) - (of(a) ?? -Infinity);
const byText = (of) => (a, b) => !of(a) - !of(b) || of(a).localeCompare(of(b), undefined, { numeric: true });
const ORDERS = {
  rank: () => 0, // as they come
  upload: (a, b) => a.index - b.index,
  name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true, sensitivity: "base" }),
  date: byNumber((row) => row.date),
  size: byNumber((row) => row.width * row.height),
  camera: byText((row) => row.camera),
  lens: byText((row) => row.lens),
};

// What a file says of its picture, as filters. `values`: [value, words] in the order they are offered.
const MOST_DATES = 31, SIZES_MP = [1, 2, 5, 10, 20, 50], UNTOLD = "-";
const FACTS = {
  date: { of: (row) => row.when, values: dates, holds: (row, value) => row.when.startsWith(value) },
  camera: { of: (row) => row.camera, values: names, holds: (row, value) => row.camera === value },
  lens: { of: (row) => row.lens, values: names, holds: (row, value) => row.lens === value },
  size: { of: (row) => (row.width ? `${row.width} × ${row.height}` : ""), values: sizes, holds: (row, value) => SHAPES[value]?.(row) ?? megapixels(row) >= Number(value) },
};
const SHAPES = { landscape: (row) => row.width > row.height, portrait: (row) => row.width < row.height };
const megapixels = (row) => (row.width * row.height) / 1e6;
const distinct = (values) => [...new Set(values)].filter(Boolean);
function names(told) {
  return distinct(told).sort((a, b) => a.localeCompare(b, undefined, { numeric: true })).map((name) => [name, name]);
}
function dates(told) { // days while they are few, else months, else years
  const cut = (length) => distinct(told.map((when) => when.slice(0, length))).sort().reverse();
  const [found] = [10, 7, 4].map(cut).filter((one, k) => k === 2 || one.length <= MOST_DATES);
  return found.map((date) => [date, date]);
}
function sizes(_told, rows, words) { // those that some images have and some have not
  const divides = (holds) => rows.some(holds) && !rows.every(holds);
  const least = SIZES_MP.filter((size) => divides((row) => megapixels(row) >= size));
  const shapes = Object.keys(SHAPES).filter((shape) => divides(SHAPES[shape]));
  return [...least.map((size) => [String(size), filled(words.size_from, { size })]), ...shapes.map((shape) => [shape, words[`shape_${shape}`]])];
}
// The choices of one such filter; fewer than two are none.
function choices(fact, rows, words) {
  const told = rows.map(fact.of), values = fact.values(told, rows, words);
  const all = values.length && fact.values !== sizes && told.includes("") ? [...values, [UNTOLD, words.untold]] : values;
  return all.length > 1 || fact.values === sizes ? all : [];
}
const isTold = (name, row, value) => (value === UNTOLD ? !FACTS[name].of(row) : FACTS[name].holds(row, value));

// Whether a row is among those that the bar, the element and the rating leave.
function narrowed({ shown }) {
  const held = shown.bin ? new Set(shown.bin.indexes) : null;
  const [element, least] = shown.element === null ? [null, 0] : [shown.element, 5];
  return (row) => (!held || held.has(row.index)) &&
    (element === null || (row.elements[element] ?? -1) >= least) &&
    (!shown.rating || isRated(row, shown.rating)) &&
    Object.entries(shown.facts).every(([name, value]) => isTold(name, row, value));
}

// One card for images that are alike: of those that are left the one that was picked, else the best that was not
// rejected. The others of a group that is opened follow it.
function folded(app, rows) {
  app.cards = new Map(); // index of a card -> how many images it stands for
  if (!app.shown.folded) return rows;
  const groups = new Map();
  for (const row of rows) if (row.group !== null) groups.set(row.group, [...(groups.get(row.group) ?? []), row]);
  const standing = { pick: 0, reject: 2 }, place = (row) => standing[app.decisions.of(row.index)] ?? 1;
  const rank = (row) => row.rank ?? Number.MAX_SAFE_INTEGER;
  const better = (a, b) => place(a) - place(b) || rank(a) - rank(b) || b.sharpness - a.sharpness || a.index - b.index;
  for (const members of groups.values()) {
    members.sort(better);
    if (members.length > 1) app.cards.set(members[0].index, members.length);
  }
  return rows.flatMap((row) => {
    const members = groups.get(row.group);
    if (row.group === null || members.length < 2) return [row];
    if (row !== members[0]) return [];
    return app.session.opened.has(row.group) ? members : [row];
  });
}

function chosenRows(app) {
  const { data, shown } = app, isWithin = narrowed(app);
  const rows = data.rows.filter((row) => FILTERS[shown.filter](row, app) && isWithin(row));
  const order = shown.sort.startsWith("element:")
    ? byNumber((row) => row.elements[Number(shown.sort.slice(8))])
    : ORDERS[shown.sort];
  return shown.sort === "rank" ? rows : rows.sort(order);
}

// Rows of equal height that fill the width. `breakAfter`: the place after which a new row begins below a line.
function justified(aspects, width, height, caption, breakAfter) {
  const boxes = [], lines = [];
  let y = 0, start = 0, sum = 0, cutY = null;
  const close = (end, fills) => {
    const count = end - start, free = width - GAP_PX * (count - 1);
    const tall = fills ? free / sum : Math.min(height, free / sum);
    let x = 0;
    for (let k = start; k < end; k++) {
      const wide = tall * aspects[k];
      boxes.push({ x, y, width: wide, height: tall });
      x += wide + GAP_PX;
    }
    lines.push({ first: start, last: end - 1, y, height: tall + caption });
    y += tall + caption + GAP_PX;
    start = end;
    sum = 0;
  };
  for (let k = 0; k < aspects.length; k++) {
    sum += aspects[k];
    const full = (width - GAP_PX * (k - start)) / sum <= height;
    if (full || k + 1 === aspects.length || k === breakAfter) close(k + 1, full);
    if (k === breakAfter) { cutY = y; y += CUT_LINE_PX; }
  }
  return { boxes, lines, height: Math.max(0, y - GAP_PX), cutY };
}
