// The walk of a program that uses simple-oauth2, which knows neither discovery nor introspection: those are plain calls.

import { ClientCredentials } from "simple-oauth2";
import { given, refusal, tell, verified } from "./story.mjs";

const found = await fetch(`${given.issuer}/.well-known/oauth-authorization-server`);
const server = await found.json();

function fetchToken(secret, scope) {
  const { pathname: tokenPath } = new URL(server.token_endpoint);
  const { pathname: revokePath } = new URL(server.revocation_endpoint);
  const client = new ClientCredentials({
    client: { id: given.clientId, secret },
    auth: { tokenHost: server.issuer, tokenPath, revokePath },
    options: { authorizationMethod: given.method === "client_secret_basic" ? "header" : "body" },
  });
  return client.getToken({ scope });
}

async function introspect(token) {
  const body = new URLSearchParams({ token, client_id: given.clientId, client_secret: given.secret });
  const response = await fetch(server.introspection_endpoint, { method: "POST", body });
  return response.json();
}

const fetched = await fetchToken(given.secret, given.scope);
const answer = fetched.token;
const seen = await verified(answer.access_token, server.jwks_uri);

const before = await introspect(answer.access_token);
await fetched.revoke("access_token");
const after = await introspect(answer.access_token);

const wrongSecret = await refusal(fetchToken(given.wrong, given.scope));
const wrongScope = await refusal(fetchToken(given.secret, "not-ours"));
tell({
  answer,
  ...seen,
  before,
  after,
  wrongSecret: { name: wrongSecret.message, status: wrongSecret.output.statusCode, detail: wrongSecret.data.payload },
  wrongScope: { name: wrongScope.message, status: wrongScope.output.statusCode, detail: wrongScope.data.payload },
});
