// The walk of a program that uses oauth4webapi, which also checks the token as an API would (RFC 9068).

import * as oauth from "oauth4webapi";
import { given, refusal, tell, verified } from "./story.mjs";

const Authentication = { client_secret_basic: oauth.ClientSecretBasic, client_secret_post: oauth.ClientSecretPost };
const client = { client_id: given.clientId };
const loopback = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(given.issuer);

const found = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...loopback });
const server = await oauth.processDiscoveryResponse(issuer, found);

async function fetchToken(secret, scope) {
  const parameters = new URLSearchParams({ scope });
  const authentication = Authentication[given.method](secret);
  const response = await oauth.clientCredentialsGrantRequest(server, client, authentication, parameters, loopback);
  return oauth.processClientCredentialsResponse(server, client, response);
}

const authentication = Authentication[given.method](given.secret);
const answer = await fetchToken(given.secret, given.scope);
const token = answer.access_token;

async function introspect() {
  const response = await oauth.introspectionRequest(server, client, authentication, token, loopback);
  return oauth.processIntrospectionResponse(server, client, response);
}

const call = new Request("https://api.example/", { headers: { authorization: `Bearer ${token}` } });
await oauth.validateJwtAccessToken(server, call, given.audience, loopback);
const seen = await verified(token, server.jwks_uri);

const before = await introspect();
const revoked = await oauth.revocationRequest(server, client, authentication, token, loopback);
await oauth.processRevocationResponse(revoked);
const after = await introspect();

const wrongSecret = await refusal(fetchToken(given.wrong, given.scope));
const wrongScope = await refusal(fetchToken(given.secret, "not-ours"));
tell({
  answer,
  ...seen,
  before,
  after,
  wrongSecret: { name: wrongSecret.name, status: wrongSecret.status, detail: wrongSecret.cause },
  wrongScope: { name: wrongScope.name, status: wrongScope.status, detail: wrongScope.cause },
});
