// The live page: shows what the server sends, and sends nothing itself. All text is set as text, never as markup.

import { Columns, Lanes } from "./lanes.js";

const element = (id) => document.getElementById(id);
const lanes = new Lanes(element("lanes"));

/** The servers by number, each with its facts, the rows of its slots, and its columns. */
let servers = [];
let chosen = 0;
/** The server's clock at the last message, and ours. */
let clock = { server: 0, here: performance.now(), at: new Date() };
let version = "";
/** The parts of the table's rows, by slot. */
let rows = [];

const now = () => clock.server + (performance.now() - clock.here);
/** Without news for so long, what is shown is old; for so long, the connection is taken for lost, though nobody said so. */
const STALE = 3_500;
const LOST = 10_000;

let events = null;
/** When we asked for events last, and for how long we wait for the first: longer each time, lest it be the line that is slow. */
let asked = 0;
let patience = LOST;

listen();
setInterval(tick, 1_000);
element("filter").addEventListener("input", filter);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawLanes);

function listen() {
  events?.close();
  events = new EventSource("api/events");
  asked = performance.now();
  events.addEventListener("snapshot", (event) => snapshot(JSON.parse(event.data)));
  events.addEventListener("changes", (event) => changes(JSON.parse(event.data)));
  // It tries again by itself, unless it was refused: then the next tick that finds it silent does.
  events.addEventListener("error", showNotice);
}

function snapshot(message) {
  heard(message);
  const { facts } = shownServer();
  servers = message.servers.map((server) => ({
    facts: server, rows: server.slots, columns: new Columns(server.columns),
  }));
  // Others may have come or gone. Of two with one name it is the one in the same place.
  if (facts && servers[chosen]?.facts.name !== facts.name) {
    chosen = Math.max(0, servers.findIndex((server) => server.facts.name === facts.name));
  }
  show();
}

function changes(message) {
  heard(message);
  message.servers.forEach((changed, index) => {
    const server = servers[index];
    server.facts = changed;
    changed.slots.forEach((row) => { server.rows[row.slot] = row; });
    changed.columns.forEach((column) => server.columns.push(column));
  });
  if (rows.length !== shownServer().rows.length) {
    show();
    return;
  }
  const changed = message.servers[chosen];
  showFacts();
  if (!changed) return;
  servers[chosen].columns.all.slice(-changed.columns.length).forEach((column) => lanes.push(column));
  changed.slots.forEach((row) => showRow(row));
  filter();
}

function heard(message) {
  clock = { server: message.now_ms, here: performance.now(), at: new Date() };
  version = message.version;
  patience = LOST;
}

const shownServer = () => servers[chosen] ?? { facts: null, rows: [], columns: new Columns([]) };
/** One server needs nothing to choose it by. */
const navigable = () => (servers.length > 1 ? servers.length : 0);

/** Shows everything of the chosen server. */
function show() {
  element("version").textContent = version;
  element("servers").replaceChildren(...(navigable() ? servers : []).map((server, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = server.facts.name;
    button.setAttribute("aria-pressed", String(index === chosen));
    button.addEventListener("click", () => { chosen = index; show(); element("servers").children[index].focus(); });
    return button;
  }));
  rows = shownServer().rows.map((row) => {
    const line = document.createElement("tr");
    const cells = Array.from({ length: 5 }, () => line.appendChild(document.createElement("td")));
    cells[0].textContent = String(row.slot);
    return { line, cells };
  });
  element("rows").replaceChildren(...rows.map((row) => row.line));
  shownServer().rows.forEach((row) => showRow(row));
  showFacts();
  drawLanes();
  filter();
}

function drawLanes() {
  lanes.draw(shownServer().columns, shownServer().rows.length);
}

function showNotice() {
  const { facts } = shownServer();
  let notice = "";
  if (events.readyState !== EventSource.OPEN) notice = "There is no connection. It is tried again.";
  else if (facts === null) notice = "No server has a monitor of this listener.";
  else if (rows.length === 0) notice = "The server has not started yet.";
  else if (rows.length < facts.slot_count) notice = `The first ${rows.length} of ${facts.slot_count} slots are shown.`;
  element("notice").hidden = notice === "";
  if (element("notice").textContent !== notice) element("notice").textContent = notice;
}

function showFacts() {
  const { facts } = shownServer();
  showNotice();
  if (facts === null) {
    document.title = "Occamy";
    ["badges", "totals", "failures"].forEach((id) => element(id).replaceChildren());
    delete element("badges").dataset.text;
    return;
  }
  document.title = `${facts.name} – Occamy`;
  showBadges(facts);
  showTotals(facts);
  showFailures(facts);
  element("lanes").setAttribute("aria-label", `${facts.slot_count} slots: ${facts.usage.protected} protected, `
    + `${facts.usage.unprotected_internal} internal, ${facts.usage.unprotected_external} external, `
    + `${facts.usage.wedged} wedged, ${facts.usage.empty} empty; ${facts.tally.evictions} evictions so far`);
}

function showBadges({ connected, usage, silent_ms }) {
  const badges = [];
  const stale = performance.now() - clock.here > STALE;
  document.body.classList.toggle("stale", stale);
  if (stale) badges.push(["bad", `stale: no news since ${clock.at.toLocaleTimeString()}`]);
  if (silent_ms > 5_000) badges.push(["bad", "the driver is silent"]);
  if (usage.closed) badges.push(["warn", "closed"]);
  else if (usage.draining) badges.push(["warn", "draining"]);
  if (!usage.healthy) badges.push(["bad", "too many wedged slots"]);
  if (connected === true && !stale) badges.push(["good", "connected"]);
  if (connected === false) badges.push(["bad", "broker lost"]);
  if (connected === null) badges.push(["", "no broker yet"]);
  const text = (list) => list.map((part) => part.join(" ")).join("\n");
  // Only what is new is said by a screen reader.
  if (element("badges").dataset.text === text(badges)) return;
  element("badges").dataset.text = text(badges);
  element("badges").replaceChildren(...badges.map(([kind, words]) => {
    const badge = document.createElement("li");
    badge.className = kind;
    badge.textContent = words;
    return badge;
  }));
}

function showTotals({ usage, tally, wait, eviction, slot_count }) {
  const quantiles = ({ count, p50_us, p99_us }) => (count ? `${micros(p50_us)} / ${micros(p99_us)}` : "–");
  const totals = [
    ["Free for a request", usage.available],
    ["Slots", slot_count],
    ["Protected", usage.protected],
    ["Internal", usage.unprotected_internal],
    ["External", usage.unprotected_external],
    ["Empty", usage.empty],
    ["Wedged", usage.wedged],
    ["Requests waiting", usage.waiting],
    ["Leftovers", usage.leftovers],
    ["Offers queued / held", `${tally.offers_queued} / ${tally.offers_held}`],
    ["Offers dropped", tally.offers_dropped],
    ["Evictions", tally.evictions],
    ["Wait p50 / p99", quantiles(wait)],
    ["Eviction p50 / p99", quantiles(eviction)],
    ["Tasks completed", tally.completed],
    ["Failed, panicked", tally.failed + tally.panicked],
    ["Messages settled", tally.settled],
    ["Reconnects", tally.reconnects],
  ];
  const list = element("totals");
  while (list.childElementCount < totals.length) {
    const pair = list.appendChild(document.createElement("div"));
    pair.append(document.createElement("dt"), document.createElement("dd"));
  }
  totals.forEach(([name, value], index) => {
    const [term, description] = list.children[index].children;
    term.textContent = name;
    description.textContent = String(value);
  });
}

function showFailures({ failures }) {
  element("failures").replaceChildren(...failures.map(({ at_ms, kind, group, message }) => {
    const line = document.createElement("tr");
    [time(now() - at_ms), kind, group, message].forEach((text) => {
      line.appendChild(document.createElement("td")).textContent = text;
    });
    return line;
  }));
}

function showRow(row) {
  const { line, cells } = rows[row.slot];
  line.className = row.state;
  const status = row.state === "stopping" || row.state === "wedged" ? ` (${row.status})` : "";
  [row.state + status, row.group ?? "", row.id ?? ""].forEach((text, index) => { cells[index + 1].textContent = text; });
  showElapsed(row);
}

function showElapsed({ slot, since_ms }) {
  rows[slot].cells[4].textContent = since_ms === undefined ? "" : time(now() - since_ms);
}

function filter() {
  const words = element("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  shownServer().rows.forEach(({ slot, state, status, group, id }) => {
    const text = `${state} ${status ?? ""} ${group ?? ""} ${id ?? ""}`.toLowerCase();
    const fits = words.every((word) => text.includes(word));
    rows[slot].line.hidden = !fits;
    shown += Number(fits);
  });
  const text = words.length ? `${shown} of ${rows.length}` : "";
  // What is set anew is read out anew.
  if (element("shown").textContent !== text) element("shown").textContent = text;
}

function tick() {
  if (performance.now() - Math.max(clock.here, asked) > patience) {
    patience *= 2;
    listen();
  }
  if (!servers.length) return;
  shownServer().rows.forEach((row) => showElapsed(row));
  showBadges(shownServer().facts);
}

function micros(value) {
  return value < 1_000 ? `${value} µs` : time(value / 1_000);
}

function time(milliseconds) {
  const value = Math.max(0, milliseconds);
  if (value < 1_000) return `${Number(value.toPrecision(2))} ms`;
  const seconds = Math.floor(value / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours} h ${two(minutes)} min` : `${minutes} min ${two(seconds % 60)} s`;
}
