// What the scripts of all client libraries share: what the test gives, what it is told, and the signature as jose sees it.

import { createRemoteJWKSet, jwtVerify } from "jose";

export const given = JSON.parse(await new Response(process.stdin).text());

/** Header and claims of a token that an API would let in; anything else is an error. */
export async function verified(token, jwksUri) {
  const { protectedHeader, payload } = await jwtVerify(token, createRemoteJWKSet(new URL(jwksUri)), {
    issuer: given.issuer,
    audience: given.audience,
    typ: "at+jwt",
    requiredClaims: ["exp", "iat", "jti", "sub", "client_id", "scope"],
  });
  return { header: protectedHeader, claims: payload };
}

/** The error that this promise ends with. */
export async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("A wrong secret was taken for a right one.");
}

/** Hand the story to the test. */
export function tell(story) {
  console.log(JSON.stringify(story));
}
