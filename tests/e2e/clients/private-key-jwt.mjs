// Two libraries that sign for themselves (RFC 7523): a token, and the refusal of another key.

import * as jose from "jose";
import * as oauth from "oauth4webapi";
import * as client from "openid-client";
import { given, refusal, tell, verified } from "./story.mjs";

const key = await jose.importJWK(given.key, given.algorithm);
const stranger = (await jose.generateKeyPair(given.algorithm)).privateKey;
const issuer = new URL(given.issuer);
const loopback = { [oauth.allowInsecureRequests]: true };

async function byOauth4webapi(signedWith) {
  const found = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...loopback });
  const server = await oauth.processDiscoveryResponse(issuer, found);
  const self = { client_id: given.clientId };
  const proof = oauth.PrivateKeyJwt(signedWith);
  const response = await oauth.clientCredentialsGrantRequest(server, self, proof, new URLSearchParams(), loopback);
  return oauth.processClientCredentialsResponse(server, self, response);
}

async function byOpenidClient(signedWith) {
  const options = { algorithm: "oauth2", execute: [client.allowInsecureRequests] };
  const proof = client.PrivateKeyJwt(signedWith);
  const config = await client.discovery(issuer, given.clientId, undefined, proof, options);
  return client.clientCredentialsGrant(config, {});
}

const story = {};
for (const [name, fetchToken] of Object.entries({ byOauth4webapi, byOpenidClient })) {
  const answer = await fetchToken(key);
  const seen = await verified(answer.access_token, `${given.issuer}/oauth/jwks.json`);
  const refused = await refusal(fetchToken(stranger));
  story[name] = { answer, ...seen, refused: { name: refused.name, status: refused.status } };
}
tell(story);
