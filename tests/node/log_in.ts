// A client made of the served description: it registers, logs in, lists captures, and is refused with a wrong password.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[]; exit(code: number): never };

const [, , baseUrl, username, password] = process.argv;
if (baseUrl === undefined || username === undefined || password === undefined) process.exit(2);
const api = createClient<paths>({ baseUrl });

function need<Value>(value: Value | undefined, problem: components["schemas"]["ProblemDocument"] | undefined): Value {
  if (value === undefined) throw new Error(problem?.detail ?? problem?.title ?? "no answer");
  return value;
}

const registered = await api.POST("/v1/users", { body: { username, email: `${username}@example.org`, password } });
const user: components["schemas"]["UserView"] = need(registered.data, registered.error);

const loggedIn = await api.POST("/v1/tokens", { body: { username, password } });
const tokens = need(loggedIn.data, loggedIn.error);

const headers = { Authorization: `Bearer ${tokens.access_token}` };
const listed = await api.GET("/v1/captures", { headers, params: { query: { limit: 10 } } });
const captures = need(listed.data, listed.error);

const refused = await api.POST("/v1/tokens", { body: { username, password: `${password}!` } });
console.log(
  JSON.stringify({
    registered: user.username,
    captures: captures.items.length,
    refused: refused.error?.type.split(":").at(-1),
  }),
);
