// The list of issues, and one issue with its comments and sessions.
import { clock, el, link, markdown, sync } from "./dom.js";
import { sessionCard } from "./session.js";

const PRIORITY = ["No priority", "Urgent", "High", "Medium", "Low"];
const ORDER = ["triage", "started", "unstarted", "backlog", "completed", "canceled", "duplicate"];

/** Show the issues in groups by state, the ones under way first. */
export function renderList(box, state, chosen, choose) {
  const visible = [...state.issues.values()].filter((i) => !i.archivedAt && (!state.team || i.team.key === state.team));
  const groups = new Map();
  for (const issue of visible) {
    const name = issue.state.name;
    if (!groups.has(name)) groups.set(name, { name, state: issue.state, issues: [] });
    groups.get(name).issues.push(issue);
  }
  const ordered = [...groups.values()].sort(
    (a, b) => ORDER.indexOf(a.state.type) - ORDER.indexOf(b.state.type) || b.state.position - a.state.position,
  );
  const rank = (issue) => issue.priority || 9;
  for (const group of ordered) group.issues.sort((a, b) => rank(a) - rank(b) || a.number - b.number);
  const shown = ordered.map((group) => ({ ...group, rows: group.issues.map((issue) => row(issue, state, chosen)) }));
  sync(box, shown, (group) => group.name, (group) => groupOf(group, choose));
}

function row(issue, state, chosen) {
  const session = state.sessions.get(issue.sessionIds.at(-1));
  return { issue, chosen: issue.id === chosen, status: session?.status ?? null };
}

function groupOf(group, choose) {
  const rows = group.rows.map(({ issue, chosen, status }) =>
    el(
      "button.issue",
      { "aria-current": String(chosen), onclick: () => choose(issue.identifier) },
      priority(issue.priority),
      el("span.identifier", {}, issue.identifier),
      dot(issue.state),
      el("span.title", {}, issue.title),
      issue.labels.map((label) => el("span.label", { color: label.color }, label.name)),
      status ? el("span.pulse", { "data-status": status, title: `session: ${status}` }) : null,
      issue.delegate ? avatar(issue.delegate) : null,
      issue.assignee ? avatar(issue.assignee) : null,
    ),
  );
  return el("section.group", {}, el("h3", {}, dot(group.state), group.name, el("span.count", {}, String(rows.length))), rows);
}

/** Show one issue; what a person has typed stays while the issue stays the same. */
export function renderDetail(box, state, issue, act) {
  if (!issue) {
    delete box.dataset.issue;
    box.replaceChildren(el("div.empty", {}, el("p", {}, "Choose an issue, or make one."), el("p.note", {}, "Delegate it to the agent and watch it work.")));
    return;
  }
  // Whoever has scrolled to the end wants to see what comes next.
  const following = box.dataset.issue === issue.id && box.scrollHeight - box.scrollTop - box.clientHeight < 60;
  if (box.dataset.issue !== issue.id) {
    box.dataset.issue = issue.id;
    box.replaceChildren(...frame(box, issue, act));
  }
  const { head, properties, attachments, thread } = box.parts;
  head.replaceChildren(el("small", {}, issue.identifier), el("h1", {}, issue.title), markdown(issue.description ?? ""));
  properties.replaceChildren(...propertiesOf(issue, state, act));
  attachments.replaceChildren(...linked(issue, state));
  sync(thread, entries(issue, state), (item) => item.key, (item, old) => entry(item, state, act, old));
  if (following) box.scrollTop = box.scrollHeight;
}

function frame(box, issue, act) {
  const text = el("textarea", { rows: 2, placeholder: "Leave a comment. Mention the agent to ask it for something." });
  box.parts = { head: el("header"), properties: el("div.properties"), attachments: el("div.links"), thread: el("div.thread") };
  const form = el(
    "form.composer",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        if (text.value.trim() && (await act("comment", { issue: issue.id, body: text.value }))) text.value = "";
      },
    },
    text,
    el("button.quiet", { type: "button", onclick: () => mention(text, box.dataset.app) }, "@ Mention agent"),
    el("button.primary", {}, "Comment"),
  );
  const { head, properties, attachments, thread } = box.parts;
  return [head, properties, attachments, el("h2", {}, "Activity"), thread, form];
}

function mention(text, name) {
  text.value = `@${name} ${text.value}`;
  text.focus();
}

function propertiesOf(issue, state, act) {
  const states = [...state.states.values()].filter((known) => known.teamId === issue.team.id);
  const choice = el(
    "select",
    { "aria-label": "State", onchange: (event) => act("move", { issue: issue.id, state: event.target.value }) },
    states.map((known) => el("option", { value: known.id, selected: known.id === issue.state.id }, known.name)),
  );
  const delegate = issue.delegate
    ? [avatar(issue.delegate), issue.delegate.displayName, button("Take away", () => act("undelegate", { issue: issue.id }))]
    : [button("Delegate to agent", () => act("delegate", { issue: issue.id }), "button.primary")];
  return [
    property("State", dot(issue.state), choice),
    property("Priority", priority(issue.priority), PRIORITY[issue.priority]),
    property("Assignee", issue.assignee ? [avatar(issue.assignee), issue.assignee.displayName] : "Nobody"),
    property("Delegate", delegate),
    property("Branch", el("code", {}, issue.branchName)),
    button("Cancel issue", () => act("cancel", { issue: issue.id })),
  ];
}

const property = (name, ...value) => el("div.property", {}, el("small", {}, name), el("span", {}, value));
const button = (label, onclick, spec = "button.quiet") => el(spec, { type: "button", onclick }, label);

function linked(issue, state) {
  return [...state.attachments.values()].filter((a) => a.issueId === issue.id).map((a) => link(a.url, a.title, "a.chip"));
}

/** Comments and sessions in the order in which they began; a session's own thread is inside it. */
function entries(issue, state) {
  const sessions = issue.sessionIds.map((id) => state.sessions.get(id)).filter(Boolean);
  const roots = new Set(sessions.map((session) => session.commentId));
  const comments = [...state.comments.values()].filter(
    (c) => c.issueId === issue.id && !c.artificial && !(c.parentId && roots.has(c.parentId)),
  );
  const items = [
    ...comments.map((comment) => ({ key: comment.id, at: comment.createdAt, comment })),
    ...sessions.map((session) => ({ key: session.id, at: session.createdAt, session, late: late(session), activities: state.activities.get(session.id) ?? [] })),
  ];
  return items.sort((a, b) => a.at.localeCompare(b.at));
}

/** Say whether the agent has not answered within the ten seconds that Linear gives it. */
const late = (session) => session.acknowledgedAt === null && Date.now() - Date.parse(session.createdAt) > 10000;

function entry(item, state, act, old) {
  if (item.session) {
    const visible = item.activities.filter((activity) => !activity.vanishedAt);
    return sessionCard({ ...item.session, late: item.late }, visible, act, old);
  }
  const { comment } = item;
  const name = comment.user?.displayName ?? "Linear";
  return el(
    "article.comment",
    { "data-reply": String(Boolean(comment.parentId)) },
    el("header", {}, comment.user ? avatar(comment.user) : null, el("strong", {}, name), clock(comment.createdAt)),
    markdown(comment.body),
  );
}

const avatar = (user) => el(user.app ? "span.avatar.app" : "span.avatar", { title: user.name }, user.displayName.slice(0, 1).toUpperCase());
const dot = (state) => el("span.dot", { color: state.color, title: state.name, "data-type": state.type });
const priority = (value) => el("span.priority", { "data-priority": String(value), title: PRIORITY[value] }, el("i"), el("i"), el("i"));
