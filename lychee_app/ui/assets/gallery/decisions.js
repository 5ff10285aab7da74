// What was decided on one run, as shown; and what of it the server does not know yet.
class Decisions {
  constructor({ run, base, last_step, bulk_step }) {
    this.run = run; // steps go to the run they were made in, whichever is shown when they are sent
    this.base = base;
    const kept = tab.get(`undo-${run}`, {});
    this.opened = kept.opened ?? last_step; // what was decided before this tab opened the run
    this.bulk = bulk_step;
    this.made = new Map(); // index -> "pick" | "reject"
    this.queue = [];
    // What U takes back, newest last: {index, undo: what was made, before} or {undo: step}. A refresh keeps it:
    // what another tab has decided since is not this one's to take back.
    this.undone = kept.undone ?? [];
    this.busy = false;
    this.keep();
  }
  get isShown() { return this.app.decisions === this; }
  follow({ rows, bulk_step }) { // what the server says holds where nothing is on its way to it
    if (bulk_step && bulk_step !== this.bulk) { // many at once, by a button of the page
      this.undone.push({ undo: bulk_step });
      this.keep();
    }
    this.bulk = bulk_step;
    if (this.queue.length || this.busy) return;
    this.made = new Map(rows.filter((row) => row.decision).map((row) => [row.index, row.decision]));
  }
  of(index) { return this.made.get(index) ?? null; }
  set(index, decision) {
    const before = this.of(index);
    if (before === decision) return;
    this.undone.push({ index, undo: decision, before });
    this._show(index, decision);
    this._send({ index, decision });
  }
  toggle(index, decision) { this.set(index, this.of(index) === decision ? null : decision); }
  undo() { // the index it was about, if that is known here
    const last = this.undone.pop() ?? { undo: this.opened, earlier: true };
    // What was decided on it since, perhaps in another tab, holds.
    if ("index" in last && this.of(last.index) === last.undo) this._show(last.index, last.before);
    this._send(last);
    return last.index;
  }
  count(decision) {
    let count = 0;
    for (const made of this.made.values()) count += made === decision;
    return count;
  }
  _show(index, decision) {
    if (decision) this.made.set(index, decision); else this.made.delete(index);
    this.app.repaint(index);
  }
  _send(step) {
    this.queue.push(step);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), FLUSH_MS);
  }
  keep() {
    tab.set(`undo-${this.run}`, { opened: this.opened, undone: this.undone.slice(-MOST_KEPT) });
  }
  async flush() {
    this.keep();
    if (this.busy || !this.queue.length) return;
    const steps = this.queue.splice(0), last = steps.at(-1);
    this.busy = true;
    try {
      const answer = await fetch(`${this.base}/decisions/${this.run}`, {
        method: "POST", keepalive: steps.length < 500,
        headers: { "Content-Type": "application/json", "X-Lychee": "1" },
        body: JSON.stringify({ steps }),
      });
      const told = await answer.json();
      if (!answer.ok) throw new Error(told.message ?? answer.statusText);
      if (!this.queue.length) this.made = new Map(told.decisions.map(([index, made]) => [index, made]));
      this.app.say("");
      // What counts them is drawn again, or the open histogram: its curve follows from them.
      const follows = this.app.decide_ || document.querySelector(".st-key-distribution");
      if (follows) this.app.send("decided", Date.now());
      const restored = "index" in last ? undefined : told.restored[0];
      if (restored !== undefined && !this.queue.length && this.isShown) this.app.moveTo(restored);
    } catch (error) {
      this.queue.unshift(...steps);
      this.app.say(filled(this.app.data.words.unsaved, { n: this.queue.length, why: error.message }));
      this.timer = setTimeout(() => this.flush(), RETRY_MS);
      return;
    } finally {
      this.busy = false;
    }
    if (this.isShown) this.app.repaintAll();
    if (this.queue.length) this.flush();
  }
}
