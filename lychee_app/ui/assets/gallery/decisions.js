// What was decided, as shown; and what of it the server does not know yet.
class Decisions {
  constructor() {
    this.made = new Map(); // index -> "pick" | "reject"
    this.queue = [];
    this.undone = []; // [index, decision before], newest last
    this.busy = false;
  }
  follow(rows) { // what the server says holds where nothing is on its way to it
    if (this.queue.length || this.busy) return;
    this.made = new Map(rows.filter((row) => row.decision).map((row) => [row.index, row.decision]));
  }
  of(index) { return this.made.get(index) ?? null; }
  set(index, decision) {
    const before = this.of(index);
    if (before === decision) return;
    this.undone.push([index, before]);
    this._show(index, decision);
    this._send({ index, decision });
  }
  toggle(index, decision) { this.set(index, this.of(index) === decision ? null : decision); }
  undo() { // the index it was about, if it was decided here
    const last = this.undone.pop();
    if (last) this._show(...last);
    this._send({ undo: true, elsewhere: !last }); // decided before this page was opened: the answer says which
    return last?.[0];
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
  async flush() {
    if (this.busy || !this.queue.length) return;
    const { data } = this.app, steps = this.queue.splice(0);
    this.busy = true;
    try {
      const answer = await fetch(`${data.base}/decisions/${data.run}`, {
        method: "POST", keepalive: steps.length < 500,
        headers: { "Content-Type": "application/json", "X-Lychee": "1" },
        body: JSON.stringify({ steps }),
      });
      const told = await answer.json();
      if (!answer.ok) throw new Error(told.message ?? answer.statusText);
      if (!this.queue.length) this.made = new Map(told.decisions.map(([index, made]) => [index, made]));
      this.app.say("");
      if (this.app.decide_) this.app.send("decided", Date.now()); // what counts them is drawn again
      if (steps.at(-1).elsewhere && told.restored.length && !this.queue.length) this.app.moveTo(told.restored[0]);
    } catch (error) {
      this.queue.unshift(...steps);
      this.app.say(filled(data.words.unsaved, { n: this.queue.length, why: error.message }));
      this.timer = setTimeout(() => this.flush(), RETRY_MS);
      return;
    } finally {
      this.busy = false;
    }
    this.app.repaintAll();
    if (this.queue.length) this.flush();
  }
}
