// Administers a running server with the unmodified @microsoft/microsoft-graph-client, over TLS.
//
// Usage: node client.cjs SERVER TOKEN READER [STORY...], with NODE_EXTRA_CA_CERTS naming the directory's CA
//
// Only the base URL, the tokens and the host that they may go to are ours: the middleware chain is the client's own
// (authentication, retries, redirects, telemetry). TOKEN may change the directory, READER may only read it. The server
// has one connector, `sdk-machine`, which is in the default group again at the end. Prints a line for each story;
// without STORY all of them are told.

"use strict";

const assert = require("node:assert/strict");
const {
  BatchRequestContent,
  BatchResponseContent,
  Client,
  GraphError,
  PageIterator,
} = require("@microsoft/microsoft-graph-client");

const [server, token, reader, ...wanted] = process.argv.slice(2);
const PROFILE = "/onPremisesPublishingProfiles/applicationProxy";
const NOBODY = "00000000-0000-4000-8000-000000000000";
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function clientOf(bearer) {
  return Client.initWithMiddleware({
    authProvider: { getAccessToken: async () => bearer },
    baseUrl: server,
    defaultVersion: "beta",
    customHosts: new Set([new URL(server).hostname]),
  });
}

const graph = clientOf(token);

/** A reference as scripts write it: to Microsoft's own host, which is never asked. */
const reference = (path) => ({ "@odata.id": `https://graph.microsoft.com/beta${path}` });
const newGroup = (name) => graph.api(`${PROFILE}/connectorGroups`).post({ name });
const quoted = (text) => encodeURIComponent(text.replaceAll("'", "''"));

async function refused(request, status, code, word) {
  await assert.rejects(request, (error) => {
    assert.ok(error instanceof GraphError, error);
    assert.equal(error.statusCode, status);
    assert.equal(error.code, code);
    assert.ok(error.message.toLowerCase().includes(word.toLowerCase()), error.message);
    assert.match(error.requestId, GUID);
    assert.ok(!Number.isNaN(error.date.getTime()));
    return true;
  });
}

async function groups() {
  const name = "JS O'Neil & Söhne + #1 % _";
  const made = await newGroup(name);
  assert.match(made.id, GUID);
  assert.equal(made.isDefault, false);
  const one = `${PROFILE}/connectorGroups/${made.id}`;
  assert.equal(await graph.api(one).patch({ region: "eur" }), undefined);
  const read = await graph.api(one).get();
  assert.deepEqual([read.name, read.region, read.connectorGroupType], [name, "eur", "applicationProxy"]);
  assert.equal((await graph.api(one).version("v1.0").get()).name, name);

  const found = await graph.api(`${PROFILE}/connectorGroups`)
    .filter(`name eq '${quoted(name)}'`).select(["id", "name"]).orderby("name").top(5).count(true).get();
  assert.deepEqual(found.value.map(({ id, region }) => [id, region]), [[made.id, undefined]]);
  assert.equal(found["@odata.count"], 1);
  const searched = await graph.api(`${PROFILE}/connectorGroups`)
    .header("ConsistencyLevel", "eventual").search(`"name:${encodeURIComponent("Söhne")}"`).get();
  assert.deepEqual(searched.value.map(({ id }) => id), [made.id]);

  const count = async () => Number(await graph.api(`${PROFILE}/connectorGroups/$count`).get());
  const before = await count();
  await graph.api(one).delete();
  assert.equal(await count(), before - 1);
}

async function moves() {
  const connectors = (await graph.api(`${PROFILE}/connectors`).get()).value;
  const machine = connectors.find((one) => one.machineName === "sdk-machine");
  assert.equal(machine.status, "active");
  const group = await newGroup("JS moves");
  const one = `${PROFILE}/connectorGroups/${group.id}`;
  await graph.api(`${one}/members/$ref`).post(reference(`${PROFILE}/connectors/${machine.id}`));
  const expanded = await graph.api(one).expand("members($select=id,machineName)").get();
  assert.deepEqual(expanded.members.map((member) => member.machineName), ["sdk-machine"]);
  const memberOf = await graph.api(`${PROFILE}/connectors/${machine.id}/memberOf`).get();
  assert.deepEqual(memberOf.value.map(({ id }) => id), [group.id]);

  const old = await graph.api(`/connectorGroups/${group.id}/members/$ref`).post(reference(`/connector/${machine.id}`));
  assert.equal(old.id, machine.id, "the root of 2016 answers with the connector");
  await graph.api(`${one}/members/${machine.id}/$ref`).delete();
  assert.deepEqual((await graph.api(`${one}/members`).get()).value, []);
  await graph.api(one).delete();
}

async function errors() {
  await refused(graph.api(`${PROFILE}/connectorGroups/${NOBODY}`).get(), 404, "ConnectorGroup_NotFound", NOBODY);
  await refused(graph.api(`${PROFILE}/connectorGroups`).filter("name eq").get(), 400, "BadRequest", "filter");
  const unknown = { name: "JS", colour: "red" };
  await refused(graph.api(`${PROFILE}/connectorGroups`).post(unknown), 400, "Request_BadRequest", "colour");
  await refused(clientOf("wrong").api(`${PROFILE}/connectorGroups`).get(), 401, "InvalidAuthenticationToken", "token");
  const reads = clientOf(reader);
  assert.ok((await reads.api(`${PROFILE}/connectorGroups`).get()).value.length > 0);
  const forbidden = reads.api(`${PROFILE}/connectorGroups`).post({ name: "JS forbidden" });
  await refused(forbidden, 403, "Authorization_RequestDenied", "privileges");
}

async function pages() {
  const names = Array.from({ length: 23 }, (_, number) => `JS page ${String(number).padStart(2, "0")} Würze`);
  const made = [];
  for (const name of names) made.push(await newGroup(name));
  const first = await graph.api(`${PROFILE}/connectorGroups`)
    .filter("startswith(name,'JS page')").orderby("name").select(["id", "name"]).top(7).get();
  assert.equal(first.value.length, 7);
  assert.ok(first["@odata.nextLink"].startsWith(`${server}/beta/`), first["@odata.nextLink"]);
  const found = [];
  const iterator = new PageIterator(graph, first, (group) => {
    found.push(group.name);
    return found.length !== 10;
  });
  await iterator.iterate();
  assert.equal(found.length, 10, "paused where it was told to");
  await iterator.resume();
  assert.ok(iterator.isComplete());
  assert.deepEqual(found, names);
  for (const group of made) await graph.api(`${PROFILE}/connectorGroups/${group.id}`).delete();
}

async function batch() {
  const group = await newGroup("JS batch");
  const url = `/beta${PROFILE}/connectorGroups/${group.id}`;
  const asked = (path, more) => new Request(`https://graph.microsoft.com${path}`, more);
  const json = { "Content-Type": "application/json" };
  const content = new BatchRequestContent([
    { id: "1", request: asked(url, { method: "PATCH", headers: json, body: JSON.stringify({ name: "JS bätch" }) }) },
    { id: "2", dependsOn: ["1"], request: asked(url, { method: "GET" }) },
    { id: "3", dependsOn: ["2"], request: asked(`${PROFILE}/connectorGroups/${NOBODY}`, { method: "GET" }) },
    { id: "4", dependsOn: ["3"], request: asked(url, { method: "DELETE" }) },
  ]);
  const answered = new BatchResponseContent(await graph.api("/$batch").post(await content.getContent()));
  const statuses = ["1", "2", "3", "4"].map((id) => answered.getResponseById(id).status);
  assert.deepEqual(statuses, [204, 200, 404, 424]);
  assert.equal((await answered.getResponseById("2").json()).name, "JS bätch");
  assert.equal((await answered.getResponseById("3").json()).error.code, "ConnectorGroup_NotFound");
  await graph.api(`${PROFILE}/connectorGroups/${group.id}`).delete();
}

async function publishing() {
  const group = await newGroup("JS publishing");
  const wanted = { displayName: "JS Bücher", signInAudience: "AzureADMyOrg" };
  const application = await graph.api("/applications").post(wanted);
  const one = `/applications/${application.id}`;
  const settings = {
    externalAuthenticationType: "passthru",
    internalUrl: "http://books.internal.example/",
    externalUrl: "https://books.apps.example/",
  };
  await graph.api(one).patch({ onPremisesPublishing: settings });
  const read = await graph.api(one).select("onPremisesPublishing").get();
  assert.equal(read.onPremisesPublishing.externalUrl, settings.externalUrl);
  await graph.api(`${one}/connectorGroup/$ref`).put(reference(`${PROFILE}/connectorGroups/${group.id}`));
  assert.equal((await graph.api(`${one}/connectorGroup`).get()).id, group.id);
  const served = await graph.api(`${PROFILE}/connectorGroups/${group.id}/applications`).get();
  assert.deepEqual(served.value.map(({ displayName }) => displayName), ["JS Bücher"]);
  const principals = await graph.api("/servicePrincipals").filter(`appId eq '${application.appId}'`).get();
  assert.ok(principals.value[0].tags.includes("WindowsAzureActiveDirectoryOnPremApp"), principals.value);
  await graph.api(one).delete();
  await graph.api(`${PROFILE}/connectorGroups/${group.id}`).delete();
}

async function tellAll() {
  for (const story of [groups, moves, errors, pages, batch, publishing]) {
    if (wanted.length > 0 && !wanted.includes(story.name)) continue;
    await story();
    console.log(`${story.name}: as expected`);
  }
}

tellAll().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
