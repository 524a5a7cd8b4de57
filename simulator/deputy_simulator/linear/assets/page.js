// Loads the organisation, follows its changes, and carries out what the person does.
import { clock, duration, el, sync } from "./dom.js";
import { renderDetail, renderList } from "./issue.js";

const $ = (id) => document.getElementById(id);
const state = {
  issues: new Map(),
  sessions: new Map(),
  activities: new Map(),
  comments: new Map(),
  attachments: new Map(),
  states: new Map(),
  deliveries: [],
  teams: [],
  team: null,
  app: null,
};
let drawn = 0;

/** Do something in Linear's name for the person chosen; say so where it fails. */
async function act(what, told) {
  const user = $("actor").value;
  const answer = await fetch(`/control/${what}`, { method: "POST", body: JSON.stringify({ user, ...told }) }).catch(() => null);
  if (answer?.ok) return answer.json();
  const reason = answer ? (await answer.json().catch(() => ({}))).error : "the simulator does not answer";
  toast(`That did not work: ${reason ?? answer.status}`);
  return null;
}

async function load() {
  const told = await (await fetch("/control/state")).json();
  for (const kind of ["issues", "sessions", "comments", "attachments", "states"]) {
    state[kind] = new Map(told[kind].map((item) => [item.id, item]));
  }
  state.activities = new Map();
  told.activities.forEach(keepActivity);
  state.app = told.app;
  state.teams = told.teams;
  $("organization").textContent = told.organization.name;
  $("detail").dataset.app = told.app.displayName;
  fill($("actor"), told.users.filter((user) => !user.app), (user) => [user.displayName, user.name]);
  fill($("issue-form").team, told.teams, (team) => [team.key, team.name]);
  teams(told.teams);
  state.deliveries = (await (await fetch("/control/deliveries")).json()).slice(-200);
  showWebhook();
  draw();
}

function keepActivity(activity) {
  const known = state.activities.get(activity.sessionId) ?? [];
  const index = known.findIndex((other) => other.id === activity.id);
  if (index < 0) known.push(activity);
  else known[index] = activity;
  state.activities.set(activity.sessionId, known);
}

function take({ kind, data }) {
  if (kind === "reset") return load();
  if (kind === "activity") keepActivity(data);
  else if (kind === "delivery") keepDelivery(data);
  else state[`${kind}s`]?.set(data.id, data);
  // A session is a part of its issue that the issue itself does not tell again.
  const issue = kind === "session" ? state.issues.get(data.issueId) : null;
  if (issue && !issue.sessionIds.includes(data.id)) issue.sessionIds.push(data.id);
  return draw();
}

function keepDelivery(delivery) {
  const same = (other) => other.id === delivery.id && other.madeAt === delivery.madeAt;
  const index = state.deliveries.findLastIndex(same);
  if (index >= 0) state.deliveries[index] = delivery;
  else state.deliveries.push(delivery);
  state.deliveries.splice(0, state.deliveries.length - 200);
}

function follow() {
  const source = new EventSource("/events");
  source.onopen = () => load().then(() => connected(true), () => connected(false));
  source.onmessage = (event) => take(JSON.parse(event.data));
  source.onerror = () => connected(false);
}

function connected(well) {
  $("connection").textContent = well ? "live" : "not connected, trying again";
  $("connection").dataset.live = String(well);
}

const chosen = () => decodeURIComponent(location.pathname.match(/^\/[^/]+\/issue\/([^/]+)/)?.[1] ?? "");
const chosenIssue = () => [...state.issues.values()].find((issue) => issue.identifier === chosen());

function choose(identifier) {
  history.pushState(null, "", `/${encodeURIComponent($("organization").textContent.toLowerCase())}/issue/${identifier}`);
  draw();
}

/** Draw once per frame, however much has changed. */
function draw() {
  if (drawn) return;
  drawn = requestAnimationFrame(() => {
    drawn = 0;
    const issue = chosenIssue();
    renderList($("issues"), state, issue?.id, choose);
    renderDetail($("detail"), state, issue, act);
    deliveries();
    document.title = issue ? `${issue.identifier} ${issue.title}` : "Linear, simulated";
  });
}

function teams(known) {
  const all = [{ key: null, name: "All issues" }, ...known];
  const pick = (team) => {
    state.team = team.key;
    $("list-title").textContent = team.name;
    teams(known);
    draw();
  };
  $("teams").replaceChildren(
    ...all.map((team) => el("button", { "aria-current": String(team.key === state.team), onclick: () => pick(team) }, team.name)),
  );
}

function deliveries() {
  $("delivery-count").textContent = String(state.deliveries.length);
  if ($("deliveries").hidden) return;
  const rows = state.deliveries.map((delivery, index) => ({ ...delivery, index })).reverse();
  sync($("delivery-rows"), rows, (one) => `${one.id}/${one.madeAt}/${one.index}`, (one) => {
    const issue = state.issues.get(one.issueId);
    const answers = one.attempts.map((a) => `${a.status ?? a.error} (${duration(a.milliseconds)})`).join(", ");
    const cells = [clock(one.madeAt), `${one.type} ${one.action}`, issue?.identifier ?? "", one.state, answers];
    return el("tr", { "data-state": one.state }, cells.map((cell) => el("td", {}, cell)));
  });
}

async function showWebhook() {
  const webhook = await (await fetch("/control/webhook")).json();
  $("webhook").textContent = webhook.url ? `to ${webhook.url}${webhook.enabled ? "" : " (disabled)"}` : "no address set";
}

function fill(select, items, describe) {
  const before = select.value;
  select.replaceChildren(...items.map((item) => el("option", { value: describe(item)[0] }, describe(item)[1])));
  if (before) select.value = before;
}

function toast(text) {
  const note = el("div.toast", {}, text);
  $("toasts").append(note);
  setTimeout(() => note.remove(), 6000);
}

function statesOfTeam() {
  const form = $("issue-form");
  const team = [...state.states.values()].filter((known) => known.teamId === teamId(form.team.value));
  fill(form.state, team, (known) => [known.name, known.name]);
  form.state.value = "Todo";
}

const teamId = (key) => state.teams.find((team) => team.key === key)?.id;

$("new-issue").addEventListener("click", () => {
  statesOfTeam();
  $("issue-dialog").showModal();
});
$("cancel-issue").addEventListener("click", () => $("issue-dialog").close());
$("issue-form").team.addEventListener("change", statesOfTeam);
$("issue-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const told = { title: form.title.value, description: form.description.value, team: form.team.value, state: form.state.value };
  const made = await act("issues", { ...told, priority: Number(form.priority.value), delegate: form.delegate.checked });
  if (!made) return;
  form.reset();
  $("issue-dialog").close();
  state.issues.set(made.id, made);
  choose(made.identifier);
});
for (const id of ["show-deliveries", "hide-deliveries"]) {
  $(id).addEventListener("click", () => {
    $("deliveries").hidden = !$("deliveries").hidden;
    $("show-deliveries").setAttribute("aria-expanded", String(!$("deliveries").hidden));
    showWebhook();
    draw();
  });
}
for (const button of document.querySelectorAll("[data-skip]")) {
  button.addEventListener("click", () => act("clock", { advance: Number(button.dataset.skip) }));
}
window.addEventListener("popstate", draw);
// Whether a session was answered in time changes without an event.
setInterval(draw, 5000);
follow();
