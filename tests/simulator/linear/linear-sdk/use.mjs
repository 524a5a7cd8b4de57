// Use Linear as its client's documentation shows it, and print what was seen, as JSON.
import { LinearClient, LinearError, PaginationOrderBy } from "@linear/sdk";

const { LINEAR_URL: apiUrl, LINEAR_TOKEN: accessToken, LINEAR_SESSION: session } = process.env;
const client = new LinearClient({ accessToken, apiUrl });
const seen = {};

const viewer = await client.viewer;
seen.viewer = { name: viewer.name, app: viewer.app, createdAt: viewer.createdAt instanceof Date };
const organization = await client.organization;
seen.organization = { name: organization.name, urlKey: organization.urlKey };

const teams = await client.teams();
seen.teams = teams.nodes.map((team) => team.key).sort();
const engineering = await client.team("ENG");
const states = await engineering.states();
seen.states = states.nodes.map((state) => state.name).sort();
seen.cycles = (await engineering.cycles()).nodes.length;

const issue = await client.issue("ENG-1");
seen.issue = {
  identifier: issue.identifier,
  state: (await issue.state).name,
  team: (await issue.team).key,
  creator: (await issue.creator).displayName,
  labels: (await issue.labels()).nodes.map((label) => label.name),
  project: (await issue.project) ?? null,
  history: (await issue.history()).nodes.length,
};

const orderBy = PaginationOrderBy.UpdatedAt;
const page = await client.issues({ first: 4, orderBy });
seen.firstPage = page.nodes.map((node) => node.identifier);
while (page.pageInfo.hasNextPage) await page.fetchNext();
seen.pages = page.nodes.map((node) => node.identifier);
const filter = { team: { key: { eq: "ENG" } } };
const sort = [{ title: { order: "Ascending" } }];
seen.sorted = (await client.issues({ filter, sort })).nodes.map((node) => node.title);

const comment = await client.createComment({ issueId: issue.id, body: "Hello" });
seen.comment = { success: comment.success, body: (await comment.comment).body };
const done = states.nodes.find((state) => state.name === "Done");
const updated = await client.updateIssue(issue.id, { stateId: done.id });
seen.updated = (await (await updated.issue).state).name;

const content = { type: "thought", body: "Looking." };
const activity = await client.createAgentActivity({ agentSessionId: session, content });
seen.activity = activity.success;
const plan = [{ content: "Read", status: "inProgress" }];
await client.updateAgentSession(session, { plan });
const agentSession = await client.agentSession(session);
const activities = await agentSession.activities();
seen.session = {
  status: agentSession.status,
  plan: agentSession.plan,
  contents: activities.nodes.map((one) => one.content.body),
};

seen.projects = (await client.projects()).nodes.length;
seen.refusals = [];
for (const wrong of [
  () => client.issue("ENG-99"),
  () => client.project("x"),
  () => client.createProject({ name: "x", teamIds: [engineering.id] }),
]) {
  try {
    await wrong();
  } catch (error) {
    seen.refusals.push([error instanceof LinearError, error.type, error.errors[0].message]);
  }
}
console.log(JSON.stringify(seen));
