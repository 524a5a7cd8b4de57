// Elements, text and times. Text from outside only ever becomes text nodes, never markup.

/** Make an element: `el("p.note", {title: "x"}, "text", child)`; `on*` properties are listeners. */
export function el(spec, properties = {}, ...children) {
  const [tag, ...classes] = spec.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "color") node.style.setProperty("--color", safeColor(value));
    else if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

const safeColor = (value) => (/^#[0-9a-f]{3,8}$/i.test(value) ? value : "#95a2b3");

/** Make the children of `parent` those of `items`, in order; an unchanged item keeps its element. */
export function sync(parent, items, key, make) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item) => {
    const id = key(item);
    const mark = JSON.stringify(item);
    const old = known.get(id);
    if (old && old.mark === mark) return old;
    const fresh = make(item, old);
    fresh.dataset.key = id;
    fresh.mark = mark;
    return fresh;
  });
  wanted.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
  while (parent.children.length > wanted.length) parent.lastChild.remove();
}

/** Return a link to http or https, or just its label where the address is anything else. */
export function link(url, label, spec = "a") {
  const safe = /^https?:\/\//i.test(url);
  if (!safe) return el("span", { title: url }, label);
  return el(spec, { href: url, target: "_blank", rel: "noopener noreferrer" }, label);
}

/** Return `time` as a clock time that tells milliseconds when hovered. */
export function clock(time) {
  const date = new Date(time);
  const text = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  return el("time", { dateTime: time, title: time }, text);
}

/** Return a duration in the unit that reads best. */
export function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${Math.floor(milliseconds / 60000)} min ${Math.round((milliseconds % 60000) / 1000)} s`;
}

/** Render the Markdown that agents use: fences, lists, headings, emphasis, code, links. */
export function markdown(text) {
  const out = el("div.markdown");
  let list = null;
  const parts = String(text ?? "").split(/^```.*$/m);
  parts.forEach((part, index) => {
    list = null;
    if (index % 2) return out.append(el("pre", {}, part.replace(/^\n|\n$/g, "")));
    for (const line of part.split("\n")) {
      const item = line.match(/^\s*(?:[-*]|\d+\.)\s+(.*)/);
      const heading = line.match(/^#{1,6}\s+(.*)/);
      if (item) {
        if (!list) out.append((list = el("ul")));
        list.append(el("li", {}, inline(item[1])));
        continue;
      }
      list = null;
      if (heading) out.append(el("h4", {}, inline(heading[1])));
      else if (line.trim()) out.append(el("p", {}, inline(line)));
    }
    return undefined;
  });
  return out;
}

const INLINE = /(`[^`]+`)|(\*\*[^*]+\*\*)|(\[[^\]]+\]\([^)\s]+\))|(https?:\/\/[^\s)<>"]*[^\s)<>".,;:!?])|(@[\w-]+)/g;

function inline(text) {
  const nodes = [];
  let end = 0;
  for (const found of text.matchAll(INLINE)) {
    nodes.push(text.slice(end, found.index));
    nodes.push(marked(found));
    end = found.index + found[0].length;
  }
  nodes.push(text.slice(end));
  return nodes.filter((node) => node !== "");
}

function marked([whole, code, bold, named, url, mention]) {
  if (code) return el("code", {}, whole.slice(1, -1));
  if (bold) return el("strong", {}, whole.slice(2, -2));
  if (named) {
    const [, label, target] = whole.match(/^\[([^\]]+)\]\(([^)]+)\)$/);
    return link(target, label);
  }
  if (url) return link(whole, whole);
  return el("span.mention", {}, mention);
}
