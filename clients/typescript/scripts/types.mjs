/** Makes src/openapi.ts of a server's OpenAPI document: of what this client calls, and nothing else.

    node scripts/types.mjs http://127.0.0.1:8000/openapi.json [where to write it]
*/

import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const CALLED = {
  "/api/conversations": ["get", "post"],
  "/api/conversations/{id}": ["get"],
  "/api/conversations/{id}/messages": ["get", "post"],
  "/api/messages/{id}/regenerate": ["post"],
  "/api/messages/{id}/continue": ["post"],
  "/api/generations/{id}": ["get"],
  "/api/generations/{id}/stop": ["post"],
  "/api/llm/chat": ["post"],
  "/api/llm/chat/session": ["post"],
  "/api/llm/chat/session/{id}/history": ["get", "delete"],
  "/api/llm/models": ["get"],
  "/api/llm/health": ["get"],
  "/health": ["get"],
};
const HEADER = `/** Made by \`npm run types\` of what the server says at /openapi.json: change nothing here. */\n\n`;

/** An operation without what every one of them has: its refusals are all a \`Problem\`. */
function bare({ parameters, requestBody, responses, operationId }) {
  const given = (parameters ?? []).filter((one) => one.in !== "header" && one.in !== "cookie");
  const answers = Object.entries(responses).filter(([status]) => status.startsWith("2"));
  return { operationId, parameters: given, requestBody, responses: Object.fromEntries(answers) };
}

function pathsOf(document) {
  const operations = ([path, methods]) => methods.map((method) => [method, bare(document.paths[path][method])]);
  return Object.fromEntries(Object.entries(CALLED).map((one) => [one[0], Object.fromEntries(operations(one))]));
}

/** Without titles that repeat a name, and examples: what is left is said in the types' comments. */
function plain(part) {
  if (Array.isArray(part)) return part.map(plain);
  if (part === null || typeof part !== "object") return part;
  const said = Object.entries(part).filter(([name, value]) => !(name === "title" && typeof value === "string"));
  return Object.fromEntries(said.filter(([name]) => !/^examples?$/.test(name)).map(([name, value]) => [name, plain(value)]));
}

/** The names of the schemas that are referred to from here, and from those. */
function namesIn(part, schemas, found = new Set()) {
  for (const [, name] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
    if (found.has(name)) continue;
    found.add(name);
    namesIn(schemas[name], schemas, found);
  }
  return found;
}

const [source = "http://127.0.0.1:8000/openapi.json", target = "src/openapi.ts"] = process.argv.slice(2);
const text = /^https?:/.test(source) ? await (await fetch(source)).text() : await readFile(source, "utf-8");
const document = JSON.parse(text);
const paths = pathsOf(document);
const { schemas } = document.components;
const names = [...namesIn(paths, schemas).add("Problem"), ...namesIn(schemas.Problem, schemas)];
const kept = Object.fromEntries([...new Set(names)].sort().map((name) => [name, schemas[name]]));
const made = plain({ openapi: document.openapi, info: document.info, paths, components: { schemas: kept } });
await writeFile(target, HEADER + astToString(await openapiTS(made, { alphabetize: true, defaultNonNullable: false })));
