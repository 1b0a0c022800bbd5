"use strict";

/* A venue's code on a screen. The key comes in the address's fragment, which no server and no log
   ever sees; it is kept in this browser, so that the screen comes back by itself after a power
   cut, and taken out of the address. Written for old tablets too: nothing newer than 2018. */

const TEXTS = {
  en: {
    title: "Check-in code",
    loading: "Just a moment …",
    invite: "Check in here",
    scan: "Scan it with the app, or type the digits",
    countdown: (seconds) => `New code in ${seconds} s`,
    fullscreen: "Full screen",
    offline: "No connection",
    since: (when) => `Offline since ${when}`,
    retry: "The code comes back by itself as soon as the connection does.",
    lost: (when, until) => `No connection since ${when}. Codes are good until ${until}.`,
    noKey: "This screen needs a key",
    badKey: "The key of this screen is no longer good",
    make: "Create a venue_code proof for this venue with your API key, or rotate the one it has.",
    open: "Open the kiosk_url of the answer on this screen. It ends in #key=lbp_ and so on.",
    keep: "The screen keeps the key until it is rotated or revoked.",
  },
  da: {
    title: "Kode til at tjekke ind",
    loading: "Et øjeblik …",
    invite: "Tjek ind her",
    scan: "Scan den med appen, eller skriv tallene",
    countdown: (seconds) => `Ny kode om ${seconds} s`,
    fullscreen: "Fuld skærm",
    offline: "Ingen forbindelse",
    since: (when) => `Offline siden ${when}`,
    retry: "Koden kommer igen af sig selv, så snart forbindelsen gør.",
    lost: (when, until) => `Ingen forbindelse siden ${when}. Der er gyldige koder til ${until}.`,
    noKey: "Skærmen mangler en nøgle",
    badKey: "Skærmens nøgle gælder ikke længere",
    make: "Opret en venue_code til stedet med din API-nøgle, eller forny den, stedet har.",
    open: "Åbn svarets kiosk_url på denne skærm. Den ender på #key=lbp_ og så videre.",
    keep: "Skærmen husker nøglen, til den bliver fornyet eller spærret.",
  },
};
const LANG = navigator.languages
  .map((tag) => tag.slice(0, 2).toLowerCase())
  .find((tag) => tag in TEXTS) || "en";
const SAY = TEXTS[LANG];

const POLL_MS = 10000, RETRY_MS = 3000, TIMEOUT_MS = 5000, TICK_MS = 250, JUMP_MS = 2000;
const KEY = /^lbp_[0-9a-f]{32}_[A-Za-z0-9_-]+$/;
const STORED = `lbs kiosk key ${location.pathname}`;
const VENUE_ID = location.pathname.split("/")[2];

const at = (id) => document.getElementById(id);

let key = null;
let codes = [];
let aheadMs = 0; /* by how much the server's clock is ahead of ours */
let lostAt = null;
let polling = false;
let timer = 0;
let ticked = { date: Date.now(), steady: performance.now() };

const serverNow = () => Date.now() + aheadMs;
const current = () => codes.find((code) => code.from <= serverNow() && serverNow() < code.until);

/* --- the key --- */

function readKey() {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  if (given && KEY.test(given)) remember(given);
  return given && KEY.test(given) ? given : recall();
}

function remember(value) {
  try { localStorage.setItem(STORED, value); } catch (_) { /* it lasts as long as the page */ }
}

function recall() {
  try { return localStorage.getItem(STORED); } catch (_) { return null; }
}

function forget() {
  try { localStorage.removeItem(STORED); } catch (_) { /* nothing was kept */ }
  key = null;
}

/* --- the server --- */

async function poll() {
  if (polling || !key) return;
  polling = true;
  clearTimeout(timer);
  const asked = key, sentAt = Date.now();
  try {
    const answer = await ask(asked);
    if (asked === key) take(answer, sentAt, Date.now());
  } catch (_) {
    if (lostAt === null) lostAt = serverNow();
  }
  polling = false;
  if (key) timer = setTimeout(poll, lostAt === null && asked === key ? POLL_MS : RETRY_MS);
  tick();
}

/* The answer; null where the key is refused. Throws where there is none. */
async function ask(token) {
  const abort = new AbortController();
  const late = setTimeout(() => abort.abort(), TIMEOUT_MS);
  try {
    const response = await fetch("/v1/kiosk/codes", {
      headers: { Authorization: `Bearer ${token}` },
      cache: "no-store",
      credentials: "omit",
      signal: abort.signal,
    });
    if (response.status === 401) return null;
    if (!response.ok) throw new Error(`status ${response.status}`);
    return await response.json();
  } finally {
    clearTimeout(late);
  }
}

function take(answer, sentAt, receivedAt) {
  lostAt = null;
  if (answer === null) {
    forget();
    codes = [];
    setUp(SAY.badKey);
    return;
  }
  aheadMs = Date.parse(answer.now) - (sentAt + receivedAt) / 2;
  codes = answer.codes.map((code) => ({
    digits: code.code,
    qr: code.qr,
    from: Date.parse(code.valid_from),
    until: Date.parse(code.valid_until),
  }));
  at("venue").textContent = answer.venue_name;
  document.title = answer.venue_name;
}

/* --- the screen --- */

function tick() {
  if (!key) return;
  if (clockJumped()) {
    codes = [];
    poll();
  }
  const code = current();
  if (code) showCode(code);
  else erase();
  if (!code && lostAt !== null) showOffline();
  if (!code && lostAt === null) document.body.dataset.view = "loading";
  at("link").textContent = code && lostAt !== null
    ? SAY.lost(clock(lostAt), clock(codes[codes.length - 1].until))
    : "";
}

/* Whether the device slept or its clock was set: what we know of the server's time is void then. */
function clockJumped() {
  const before = ticked;
  ticked = { date: Date.now(), steady: performance.now() };
  const jump = (ticked.date - before.date) - (ticked.steady - before.steady);
  return Math.abs(jump) > JUMP_MS;
}

function showCode(code) {
  const left = code.until - serverNow();
  document.body.dataset.view = "code";
  if (at("digits").dataset.code !== code.digits) draw(code);
  at("left").style.transform = `scaleX(${left / (code.until - code.from)})`;
  at("countdown").textContent = SAY.countdown(Math.ceil(left / 1000));
}

function draw(code) {
  const digits = at("digits"), picture = at("picture"), half = code.digits.length / 2;
  digits.dataset.code = code.digits;
  digits.children[0].textContent = code.digits.slice(0, half);
  digits.children[1].textContent = code.digits.slice(half);
  picture.setAttribute("viewBox", `0 0 ${code.qr.size} ${code.qr.size}`);
  picture.firstElementChild.setAttribute("d", code.qr.path);
  const view = document.querySelector(".code");
  view.classList.remove("fresh");
  void view.offsetWidth; /* so that the animation starts again */
  view.classList.add("fresh");
}

/* An old code is taken off the page, not only out of sight. */
function erase() {
  if (at("digits").dataset.code) draw({ digits: "", qr: { size: 1, path: "" } });
}

function showOffline() {
  document.querySelector(".since").textContent = SAY.since(clock(lostAt));
  document.body.dataset.view = "offline";
}

function setUp(why) {
  erase();
  at("why").textContent = why;
  at("request").textContent =
    `POST /v1/venues/${VENUE_ID}/proofs\n{"kind": "venue_code", "name": "Kiosk"}`;
  document.body.dataset.view = "setup";
}

function clock(moment) {
  const date = new Date(moment), today = date.toDateString() === new Date().toDateString();
  const parts = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
  if (!today) Object.assign(parts, { day: "numeric", month: "short" });
  return date.toLocaleString(LANG === "da" ? "da-DK" : "en-GB", parts);
}

/* --- the device --- */

async function stayAwake() {
  if (document.visibilityState !== "visible" || !navigator.wakeLock) return;
  try { await navigator.wakeLock.request("screen"); } catch (_) { /* then its settings decide */ }
}

function offerFullscreen() {
  const button = at("fullscreen"), root = document.documentElement;
  button.hidden = !root.requestFullscreen;
  button.setAttribute("aria-label", SAY.fullscreen);
  button.addEventListener("click", () => root.requestFullscreen().catch(() => {}));
}

function start() {
  key = readKey();
  codes = [];
  lostAt = null;
  if (!key) setUp(SAY.noKey);
  else {
    document.body.dataset.view = "loading";
    poll();
  }
}

document.documentElement.lang = LANG;
document.title = SAY.title;
for (const element of document.querySelectorAll("[data-say]")) {
  element.textContent = SAY[element.dataset.say];
}
offerFullscreen();
stayAwake();
start();
setInterval(tick, TICK_MS);
addEventListener("hashchange", start);
addEventListener("online", poll);
document.addEventListener("visibilitychange", () => { stayAwake(); poll(); });
