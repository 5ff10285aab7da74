// The ranked images: a grid whose rows fill the width, a viewer as large as the window, and the keys of both.
//
// Sorting, filtering, zooming and moving about happen here, so that they answer at once whatever the server
// does; decisions are queued here and sent together (POST), so that none is lost however fast the keys come.
// Positions are transforms: a ranking that changes while it is being made shifts no layout.

const GAP_PX = 8;
const HEIGHTS_PX = { least: 90, most: 460, usual: 210 };
const ASPECTS = { least: 0.4, most: 3.2 };
const CUT_LINE_PX = 34;
const FLUSH_MS = 90;
const RETRY_MS = 1500;
const GONE_MS = 1500; // off the page for longer: somebody went elsewhere
const MOST_BESIDE = 4;
const CHIP_PX = 76; // an element narrower than this is a dot
const APART = ".st-key-distribution, .st-key-overview, .board"; // with images and keys of their own

// IMG_1.jpg + NEF, XMP
const wholeShot = (row) => (row.beside ? `${row.name} + ${row.beside}` : row.name);

// When and with what it was taken, a line each.
const taken = (row) => [row.when, row.camera, row.lens, row.settings].filter(Boolean);

// What a sidecar beside the image says: -1 rejected, 0 or null nothing.
const rated = (row) => "★".repeat(Math.max(row.stars ?? 0, 0));
const ratedAloud = (row, words) =>
  (row.stars < 0 ? words.rated_reject : row.stars ? filled(words.rated, { n: row.stars }) : "");

const filled = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
const oneDecimal = (score) => (score === null || score === undefined ? "–" : score.toFixed(1));
const heat = (node, score) => {
  node.style.setProperty("--p", `${10 * (score ?? 0)}%`);
  node.classList.toggle("hot", score > HOT);
};
