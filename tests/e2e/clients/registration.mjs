// Programs that register themselves (RFC 7591) with openid-client and with oauth4webapi, and get a token.

import * as oauth from "oauth4webapi";
import * as client from "openid-client";
import { given, refusal, tell, verified } from "./story.mjs";

const [first, second] = given.tokens;
const issuer = new URL(given.issuer);

function register(token) {
  const options = { algorithm: "oauth2", execute: [client.allowInsecureRequests], initialAccessToken: token };
  return client.dynamicClientRegistration(issuer, { client_name: "Runner 1" }, undefined, options);
}

const config = await register(first);
const answer = await client.clientCredentialsGrant(config);
const byOpenidClient = {
  ...(await verified(answer.access_token, config.serverMetadata().jwks_uri)),
  clientId: config.clientMetadata().client_id,
  refused: await refusal(register(first)),
};

const insecure = { [oauth.allowInsecureRequests]: true };
const found = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure });
const server = await oauth.processDiscoveryResponse(issuer, found);
const asked = { client_name: "Runner 2", token_endpoint_auth_method: "client_secret_basic" };
const made = await oauth.dynamicClientRegistrationRequest(server, asked, { initialAccessToken: second, ...insecure });
const registered = await oauth.processDynamicClientRegistrationResponse(made);
const authentication = oauth.ClientSecretBasic(registered.client_secret);
const response = await oauth.clientCredentialsGrantRequest(server, registered, authentication, {}, insecure);
const token = await oauth.processClientCredentialsResponse(server, registered, response);
const byOauth4webapi = { ...(await verified(token.access_token, server.jwks_uri)), clientId: registered.client_id };

tell({
  byOpenidClient: { ...byOpenidClient, refused: { name: byOpenidClient.refused.name, status: byOpenidClient.refused.status } },
  byOauth4webapi,
});
