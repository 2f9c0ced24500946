// The walk of a program that uses openid-client.

import * as client from "openid-client";
import { given, refusal, tell, verified } from "./story.mjs";

const Authentication = { client_secret_basic: client.ClientSecretBasic, client_secret_post: client.ClientSecretPost };

function discover(secret) {
  const authentication = Authentication[given.method](secret);
  const options = { algorithm: "oauth2", execute: [client.allowInsecureRequests] };
  return client.discovery(new URL(given.issuer), given.clientId, undefined, authentication, options);
}

const config = await discover(given.secret);
const answer = await client.clientCredentialsGrant(config, { scope: given.scope });
const token = answer.access_token;
const seen = await verified(token, config.serverMetadata().jwks_uri);

const before = await client.tokenIntrospection(config, token);
await client.tokenRevocation(config, token);
const after = await client.tokenIntrospection(config, token);

const wrongSecret = await refusal(client.clientCredentialsGrant(await discover(given.wrong)));
const wrongScope = await refusal(client.clientCredentialsGrant(config, { scope: "not-ours" }));
tell({
  answer,
  ...seen,
  before,
  after,
  wrongSecret: { name: wrongSecret.name, status: wrongSecret.status, detail: wrongSecret.cause },
  wrongScope: { name: wrongScope.name, status: wrongScope.status, detail: wrongScope.cause },
});
