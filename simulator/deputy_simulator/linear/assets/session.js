// One agent session: status, plan, links, what the agent did, and what a person may answer.
import { clock, duration, el, link, markdown, sync } from "./dom.js";

const STATUS = {
  pending: "Waiting for the agent",
  active: "Working",
  awaitingInput: "Needs your input",
  stopping: "Stopping",
  complete: "Completed",
  error: "Failed",
  stale: "No sign of life",
};
const LIVE = new Set(["pending", "active", "awaitingInput", "stopping", "stale"]);
const opened = new Set();

/** Make or renew a session's card; what a person has typed stays. */
export function sessionCard(session, activities, act, old) {
  const card = old ?? frame(session, act);
  const { head, plan, links, timeline, stop } = card.parts;
  head.replaceChildren(...heading(session));
  plan.replaceChildren(...planned(session.plan));
  links.replaceChildren(...session.externalUrls.map((url) => link(url.url, url.label, "a.chip")));
  const last = activities.at(-1);
  sync(
    timeline,
    activities.map((a) => ({ ...a, open: a === last && session.status === "awaitingInput" })),
    (activity) => activity.id,
    (activity) => entry(activity, session, act),
  );
  stop.hidden = !LIVE.has(session.status) || session.status === "stopping";
  card.dataset.status = session.status;
  return card;
}

function frame(session, act) {
  const parts = {
    head: el("header"),
    plan: el("div.plan"),
    links: el("div.links"),
    timeline: el("ol.timeline"),
    stop: el("button.danger", { type: "button", onclick: () => act("stop", { session: session.id }) }, "Stop"),
  };
  const text = el("textarea", {
    rows: 1,
    placeholder: `Reply to ${session.appUser.displayName}`,
    onkeydown: (event) => {
      if (event.key === "Enter" && !event.shiftKey) {
        event.preventDefault();
        form.requestSubmit();
      }
    },
  });
  const form = el(
    "form.composer",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        if (!text.value.trim()) return;
        if (await act("reply", { session: session.id, body: text.value })) text.value = "";
      },
    },
    text,
    parts.stop,
    el("button.primary", {}, "Reply"),
  );
  const card = el("section.session", {}, parts.head, parts.links, parts.plan, parts.timeline, form);
  card.parts = parts;
  return card;
}

function heading(session) {
  const answered = session.acknowledgedAfterMs;
  return [
    el("span.avatar.app", {}, session.appUser.displayName.slice(0, 1).toUpperCase()),
    el("div.who", {}, el("strong", {}, session.summary ?? session.appUser.displayName), el("small", {}, origin(session))),
    el("span.spring"),
    answered === null ? null : el("small.note", { title: "Time to the agent's first sign of life" }, `answered in ${duration(answered)}`),
    el("span.badge", { title: `status: ${session.status}` }, session.late ? "Did not respond" : STATUS[session.status]),
  ].filter(Boolean);
}

function origin(session) {
  const who = session.creator ? session.creator.displayName : "an automation";
  return session.sourceMetadata?.type === "comment" ? `mentioned by ${who}` : `delegated by ${who}`;
}

function planned(plan) {
  if (!Array.isArray(plan) || !plan.length) return [];
  const done = plan.filter((step) => step.status === "completed").length;
  const bar = el("progress", { max: plan.length, value: done, title: `${done} of ${plan.length} done` });
  const steps = plan.map((step) => el("li", { "data-status": step.status }, el("i.tick"), String(step.content)));
  return [el("div.row", {}, el("small", {}, `Plan · ${done}/${plan.length}`), bar), el("ul.steps", {}, steps)];
}

function entry(activity, session, act) {
  const item = el("li", { "data-type": activity.type, "data-ephemeral": String(activity.ephemeral) });
  item.append(el("span.mark"), body(activity, session, act), clock(activity.createdAt));
  return item;
}

function body(activity, session, act) {
  const { content } = activity;
  switch (activity.type) {
    case "action":
      return action(activity);
    case "elicitation":
      return el("div.card", {}, el("small", {}, "Question"), markdown(content.body), options(activity, session, act));
    case "response":
      return el("div.card", {}, el("small", {}, "Response"), markdown(content.body));
    case "error":
      return el("div.card", {}, el("small", {}, "Error"), markdown(content.body));
    case "prompt":
      return prompt(activity);
    default:
      return markdown(content.body);
  }
}

function action({ id, content }) {
  const line = [el("span.verb", {}, content.action), el("code", {}, content.parameter)];
  if (!content.result) return el("div.action", {}, line);
  const details = el("details.action", { open: opened.has(id) }, el("summary", {}, line), el("div.result", {}, markdown(content.result)));
  details.addEventListener("toggle", () => (details.open ? opened.add(id) : opened.delete(id)));
  return details;
}

function prompt({ content, signal, user }) {
  const name = user?.displayName ?? "somebody";
  if (signal === "stop") return el("div.stop", {}, `${name} asked the agent to stop`);
  return el("div.said", {}, el("small", {}, name), markdown(content.body));
}

function options(activity, session, act) {
  const choices = activity.signal === "select" ? activity.signalMetadata?.options ?? [] : [];
  const address = activity.signal === "auth" ? activity.signalMetadata?.url : null;
  const buttons = choices.map((choice) =>
    el(
      "button.option",
      { type: "button", disabled: !activity.open, onclick: () => act("reply", { session: session.id, body: String(choice.value) }) },
      String(choice.label ?? choice.value),
    ),
  );
  if (address) buttons.push(link(address, `Sign in${activity.signalMetadata.providerName ? ` to ${activity.signalMetadata.providerName}` : ""}`, "a.option"));
  return buttons.length ? el("div.options", {}, buttons) : null;
}
