// The one WebSocket: opens views, asks for things, comes back by itself. See web/protocol.py for what is said.

const PROTOCOL = 1;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 8000;
const PATIENCE_MS = 12000;
const TOKEN = "commonwheel-token";
const NEEDS_TOKEN = new Set(["no valid token", "token expired", "no right"]);

function stored() {
  try {
    return sessionStorage.getItem(TOKEN) ?? "";
  } catch {
    return "";
  }
}

export class Link extends EventTarget {
  /** Events: `state` (connecting, open, lost, refused, outdated), `welcome`. */
  constructor() {
    super();
    this.state = "connecting";
    this.why = "";
    this.reason = "";
    this.welcome = null;
    this.token = stored();
    this.retryAt = 0;
    this.updates = 0;
    this.bytes = 0;
    this.lag_ms = 0;
    this.views = new Map();
    this.asked = new Map();
    this.count = 0;
    this.retry_ms = FIRST_RETRY_MS;
    this.socket = null;
    this.timer = 0;
    this.pending = null;
    document.addEventListener("visibilitychange", () => this.tellVisible());
    window.addEventListener("online", () => this.hurry());
    window.addEventListener("pagehide", () => this.socket?.close());
    window.addEventListener("pageshow", (event) => event.persisted && this.hurry());
  }

  /** Connect, and stay connected. */
  connect() {
    clearTimeout(this.timer);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/live`);
    this.socket = socket;
    this.patience = setTimeout(() => socket.close(), PATIENCE_MS);
    socket.addEventListener("open", () => this.send({ type: "hello", protocol: PROTOCOL, token: this.token }));
    socket.addEventListener("message", (event) => this.socket === socket && this.heard(event.data));
    socket.addEventListener("close", () => this.socket === socket && this.lost());
  }

  /** Use another token, and come in with it. */
  useToken(token) {
    this.token = token.trim();
    try {
      sessionStorage.setItem(TOKEN, this.token);
    } catch {
      // Storage is switched off: the token lasts as long as the page.
    }
    this.retry_ms = FIRST_RETRY_MS;
    this.drop();
    this.set("connecting");
    this.connect();
  }

  drop() {
    const old = this.socket;
    this.socket = null;
    clearTimeout(this.patience);
    clearTimeout(this.timer);
    old?.close();
  }

  /** Look at a view; returns {tell, close}. */
  open(view, params, handlers) {
    const id = (this.count += 1);
    const entry = { id, view, params: { ...params }, handlers, failed: false };
    this.views.set(id, entry);
    if (this.state === "open") this.send({ type: "open", id, view, params: entry.params });
    return {
      tell: (changes) => {
        Object.assign(entry.params, changes);
        if (this.state === "open" && !entry.failed) this.send({ type: "tell", id, params: entry.params });
      },
      close: () => {
        if (this.views.delete(id) && this.state === "open" && !entry.failed) this.send({ type: "close", id });
      },
    };
  }

  /** Have something done; a promise. */
  ask(call, params) {
    if (this.state !== "open") return Promise.reject({ reason: "lost", message: "not connected" });
    const id = (this.count += 1);
    return new Promise((resolve, reject) => {
      this.asked.set(id, { resolve, reject });
      this.send({ type: "ask", id, call, params });
    });
  }

  /** Download something. */
  async file(name, params) {
    const headers = { "Content-Type": "application/json" };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    const answer = await fetch(`/files/${encodeURIComponent(name)}`, {
      method: "POST", headers, body: JSON.stringify(params), cache: "no-store",
    });
    if (!answer.ok) throw { reason: "refused", message: (await answer.text()).trim() };
    const named = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = named ? named[1] : name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  set(state, why = "", reason = "") {
    this.state = state;
    this.why = why;
    this.reason = reason;
    this.dispatchEvent(new Event("state"));
  }

  heard(text) {
    this.bytes += text.length;
    const message = JSON.parse(text);
    const handle = this[`on_${message.type}`];
    if (handle) handle.call(this, message);
  }

  on_welcome(message) {
    clearTimeout(this.patience);
    if (message.protocol !== PROTOCOL) {
      this.drop();
      this.set("outdated");
      return;
    }
    this.retry_ms = FIRST_RETRY_MS;
    this.welcome = message;
    for (const entry of this.views.values()) {
      entry.failed = false;
      this.send({ type: "open", id: entry.id, view: entry.view, params: entry.params });
    }
    this.set("open");
    this.tellVisible();
    this.dispatchEvent(new Event("welcome")); // pages that have waited for it open their views now
  }

  on_refused(message) {
    this.why = message.message;
    if (!NEEDS_TOKEN.has(message.reason)) return; // it is over for now: the server closes, and this comes back
    this.drop();
    this.set("refused", message.message, message.reason);
  }

  on_ended(message) {
    if (NEEDS_TOKEN.has(message.reason)) {
      this.drop();
      this.forget();
      this.set("refused", message.message, message.reason);
    } else this.why = message.message;
  }

  on_opened(message) {
    const entry = this.views.get(message.id);
    if (entry) guard(() => entry.handlers.first?.(message.value));
  }

  on_failed(message) {
    const entry = this.views.get(message.id);
    if (!entry) return;
    entry.failed = true;
    guard(() => entry.handlers.failed?.({ reason: message.reason, message: message.message }));
  }

  on_answer(message) {
    this.asked.get(message.id)?.resolve(message.value);
    this.asked.delete(message.id);
  }

  on_denied(message) {
    this.asked.get(message.id)?.reject({ reason: message.reason, message: message.message });
    this.asked.delete(message.id);
  }

  /** Keep the update for the next frame; nothing more comes before it is drawn. */
  on_update(message) {
    this.pending = message;
    if (document.hidden) this.draw();
    else requestAnimationFrame(() => this.draw());
  }

  draw() {
    const message = this.pending;
    if (message === null) return;
    this.pending = null;
    for (const [id, change] of message.views) {
      const entry = this.views.get(id);
      if (entry) guard(() => entry.handlers.update?.(change, message.t_ns));
    }
    this.updates += 1;
    this.lag_ms = Date.now() - message.t_ns / 1e6;
    this.send({ type: "drawn", n: message.n });
  }

  tellVisible() {
    if (this.state === "open") this.send({ type: "visible", visible: !document.hidden });
  }

  forget() {
    for (const { reject } of this.asked.values()) reject({ reason: "lost", message: "the connection was lost" });
    this.asked.clear();
    this.pending = null;
  }

  lost() {
    clearTimeout(this.patience);
    this.socket = null;
    this.forget();
    const wait = this.retry_ms * (0.75 + Math.random() / 2);
    this.retry_ms = Math.min(LAST_RETRY_MS, this.retry_ms * 2);
    this.retryAt = Date.now() + wait;
    this.timer = setTimeout(() => this.connect(), wait);
    this.set("lost", this.why);
  }

  /** Try again at once. */
  hurry() {
    if (this.state !== "lost") return;
    this.retry_ms = FIRST_RETRY_MS;
    this.connect();
  }
}

/** Run a page's handler; what it throws is its own, and the others go on. */
function guard(run) {
  try {
    run();
  } catch (error) {
    console.error(error);
  }
}
